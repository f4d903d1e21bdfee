"""Studies as people type them: trials a second at both depths on two cores, tables of a million rows, p-values.

Rates are of what a longer run has beyond a shorter one, so that the start of the program is not in them.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import llama
from bench.clusters import MAPS
from bench.figure import Figure
from llama.formats.background_table import BackgroundRow, TextTable, write_table
from llama.formats.populations import PopulationsFile

ROWS, SHARDS, LOOK_UPS = 1_000_000, 4, 20_000
KERNEL, PIPELINE = (10_000, 40_000), (200, 600)


def figures() -> list[Figure]:
    """All of them; the machine should have nothing else to do."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "maps.csv").write_text("".join(f"{path.resolve()}\n" for path in MAPS))
        lists = _rate(here, "kernel", KERNEL, 500)
        events = _rate(here, "pipeline", PIPELINE, 100)
        kept = sum(path.stat().st_size for path in (here / "pipeline-1" / "events").rglob("*") if path.is_file())
        rows_s = _collated(here)
    return [
        Figure("1e6 background trials of IC86-2011 at kernel depth, two processes", 1e6 / lists / 60, "min", 25),
        Figure("  trials a second", lists, "/s", None),
        Figure("an event at pipeline depth, two processes (15 a second)", 1e3 / events, "ms", 1e3 / 15),
        Figure("  kept of it", kept / PIPELINE[1] / 1e3, "kB", 40),
        Figure(f"{ROWS:.0e} rows of {SHARDS} tables collated into one", rows_s, "s", 10),
        Figure("a p-value looked up in the packaged tables", _look_up_us(), "us", 10),
    ]


def _rate(here: Path, depth: str, counts: tuple[int, int], per_map: int) -> float:
    """Trials a second."""
    took = []
    for k, trials in enumerate(counts):
        words = ("trials", "background", "maps.csv", "-d", f"{depth}-{k}", "-p", "bns", "--depth", depth, "-j", 2)
        took.append(_typed(here, *words, "-n", trials, "--per-map", per_map))
    return (counts[1] - counts[0]) / (took[1] - took[0])


def _collated(here: Path) -> float:
    """Wall time of the command, in s."""
    odds = np.random.default_rng(1).lognormal(-20, 10, ROWS).tolist()
    rows = [BackgroundRow(one, k % 9, f"study/injection-{k}", f"/maps/{k % 200}.fits") for k, one in enumerate(odds)]
    for k in range(SHARDS):
        write_table(here / f"shard{k}.txt", TextTable(rows[k::SHARDS], {"search": "opa", "provenance": "made up"}))
    return _typed(here, "background", "table", "all.txt", *(f"shard{k}.txt" for k in range(SHARDS)))


def _typed(here: Path, *words: object) -> float:
    """Wall time of `llama dev WORDS`, in s."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "llama", "dev", *map(str, words)]
    subprocess.run(command, cwd=here, env={**os.environ, "HOME": str(here)}, check=True, capture_output=True)
    return time.perf_counter() - start


def _look_up_us() -> float:
    """Of one table once it is read, in µs."""
    tables = PopulationsFile().read(Path(llama.__file__).parent / "data" / "populations.hdf5").tables
    table = tables["opa/bns/o4/H1L1V1/IC86-2011"]
    asked = np.random.default_rng(2).choice(table.statistics, LOOK_UPS).tolist()
    table.p_value(asked[0])
    start = time.perf_counter()
    for one in asked:
        table.p_value(one)
    return (time.perf_counter() - start) / LOOK_UPS * 1e6
