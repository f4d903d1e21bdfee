"""Jobs in a queue that end, with a stand-in for Dask's cluster."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llama.sections_own import ClusterSettings
from llama.studies.clusters import ClusterError, Workforce, jobs, read_cluster
from llama.studies.clusters.executor import ClusterExecutor
from llama.studies.clusters.jobs import Jobs
from llama.studies.clusters.queues import in_queue


class Queue:
    """Dask's cluster as far as `Jobs` asks it, and the queue that its jobs are in.

    Attributes:
        workers: jobs by name, as Dask has them. there: numbers of those that run.
        refuses: whether it takes no job. cancelled: numbers of those that were.
    """

    def __init__(self, names: int, each: int = 1) -> None:
        self.worker_spec: dict[str, Any] = {f"X-{k}": {} for k in range(names)}
        self.workers: dict[str, Any] = {}
        self.scheduler_info: dict[str, dict[str, Any]] = {"workers": {}}
        self.there: set[str] = set()
        self.said: list[str] = []
        self.cancelled: list[str | None] = []
        self.refuses = False
        self._each, self._numbers = each, count(100)
        self.jobs = Jobs(self, names * each, self.there.copy, self.said.append)
        self.scale(names * each)

    def scale(self, wanted: int) -> None:
        """Submit what is not."""
        for name in self.worker_spec.keys() - self.workers.keys():
            number = None if self.refuses else str(next(self._numbers))
            self.workers[name] = SimpleNamespace(job_id=number, close=partial(self._close, number))
            if number:
                self.there.add(number)

    def sync(self, forget: Callable[[list[str]], Any], names: list[str]) -> None:
        """Run what Dask's loop would."""
        with pytest.raises(StopIteration):
            forget(names).send(None)

    async def _close(self, number: str | None) -> None:
        self.cancelled.append(number)

    def come(self, name: str) -> None:
        """All workers of a job."""
        suffixes = [""] if self._each == 1 else [f"-{k}" for k in range(self._each)]
        for suffix in suffixes:
            self.scheduler_info["workers"][f"tcp://{name}{suffix}"] = {"name": name + suffix}
        self.jobs.grow()

    def end(self, name: str) -> str:
        """A job, with its workers; its number."""
        workers = self.scheduler_info["workers"]
        for address in [address for address in workers if address.startswith(f"tcp://{name}")]:
            del workers[address]
        number = str(self.workers[name].job_id)
        self.there.discard(number)
        return number


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is asked each time."""
    monkeypatch.setattr(jobs, "ASK_S", 0.0)


@pytest.mark.parametrize("each", [1, 2])
def test_a_job_that_ends_after_it_worked_is_submitted_again_however_often(each: int) -> None:
    queue = Queue(2, each)
    queue.come("X-0")
    for _ in range(5):
        queue.come("X-1")
        ended = queue.end("X-1")
        queue.jobs.grow()
        assert queue.workers["X-1"].job_id in queue.there - {ended}
        assert queue.cancelled[-1] == ended
    assert queue.workers["X-0"].job_id == min(queue.there)
    assert not queue.said


def test_a_job_that_lost_some_of_its_workers_goes_on() -> None:
    queue = Queue(1, 2)
    queue.come("X-0")
    queue.scheduler_info["workers"].popitem()
    queue.there.clear()  # as where the queue's list is late
    queue.jobs.grow()
    assert queue.workers["X-0"].job_id == "100"


def test_a_job_that_the_queue_refused_meanwhile_is_submitted_again() -> None:
    queue = Queue(1)
    queue.end("X-0")
    queue.refuses = True
    queue.jobs.grow()
    assert queue.workers["X-0"].job_id is None
    queue.refuses = False
    queue.jobs.grow()
    assert queue.workers["X-0"].job_id in queue.there


def test_jobs_that_the_queue_refuses_again_and_again_are_given_up() -> None:
    queue = Queue(2)
    queue.refuses = True
    for name in ("X-0", "X-1"):
        queue.end(name)
    queue.jobs.grow()
    queue.jobs.grow()
    with pytest.raises(ClusterError, match="2 ended before theirs came or were refused, 3 times each"):
        queue.jobs.grow()


def test_a_job_that_is_given_up_while_others_work_is_told_once() -> None:
    queue = Queue(2)
    queue.come("X-1")
    for _ in range(9):
        queue.end("X-0")
        queue.jobs.grow()
    *again, no_more = queue.said
    assert len(again) == 2 and all("are submitted again" in text for text in again)
    assert "3 times each and are submitted no more; what jobs say is kept only with [cluster] logs" in no_more


def test_tries_begin_anew_with_each_worker_that_comes() -> None:
    queue = Queue(2)
    queue.come("X-1")
    for _ in range(3):
        for _ in range(2):
            queue.end("X-0")
            queue.jobs.grow()
        queue.come("X-0")
    queue.end("X-0")
    queue.jobs.grow()
    assert queue.workers["X-0"].job_id in queue.there


@pytest.mark.parametrize(
    ("directives", "words"),
    [
        ((), ""),
        (("--qos=low", "--cluster-constraint=x"), ""),
        (("-M c2",), "-M c2 "),
        (("--qos=low -Mc2",), "-M c2 "),
        (("--qos=low", "--clusters=c2,c3"), "-M c2,c3 "),
    ],
)
def test_jobs_are_looked_for_and_cancelled_in_the_cluster_of_slurm_that_directives_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directives: tuple[str, ...], words: str
) -> None:
    for program, says in {"sbatch": "Submitted batch job 7 on cluster c2", "squeue": "7", "scancel": ""}.items():
        path = tmp_path / program
        path.write_text(f'#!/bin/sh\necho "{program} $*" >> {tmp_path}/asked\necho "{says}"\n')
        path.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    options = ClusterSettings(directives=directives, dashboard_port=0)
    with in_queue(Workforce(read_cluster("slurm"), 1, options)) as deployed:
        deployed.grow()
    asked = (tmp_path / "asked").read_text().splitlines()
    assert f"squeue -h --me {words}-o %i" in asked
    assert f"scancel {words}7" in asked


def test_an_error_of_dask_is_told_once_and_the_watch_goes_on() -> None:
    said: list[str] = []
    often = threading.Event()
    calls = count()

    def grow() -> None:
        if next(calls) == 3:
            often.set()
        raise KeyError("tcp://X-0")

    client: Any = SimpleNamespace(
        get_executor=lambda pure: SimpleNamespace(shutdown=lambda wait: None), nthreads=dict
    )
    executor = ClusterExecutor(client, "slurm", grow, None, said.append)
    assert often.wait(60)
    executor.shutdown()
    told = [text for text in said if "there is no worker yet" not in text]
    assert told == ["slurm: asking for workers fails, and is tried again: KeyError('tcp://X-0')"]
