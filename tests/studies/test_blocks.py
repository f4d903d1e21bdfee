"""Blocks of studies are the same wherever they are drawn, and what is kept is read back as it was."""

from __future__ import annotations

import functools
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import llama
from llama.formats.errors import FormatError
from llama.formats.tables import IceCubeTablesFile
from llama.science.arrays import Float
from llama.science.search import Search
from llama.studies.background_density import BackgroundDraws
from llama.studies.blocks import Blocks, Form, InTurn, code_digest, generator, processes, read_kept
from llama.studies.validation import recovery, statements, uniformity
from llama.studies.validation.events import map_blocks
from llama.studies.validation.inputs import CheckInputs, GaussianMap, Population, synthetic_pool

PACKAGE = Path(llama.__file__).parent
NUMBERS: Form[Float] = Form(lambda values: {"values": values}, lambda arrays: arrays["values"])


class Backwards(Executor):
    """An executor that finishes what was given last first, and gives results in order all the same."""

    def map(self, fn: Callable[..., Any], *iterables: Iterable[Any], **_: Any) -> Iterator[Any]:
        return iter([fn(*one) for one in [*zip(*iterables, strict=True)][::-1]][::-1])


def uniform(seed: int, block: int) -> Float:
    return generator(seed, "a study", block).random(3)


@pytest.fixture(scope="module")
def inputs() -> CheckInputs:
    season = IceCubeTablesFile().read(PACKAGE / "data/icecube_tables.h5").season("IC86-2011")
    maps = (GaussianMap(40.0, 10.0, 6.0, 200.0, 50.0), GaussianMap(200.0, -20.0, 10.0, 300.0, 60.0))
    return CheckInputs((Population("near", maps, "synthetic", Search()),), synthetic_pool(season, 20_000), season)


def test_block_k_draws_from_its_own_seed() -> None:
    first = generator(1, "a", 2).random()
    rng = np.random.default_rng(np.random.SeedSequence((1, 0xE8B7BE43), spawn_key=(2,)))  # the CRC-32 of "a"
    assert first == rng.random()
    drawn = {generator(*key).random() for key in ((1, "a", 0), (1, "a", 1), (1, "b", 0), (2, "a", 0))}
    assert len(drawn) == 4


@pytest.mark.slow
def test_blocks_do_not_depend_on_who_draws_them(inputs: CheckInputs) -> None:
    model = statements.models(inputs.populations[0], inputs)[statements.FREQUENT]
    blocks = statements.blocks(model, 30)
    assert sum(block.events for block in blocks) == 30
    task = functools.partial(statements.tally_block, inputs, BackgroundDraws.of(inputs.season, model.search), 7)
    with processes(2) as two:
        here, there, back = (
            list(Blocks(by).draw("calibration", task, blocks)) for by in (InTurn(), two, Backwards())
        )
    for other in (there, back):
        for one, same in zip(here, other, strict=True):
            assert list(one) == list(same)
            for name in one:
                assert one[name].stated.tolist() == same[name].stated.tolist()
                assert one[name].true.tolist() == same[name].true.tolist()


def test_a_run_that_was_cut_goes_on_where_it_stopped(tmp_path: Path) -> None:
    task, tmp_path = functools.partial(uniform, 5), tmp_path / "kept"
    whole = list(Blocks(InTurn()).draw("a study", task, range(4)))
    cut = Blocks(InTurn(), tmp_path, "digest").draw("a study", task, range(4), NUMBERS)
    next(cut), next(cut)
    cut.close()
    assert len(list(tmp_path.iterdir())) == 2
    asked: list[int] = []

    def noted(block: int) -> Float:
        asked.append(block)
        return task(block)

    again = list(Blocks(InTurn(), tmp_path, "digest").draw("a study", noted, range(4), NUMBERS))
    assert asked == [2, 3]
    assert [one.tolist() for one in again] == [one.tolist() for one in whole]
    asked.clear()
    list(Blocks(InTurn(), tmp_path, "other code").draw("a study", noted, range(4), NUMBERS))
    assert asked == [0, 1, 2, 3]


