"""Dask's workers on this machine: what the engine takes beside the blocks, and what a block costs the scheduler.

Shares are of processor time, which does not depend on what else the machine does; ratios of wall times do.
"""

from __future__ import annotations

import logging
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster

from bench.figure import Figure
from bench.inputs import DATA
from llama.app import App
from llama.studies.blocks import generator
from llama.studies.clusters import Workforce, read_cluster
from llama.studies.clusters.deployed import QUIET_WORKERS
from llama.studies.trials import Options, Task, TrialStudy, do_block, kernel_odds
from llama.supplies import trial_inputs

PER_MAP, BLOCKS, SMALL = 500, 64, 1000
MAPS = [DATA / f"skymaps/mock_and_sim/local_bayestar/{k}.fits" for k in range(5)]


@dataclass(frozen=True)
class Spent:
    """Of one run, in s: wall time; processor time of the blocks, of this process with the scheduler, and of all."""

    wall_s: float
    blocks_s: float
    here_s: float
    all_s: float

    @property
    def engine(self) -> float:
        """The share that is not the blocks', in %."""
        return 100 * (1 - self.blocks_s / self.all_s)


def figures() -> list[Figure]:
    """The same blocks, each of some 100 ms, on one, two and sixteen workers; blocks of nothing; and a real one."""
    runs = {workers: _on_workers(workers, work, range(BLOCKS)) for workers in (1, 2, 16)}
    small = _on_workers(2, nothing, range(SMALL))
    with tempfile.TemporaryDirectory() as folder:
        draw = _study(Path(folder))
        draw(0)
        took_s, result = _timed(draw, 1)
        few, many = (_on_workers(workers, draw, range(BLOCKS // 2)) for workers in (2, 16))
    details = tuple(f"{workers} workers: {spent}" for workers, spent in runs.items())
    more = {workers: 100 * (spent.all_s / runs[1].blocks_s - 1) for workers, spent in runs.items()}
    return [
        Figure("2 workers: processor time beyond that of the blocks on 1", more[2], "%", 11, details),
        Figure("16 workers: processor time beyond that of 2", 100 * (runs[16].all_s / runs[2].all_s - 1), "%", 10),
        Figure(
            "  the same of blocks of 500 trials",
            100 * (many.all_s / few.all_s - 1),
            "%",
            10,
            (f"2 workers: {few}", f"16 workers: {many}"),
        ),
        Figure("  share of the engine in it, 2 workers", runs[2].engine, "%", None),
        Figure("  share of the engine in it, 16 workers", runs[16].engine, "%", None),
        Figure("wall time of 2 workers over half of that of 1", 2 * runs[2].wall_s / runs[1].wall_s, "", None),
        Figure("wall time of 16 workers over that of 2", runs[16].wall_s / runs[2].wall_s, "", None),
        Figure("a block of nothing: processor time of scheduler and command", 1e3 * small.here_s / SMALL, "ms", None),
        Figure("  of its worker", 1e3 * (small.all_s - small.here_s) / SMALL, "ms", None),
        Figure(f"a block of {PER_MAP} trials: processor time", 1e3 * took_s, "ms", None),
        Figure("  its result", len(pickle.dumps(result)) / 1e3, "kB", None),
        Figure("  the task, once for each worker", len(pickle.dumps(draw)) / 1e3, "kB", None),
    ]


def work(block: int) -> float:
    """Some 100 ms of a processor, whatever else it does."""
    rng = generator(1, "bench", block)
    return sum(float(rng.random(100_000).sum()) for _ in range(200))


def nothing(block: int) -> int:
    """A block that costs what the engine takes."""
    return block


def _study(folder: Path) -> Callable[[int], Any]:
    """Draws blocks of background trials of the full statistic."""
    listing = folder / "H1L1V1.csv"
    listing.write_text("".join(f"{path.resolve()}\n" for path in MAPS))
    with App.read() as app:
        inputs = trial_inputs(app, "IC86-2011")
        study = TrialStudy.of(inputs(), Options(listing, "bns", "IC86-2011", 1, "", None))
        return partial(do_block, Task.of(study, "background", "kernel", PER_MAP, inputs), kernel_odds)


def _timed(draw: Callable[[int], Any], block: int) -> tuple[float, Any]:
    began = time.thread_time()
    result = draw(block)
    return time.thread_time() - began, result


def _on_workers(workers: int, draw: Callable[[int], Any], blocks: Sequence[int]) -> Spent:
    """The blocks on so many workers, which have all they need already."""
    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        dask.config.set(QUIET_WORKERS),
        LocalCluster(n_workers=workers, silence_logs=logging.CRITICAL, **options) as cluster,
    ):
        client = Client(cluster)
        with client, Workforce(read_cluster(cluster.scheduler_address))() as executor:
            task = partial(_timed, draw)
            list(executor.map(task, range(4 * workers)))
            before, here, began = _used(client), time.process_time(), time.perf_counter()
            took = sum(seconds for seconds, _ in executor.map(task, blocks))
            wall, here = time.perf_counter() - began, time.process_time() - here
            return Spent(wall, took, here, _used(client) - before)


def _used(client: Client) -> float:
    """Processor time of the workers, and of this process, in which the scheduler is."""
    return time.process_time() + sum(client.run(time.process_time).values())
