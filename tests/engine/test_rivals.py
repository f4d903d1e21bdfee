"""Two runners with different settings on one event: they do not remake each other's results for ever."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_runner import eventually, made
from toybench import HERE, Bench
from toys import TABLED, TABLEDS

from llama.engine.graph.pipeline import Pipeline
from llama.engine.running.making import utc_now
from llama.engine.running.status import Kind

FOLLOW = """
import logging, signal, sys
from pathlib import Path
import llama.engine.running.runner as module
import toys
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.folder.run import Run
from llama.engine.folder.store import SharedDigests
from llama.engine.running.watching import FolderChanges

logging.basicConfig(level=logging.INFO)
module._SWEEP_S = 0.2
run = Run(Path(sys.argv[1]))
world = toys.World(shared=Path(sys.argv[2]))
maker = Maker(toys.TABLEDS, world, SharedDigests(world))
runner = module.Runner(maker, Here(maker))
signal.signal(signal.SIGTERM, lambda *_: runner.stop())
runner.watch(run.events, FolderChanges(run.path))
"""


class Follower:
    """A process that watches a run, by its own folder of tables."""

    def __init__(self, run: Path, tables: Path, log: Path) -> None:
        self.log = log
        with open(log, "w") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-c", FOLLOW, run, tables], env={**os.environ, "PYTHONPATH": str(HERE)}, stderr=said
            )

    def says(self, text: str) -> bool:
        return text in self.log.read_text()

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("ours", "theirs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table.txt").write_text(name)
    return tmp_path / "ours", tmp_path / "theirs"


@pytest.fixture
def ours(bench: Bench, tables: tuple[Path, Path]) -> Bench:
    bench.now = utc_now()
    bench.use(TABLEDS, tables[0])
    return bench


@pytest.fixture
def theirs(ours: Bench, tables: tuple[Path, Path], tmp_path: Path) -> Iterator[Follower]:
    ours.make(TABLED)
    follower = Follower(ours.event.path.parent, tables[1], tmp_path / "theirs.log")
    eventually(lambda: made(ours.event.path) == 2)
    yield follower
    if follower.process.poll() is None:
        follower.end()


def test_what_a_living_run_remade_with_other_settings_is_held(ours: Bench, theirs: Follower) -> None:
    status = ours.status(TABLED)
    assert status.kind is Kind.HELD and status.stuck
    assert status.why.startswith(f"made with another table.txt by process {theirs.process.pid} on ")
    assert "stop one of them" in status.why
    theirs.end()
    assert ours.status(TABLED).kind is Kind.READY


def test_two_watchers_make_it_once_each_and_both_are_told(
    ours: Bench, theirs: Follower, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    mine = Follower(ours.event.path.parent, tables[0], tmp_path / "mine.log")
    eventually(lambda: mine.says("stop one of them"))
    ours.receive(source="news")  # whose result is the last makes it again, and the other is held
    eventually(lambda: ours.read(TABLED) == "newstheirs")
    mine.end()
    theirs.end()
    assert made(ours.event.path) == 3
    assert theirs.says("stop one of them")
    assert mine.log.read_text().count("stop one of them") == 1


def test_somebody_s_wish_is_done_whoever_else_runs(ours: Bench, theirs: Follower) -> None:
    ours.event.remake(TABLED, why="I want ours", now=ours.now)
    assert ours.status(TABLED).kind is Kind.READY or theirs.says("making tabled.txt")


def test_tables_of_the_same_result_make_nothing_anew(bench: Bench, tables: tuple[Path, Path]) -> None:
    """A making that changed nothing is remembered: going back and forth between the two is no news."""
    product = dataclasses.replace(TABLED, make=lambda step: "the same")
    pipeline = Pipeline("P", (*TABLED.inputs, product))
    for place in tables:
        bench.use(pipeline, place)
        bench.make(product)
    for place in (*tables, *tables):
        bench.use(pipeline, place)
        assert bench.status(product).kind is Kind.DONE
    assert made(bench.event.path) == 2


def test_one_run_that_goes_back_to_an_earlier_table_is_not_its_own_rival(
    bench: Bench, tables: tuple[Path, Path]
) -> None:
    for place in (*tables, tables[0]):
        bench.use(TABLEDS, place)
        bench.make(TABLED)
    assert bench.read(TABLED) == "helloours"