@pytest.mark.slow
def test_every_result_is_kept_as_it_was(inputs: CheckInputs, tmp_path: Path) -> None:
    population, tmp_path = inputs.populations[0], tmp_path / "kept"
    model = statements.models(population, inputs)[statements.FREQUENT]
    tally = functools.partial(statements.tally_block, inputs, BackgroundDraws.of(inputs.season, model.search), 7)
    trial = functools.partial(recovery.trial_block, inputs, 7, "r", 0.5)
    odds = functools.partial(uniformity.draw_block, inputs, 7, "u", 0)
    some = map_blocks(population, 12, 7, "s")
    studies: list[tuple[str, Any, Any, Any]] = [
        ("tallies", tally, statements.blocks(model, 8), statements.AS_ARRAYS),
        ("trials", trial, some, recovery.AS_ARRAYS),
        ("odds", odds, some, uniformity.AS_ARRAYS),
    ]
    for study, task, blocks, form in studies:
        drawn = list(Blocks(InTurn(), tmp_path).draw(study, task, blocks, form))
        kept = list(Blocks(InTurn(), tmp_path).draw(study, never, blocks, form))
        assert [pickle.dumps(numbers(form, one)) for one in drawn] == [
            pickle.dumps(numbers(form, one)) for one in kept
        ]
        assert all(type(one) is type(same) for one, same in zip(drawn, kept, strict=True))
    for path in tmp_path.iterdir():
        assert path.suffix == ".npz"
        with np.load(path, allow_pickle=False) as found:
            assert all(found[name].dtype != object for name in found)


def numbers(form: Any, result: Any) -> list[tuple[str, str, bytes]]:
    return [(name, str(value.dtype), value.tobytes()) for name, value in form.arrays(result).items()]


def never(block: object) -> Any:
    raise AssertionError(f"{block} is drawn again")


@pytest.mark.parametrize("damage", [b"", b"not an archive", pickle.dumps([1.0])])
def test_a_kept_block_that_is_damaged_is_named_and_drawn_again(tmp_path: Path, damage: bytes) -> None:
    tmp_path, told = tmp_path / "kept", list[str]()
    blocks = Blocks(InTurn(), tmp_path, tell=told.append)
    task = functools.partial(uniform, 5)
    before = list(blocks.draw("a study", task, range(3), NUMBERS))
    whole = {path: path.read_bytes() for path in tmp_path.iterdir()}
    victim = min(whole)
    victim.write_bytes(damage)
    again = list(blocks.draw("a study", task, range(3), NUMBERS))
    assert [numbers(NUMBERS, one) for one in again] == [numbers(NUMBERS, one) for one in before]
    assert told == [f"{victim} is no block that was kept whole; it is drawn again"]
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == whole
    list(blocks.draw("a study", never, range(3), NUMBERS))


def test_whatever_bytes_are_others_a_kept_block_is_whole_or_told(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    list(Blocks(InTurn(), kept).draw("a study", functools.partial(uniform, 5), range(1), NUMBERS))
    (path,) = kept.iterdir()
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    told = 0
    for _ in range(2000):
        changed = bytearray(whole)
        for at in rng.integers(len(whole), size=rng.integers(1, 4)):
            changed[at] = rng.integers(256)
        path.write_bytes(changed)
        try:
            read_kept(path, NUMBERS)
        except FormatError as error:
            assert str(path) in str(error)
            told += 1
    assert told > 500
    np.save(path.open("wb"), np.arange(3))
    with pytest.raises(FormatError, match="is no block that was kept whole"):
        read_kept(path, NUMBERS)


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("science/statistic/kernel.py", True),
        ("science/search.py", True),
        ("studies/blocks.py", True),
        ("studies/validation/evaluate.py", True),
        ("studies/validation/page.py", False),
    ],
)
def test_what_other_code_drew_is_not_used(tmp_path: Path, file: str, counts: bool) -> None:
    for folder in ("science", "studies"):
        shutil.copytree(PACKAGE / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    assert code_digest(tmp_path) == code_digest()
    with (tmp_path / file).open("a") as changed:
        changed.write("# another version\n")
    assert (code_digest(tmp_path) != code_digest()) is counts
