"""Jobs of a queue that are watched: one that ended is submitted again, also where its worker never came.

Dask itself hears only of workers that came and went, and knows them as a job's only where each has one. Any other job
that ended, at its first line or with its machine, it would wait for as long as the study goes on.
"""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from llama.studies.clusters.errors import KEPT, ClusterError

ASK_S = 30.0
"""The queue is asked for its jobs so often, while workers are missing."""
_TIMES = 3
_PATIENCE_S = 60.0
_EARLY = "jobs ended before their workers came, or were refused,"
_LOGS = 'what jobs say is kept only with [cluster] logs = "DIR"'


class Jobs:
    """Jobs for so many workers of a cluster of Dask.

    Args:
        cluster: Dask's. wanted: workers, of all jobs together.
        listed: numbers of the jobs that are in the queue, running or waiting; None where that cannot be known.
        tell: told what people should know.
    """

    def __init__(
        self, cluster: Any, wanted: int, listed: Callable[[], set[str] | None], tell: Callable[[str], None]
    ) -> None:
        self._cluster, self._wanted, self._listed, self._tell = cluster, wanted, listed, tell
        self._came: set[str] = set()
        self._early: Counter[str] = Counter()
        self._asked = time.monotonic()

    def grow(self) -> None:
        """Submit again what ended. ClusterError when every job ended before its worker came, time after time."""
        workers = [str(one["name"]) for one in list(self._cluster.scheduler_info["workers"].values())]
        jobs = dict(self._cluster.workers)  # a copy as well: Dask's loop changes both meanwhile
        idle = jobs.keys() - {*workers, *(one.rpartition("-")[0] for one in workers)}  # X-0 is one of several of X
        for name in jobs.keys() - idle:
            self._came.add(jobs[name].job_id)
            self._early.pop(name, None)
        if len(workers) >= self._wanted:
            return
        if time.monotonic() - self._asked >= ASK_S:
            self._look({name: jobs[name].job_id for name in idle}, none_there=not workers)
            self._asked = time.monotonic()
        self._cluster.scale(self._wanted)

    def _look(self, idle: dict[str, str | None], *, none_there: bool) -> None:
        """Forget jobs without a worker that ended, so that they are submitted again; early ones not for ever.

        Those that the queue refused have no number, and count as ended early.
        """
        there = self._listed()
        if there is None:
            return
        ended = [name for name, number in idle.items() if number not in there]
        early = [name for name in ended if idle[name] not in self._came]
        self._early.update(early)
        again = [name for name in early if self._early[name] < _TIMES]
        if early and not again and none_there and len(early) == len(self._cluster.worker_spec):
            raise ClusterError(
                f"no job starts a worker: {len(early)} ended before theirs came or were refused, {_TIMES} times "
                f"each; {_LOGS}; {KEPT}"
            )
        if again:
            self._tell(f"{len(again)} {_EARLY} and are submitted again")
        if given_up := sum(self._early[name] == _TIMES for name in early):
            self._tell(f"{given_up} {_EARLY} {_TIMES} times each and are submitted no more; {_LOGS}")
        self._cluster.sync(self._forget, [name for name in ended if self._early[name] < _TIMES])

    async def _forget(self, names: list[str]) -> None:
        found = [self._cluster.workers.pop(name, None) for name in names]
        for job in filter(None, found):
            await job.close()  # cancelled by its number, should the queue have it in another list


def listed_by_slurm(where: Sequence[str] = ()) -> set[str] | None:
    """Numbers of all of our own jobs that run or wait; `where` are words that name other clusters of Slurm."""
    words = ["squeue", "-h", "--me", *where, "-o", "%i"]
    try:
        said = subprocess.run(words, capture_output=True, text=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return set(said.stdout.split()) if said.returncode == 0 else None


def listed_by_nobody() -> None:
    """Where jobs that never came to a worker are not looked for."""
