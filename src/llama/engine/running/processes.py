"""Where steps run: each in a process of its own that can be killed, or here and now."""

from __future__ import annotations

import dataclasses
import logging
import math
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol

from llama.engine.errors import EventError, StorageError
from llama.engine.folder import Claimed, Event, Owner, State, is_mine, process_start
from llama.engine.graph import Product
from llama.engine.running import worker
from llama.engine.running.making import Maker, fail, give_back
from llama.engine.running.recipe import Recipe

_LOG = logging.getLogger("llama.engine")
_SERVER_DIED = 255  # multiprocessing's exit code of a process whose server died; the process itself may live on
_SERVER_PAUSES_S = (0.01, 0.1, 1.0)  # it stops to listen some time before it is known to be dead
_DYING_S = 10.0  # a killed process that is nobody's child here is waited for so long
_DISK = "the disk took not even a note of what went wrong; free some space or mend it, and run again"


@dataclass(frozen=True, slots=True)
class Ended:
    """A step is over; `error` when not even that could be written down."""

    event: Event
    error: Exception | None = None


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
        """Make the product; when that is over, `wait` says so."""

    def holds(self, claim: str) -> bool:
        """Whether a step with this claim is running."""
        ...

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Ended]:
        """The steps that ended; waits for one, for `wake` to become readable, or for the time."""
        ...

    def stop(self, patience_s: float) -> None:
        """Let running steps finish for so long, then end them and give their claims back."""


class Here:
    """In this process, one after the other: for tests and inside a batch's process. Nothing can be killed."""

    def __init__(self, maker: Maker) -> None:
        self._maker = maker
        self._ended: list[Ended] = []

    @property
    def free(self) -> int:
        return 0 if self._ended else 1

    @property
    def busy(self) -> bool:
        return bool(self._ended)

    def holds(self, claim: str) -> bool:
        """None runs between two calls."""
        return False

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        error = None
        try:
            self._maker.make(event, product, claim, now=claim.at)
        except EventError as trouble:
            error = trouble
        self._ended.append(Ended(event, error))

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Ended]:
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
    restarted: bool = False


class Processes:
    """One process per step, forked from a server that has the heavy imports already.

    When the server dies a new one is started, and the steps it had forked start again with the claims they have.
    """

    def __init__(self, recipe: Recipe, pipeline: str, workers: int, preload: Sequence[str] = ()) -> None:
        self._recipe = recipe
        self._pipeline = pipeline
        self._workers = workers
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*preload, "llama.engine.running.worker"])
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
        process = _started(self._context, worker.report_missing, (list(names), theirs))
        theirs.close()
        try:
            missing: list[str] = ours.recv()
        except EOFError:  # it was killed before it answered: it inherited nothing that is of use
            missing = list(names)
        process.join()
        return missing

    def holds(self, claim: str) -> bool:
        return any(job.claim.claim == claim for job in self._jobs)

    def start(self, event: Event, product: Product[Any], claim: Claimed) -> None:
        process = self._forked(event, product, claim)
        self._jobs.append(_Job(event, product, claim, process, time.monotonic() + product.timeout_s))

    def _forked(self, event: Event, product: Product[Any], claim: Claimed) -> Any:
        """A process that goes on with the claim; EventError, with the failure noted, when there can be none."""
        words = (self._recipe, str(event.path), self._pipeline, product.filename, claim.claim)
        try:
            return _started(self._context, worker.make_named, words, f"llama {event.label} {product.filename}")
        except (OSError, EOFError) as error:
            why = f"its process could not be started ({error}): end other programs to free memory, and run again"
            fail(event, claim, why, now=self._recipe.now())
            raise EventError(f"{product.filename}: {why}") from error

    def wait(self, timeout_s: float | None, wake: Any = None) -> list[Ended]:
        first = min((job.deadline for job in self._jobs), default=math.inf) - time.monotonic()
        patience = min(first, math.inf if timeout_s is None else timeout_s)
        sentinels: list[Any] = [job.process.sentinel for job in self._jobs]
        if wake is not None:
            sentinels.append(wake)
        wait(sentinels, None if math.isinf(patience) else max(patience, 0.0))
        over = [job for job in self._jobs if not job.process.is_alive() or time.monotonic() >= job.deadline]
        self._jobs = [job for job in self._jobs if job not in over]
        return [ended for job in over if (ended := self._end(job)) is not None]

    def _end(self, job: _Job) -> Ended | None:
        """Put an end to a job that is over; None when it had to start again because the server died."""
        if job.process.exitcode != _SERVER_DIED or job.restarted:
            return _closed(job, self._recipe)
        _LOG.warning(
            "%s: starting again with %s: the server of its process died", job.event.label, job.product.filename
        )
        _kill(job.process)
        job.process.close()
        job.event.drop_scratch(job.claim.claim)
        try:
            process = self._forked(job.event, job.product, job.claim)
        except (EventError, OSError) as error:
            return Ended(job.event, error)
        deadline = time.monotonic() + job.product.timeout_s
        self._jobs.append(dataclasses.replace(job, process=process, deadline=deadline, restarted=True))
        return None

    def stop(self, patience_s: float) -> None:
        end = time.monotonic() + patience_s
        while self._jobs and (left := end - time.monotonic()) > 0:
            self.wait(left)
        for job in self._jobs:
            _kill(job.process)
            job.event.drop_scratch(job.claim.claim)
            now = self._recipe.now()
            try:
                give_back(job.event, job.claim, "stopped with the program that ran it", until=now, now=now)
            except (EventError, OSError) as error:  # the next runner sees that its process is gone
                _LOG.error("%s: %s", job.event.label, error)
        self._jobs = []


