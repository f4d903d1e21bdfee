"""Neutrino lists of a study as files: `bklist/NAME.json` with `bklist_names.txt`, `signal-neutrinos/`, ….

Each is an `icecube_neutrino_list.json`, so that a pipeline takes it as the neutrino file of an event at the list's
own time, the middle of its window.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import Executor
from pathlib import Path

import numpy as np

from llama.engine.folder import storage_errors
from llama.formats.errors import FormatError
from llama.formats.records import to_json
from llama.formats.whole import put_whole
from llama.science.statistic import rate_hz
from llama.studies.blocks import generator
from llama.studies.listed import Listed
from llama.studies.pool import Pool
from llama.studies.trials import Connect, Task, why_of
from llama.studies.truth import merged, scrambled

LISTS, NAMES = "bklist", "bklist_names.txt"
SIGNAL_FOLDERS = {"signal": "signal-neutrinos", "doublet": "signal-doublet-neutrinos"}
_AT_ONCE = 1000
_TRUTH = "trial,skymap,gps,ra_deg,dec_deg,distance_mpc,energy_gev,true_energy_gev,weight"


def write_background(
    folder: Path, connect: Connect, population: str, *, lists: int, gps_s: float, seed: int, executor: Executor
) -> Iterator[int]:
    """Background lists around one time, and their names, one per line; gives how many more there are, as they come.

    List i is the same whatever the number of lists. The names are written last, so they name whole files only.
    FormatError for a list that is there with other neutrinos: those of another study are not written over.
    """
    names = [f"background-{i}" for i in range(lists)]
    task = functools.partial(_some_background, folder, connect, population, lists, gps_s, seed)
    yield from executor.map(task, range(0, lists, _AT_ONCE))
    with storage_errors(folder):
        _write(folder / NAMES, "".join(f"{name}\n" for name in names).encode())


def _some_background(
    folder: Path, connect: Connect, population: str, lists: int, gps_s: float, seed: int, first: int
) -> int:
    """Write the lists of one block; gives how many they are."""
    inputs = connect()
    season, search = inputs.season, inputs.searches.choose(population).search
    pool = Pool.of(inputs.events).within(search)
    rng = generator(seed, f"bklist {season.name} {search.name} {gps_s!r}", first // _AT_ONCE)
    drawn = scrambled(rng, pool, rate_hz(season, search), search, _AT_ONCE)
    listed = Listed.of(merged((drawn,), _AT_ONCE), gps_s, season.name)
    some = range(first, min(first + _AT_ONCE, lists))
    with storage_errors(folder):
        (folder / LISTS).mkdir(parents=True, exist_ok=True)
        for i in some:
            path, data = folder / LISTS / f"background-{i}.json", to_json(listed.record(i - first))
            if not path.is_file():
                put_whole(path, data)
            elif path.read_bytes() != data:
                raise FormatError(
                    f"{path} has other neutrinos: of another seed, season, time or population, or changed since; "
                    "choose another folder with -d, or delete it"
                )
    return len(some)


def write_signal(folder: Path, task: Task, blocks: range, executor: Executor) -> Iterator[tuple[int, str]]:
    """The lists of signal trials: those that the same study's events have, as injection-N.json, and `injections.csv`
    with what is true of their sources. Gives the number of each block, and why its map was left out, if so.
    """
    target = folder / SIGNAL_FOLDERS[task.kind]
    truths = [_TRUTH]
    written = executor.map(functools.partial(_some_signal, target, task), blocks)
    for block, (lines, why) in zip(blocks, written, strict=True):
        truths.extend(lines)
        yield block, why
    with storage_errors(target):
        _write(target / "injections.csv", ("\n".join(truths) + "\n").encode())


def _some_signal(target: Path, task: Task, block: int) -> tuple[list[str], str]:
    """Write the lists of one block; gives a line of what is true of each, or why there are none."""
    try:
        host, _, listed, injected = task.draw(block)
    except (FormatError, ValueError, OSError) as error:
        return [], why_of(error, task.map_of(block))
    truths = []
    with storage_errors(target):
        target.mkdir(parents=True, exist_ok=True)
        for i in range(len(listed)):
            name = block * task.size + i
            _write(target / f"injection-{name}.json", to_json(listed.record(i)))
            where = np.degrees([injected.ra_rad[i], injected.dec_rad[i]])
            energies = (" ".join(f"{e:.6g}" for e in of[i]) for of in (injected.energy_gev, injected.true_energy_gev))
            truths.append(
                f"{name},{task.map_of(block)},{host.trigger.gps_s!r},{where[0]:.6f},{where[1]:.6f},"
                f"{injected.distance_mpc[i]:.6g},{','.join(energies)},{injected.weight[i]:.6g}"
            )
    return truths, ""


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all; one that is there already with these bytes is left alone."""
    if path.is_file() and path.read_bytes() == data:
        return
    put_whole(path, data)
