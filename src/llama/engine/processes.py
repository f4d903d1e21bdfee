"""Where steps run: each in a process of its own that can be killed, or here and now."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any, Protocol

from llama.engine import worker
from llama.engine.event import Event
from llama.engine.journal import Claimed
from llama.engine.making import Maker, fail, give_back, utc_now
from llama.engine.product import Product

_LOG = logging.getLogger("llama.engine")


class Executor(Protocol):
    """Runs claimed steps."""

    @property
    def free(self) -> int:
        """How many more steps may be started now."""
        ...

    @property
    def busy(self) -> bool:
        """Whether a step is running, or has ended without `wait` having said so."""
        ...

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        """Make the product; when that is over, `wait` names its event."""

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Event]:
        """The events whose steps ended; waits for one, for `wake` to become readable, or for the time."""
        ...

    def stop(self, patience_s: float) -> None:
        """Let running steps finish for so long, then end them and give their claims back."""


class Here:
    """In this process, one after the other: for tests and inside a batch's process. Nothing can be killed."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._ended: list[Event] = []

    @property
    def free(self) -> int:
        return 0 if self._ended else 1

    @property
    def busy(self) -> bool:
        return bool(self._ended)

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        self._ended.append(event)
        self._maker.make(event, product, claim, now=claim.at)

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Event]:
        ended, self._ended = self._ended, []
        if not ended and wake is not None:
            wait([wake], timeout_s)
        return ended

    def stop(self, patience_s: float) -> None:
        """Nothing runs between two calls."""


@dataclass
class _Job:
    event: Event
    product: Product[Any]
    claim: Claimed
    process: Any
    deadline: float  # time.monotonic()


class Processes:
    """One process per step, forked from a server that has the heavy imports already."""

    def __init__(self, environment: str, pipeline: str, workers: int, preload: Sequence[str] = ()) -> None:
        self._names = (environment, pipeline)
        self._workers = workers
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*preload, "llama.engine.worker"])
        self._jobs: list[_Job] = []

    @property
    def free(self) -> int:
        return self._workers - len(self._jobs)

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def missing(self, names: Sequence[str]) -> list[str]:
        """Which modules a new process does not inherit."""
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=worker.report_missing, args=(list(names), theirs))
        process.start()
        theirs.close()
        missing: list[str] = ours.recv()
        process.join()
        return missing

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        environment, pipeline = self._names
        process = self._context.Process(
            target=worker.make_named,
            args=(environment, str(event.path), pipeline, product.filename, claim.claim),
            name=f"llama {event.id} {product.filename}",
        )
        process.start()
        self._jobs.append(_Job(event, product, claim, process, time.monotonic() + product.timeout_s))

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Event]:
        first = min((job.deadline for job in self._jobs), default=math.inf) - time.monotonic()
        patience = min(first, math.inf if timeout_s is None else timeout_s)
        sentinels: list[Any] = [job.process.sentinel for job in self._jobs]
        if wake is not None:
            sentinels.append(wake)
        wait(sentinels, None if math.isinf(patience) else max(patience, 0.0))
        ended = [job for job in self._jobs if self._over(job)]
        self._jobs = [job for job in self._jobs if job not in ended]
        return [job.event for job in ended]

    def stop(self, patience_s: float) -> None:
        end = time.monotonic() + patience_s
        while self._jobs and (left := end - time.monotonic()) > 0:
            self.wait(left)
        for job in self._jobs:
            _kill(job.process)
            now = utc_now()
            give_back(job.event, job.claim, "stopped with the program that ran it", until=now, now=now)
        self._jobs = []

    def _over(self, job: _Job) -> bool:
        """Whether the job has ended, by itself or by force; if it left no entry, writes one."""
        if job.process.is_alive():
            if time.monotonic() < job.deadline:
                return False
            _kill(job.process)
            error = f"took longer than {job.product.timeout_s:g} s and was stopped"
        else:
            error = f"its process {_ending(job.process.exitcode)}; the log may say more"
        job.process.join()
        job.process.close()
        fail(job.event, job.claim, error, now=utc_now())
        return True


def _kill(process: Any) -> None:
    process.kill()
    process.join()


def _ending(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def default_workers() -> int:
    """One per core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