def end_forgotten(event: Event, state: State, executor: Executor, owner: Owner, now: datetime) -> bool:
    """Give back claims of this process that no step of it holds: a full disk took no note of their end.

    Nobody else can tell that they are over before they expire. Says whether there were any; OSError or StorageError
    while the disk still does not play along.
    """
    over = [one for one in state.claims.values() if is_mine(one, owner) and not executor.holds(one.claim)]
    for claim in over:
        give_back(event, claim, "it ended while the disk took no note of that", until=now, now=now)
    return bool(over)


def _closed(job: _Job, recipe: Recipe) -> Ended:
    """Put an end to a job that is over, or over its time; writes the entry that it did not."""
    if job.process.is_alive():
        _kill(job.process)
        error = f"took longer than {job.product.timeout_s:g} s and was stopped"
    else:
        error = f"its process {_ending(job.process.exitcode)}; the log may say more"
    job.process.join()
    disk = job.process.exitcode == worker.STORAGE_EXIT
    job.process.close()
    job.event.drop_scratch(job.claim.claim)
    try:
        if disk:
            return Ended(job.event, _storage_error(job, recipe.now()))
        fail(job.event, job.claim, error, now=recipe.now())
    except (EventError, OSError) as trouble:
        return Ended(job.event, trouble)
    return Ended(job.event)


def _storage_error(job: _Job, now: datetime) -> StorageError:
    """What the disk did to this job, which has given its claim back if the disk took the note of that."""
    give_back(job.event, job.claim, _DISK, until=now, now=now)
    deferral = job.event.refresh().file(job.product.filename).deferral
    return StorageError(str(deferral.why) if deferral else _DISK)


def _started(context: Any, target: Callable[..., None], args: tuple[Any, ...], name: str | None = None) -> Any:
    """A process that does this; of a new server if the old one died just now, once that is known.

    A server may die after it forked and before it said so. Such a process is nobody's: each waits for a word from
    here before it does anything, and ends when that cannot come any more.
    """
    _be_somewhere()
    for pause_s in (*_SERVER_PAUSES_S, None):
        told, tell = context.Pipe(duplex=False)
        with told, tell:
            process = context.Process(target=worker.when_told, args=(told, target, *args), name=name)
            try:
                process.start()
            except (OSError, EOFError):
                if pause_s is None:
                    raise
            else:
                with suppress(BrokenPipeError):  # killed already: `wait` tells
                    tell.send_bytes(b"go")
                return process
        time.sleep(pause_s)
    raise AssertionError("the last try returns or raises")


def _be_somewhere() -> None:
    """A process is started in the folder we are in, which somebody may have deleted since: then at the root."""
    try:
        Path.cwd()
    except FileNotFoundError:
        os.chdir("/")


def _kill(process: Any) -> None:
    """End the process and whatever it started (it leads a group of its own; see `worker.make_named`)."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):  # not yet leading a group, or gone
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process.pid, signal.SIGKILL)
    process.join()
    end = time.monotonic() + _DYING_S
    while process_start(process.pid) is not None and time.monotonic() < end:  # its server died: nobody tells us
        time.sleep(0.001)


def _ending(code: int) -> str:
    if code == _SERVER_DIED:
        return (
            "was lost twice, because the server that starts processes was killed (often for lack of memory): end "
            "other programs or set LLAMA_WORKERS lower, and run again"
        )
    if code >= 0:
        return f"ended with exit code {code}"
    if -code == signal.SIGKILL:
        return "was killed by SIGKILL (often for lack of memory)"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def default_workers() -> int:
    """One per core this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
