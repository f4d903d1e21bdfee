"""Dask's workers as an `Executor`: the same results in the same order as from a pool of processes.

A block whose worker died is drawn again by another, as often as Dask's `distributed.scheduler.allowed-failures` says
(three times), then as often while nothing else is under way; then `BlockLost` names it. The task travels once to each
worker, and each block by itself.
"""

from __future__ import annotations

import functools
import os
import pickle
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, wait
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from llama.studies.clusters.alike import build
from llama.studies.clusters.errors import KEPT, BlockLost, ClusterError

if TYPE_CHECKING:
    from distributed import Client

B = TypeVar("B")
R = TypeVar("R")

_WATCH_S = 2.0
_AHEAD, _LEAST_AHEAD = 4, 16  # so many blocks are under way for each worker, and at least
_SUSPECTS = 4  # with so many that may kill workers nothing new is begun until it is known which do
_SHOWN = 100


@dataclass(frozen=True)
class Place:
    """What a worker must share with whoever asks it: software, and the folder that relative paths begin in."""

    build: str
    folder: str

    @classmethod
    def here(cls) -> Place:
        """Of this process."""
        return cls(build(), str(Path.cwd()))

    def enter(self) -> None:
        """Make it this process's too; ClusterError where it cannot be."""
        if build() != self.build:
            raise ClusterError(
                f"a worker on {platform.node()} has {build()}, this machine {self.build}: numbers could differ; "
                "install the same on all"
            )
        try:
            os.chdir(self.folder)
        except OSError as error:
            raise ClusterError(
                f"a worker on {platform.node()} cannot go to {self.folder}: {error.strerror}; start the study in a "
                "folder that all machines have"
            ) from error


def do(place: Place, packed: bytes, args: tuple[Any, ...]) -> Any:
    """In a worker: the task on one block."""
    place.enter()
    return _unpacked(packed)(*args)


@functools.lru_cache(maxsize=4)  # a worker has the same bytes object for every block of a study
def _unpacked(packed: bytes) -> Callable[..., Any]:
    found: Callable[..., Any] = pickle.loads(packed)
    return found


def _packed(packed: bytes) -> bytes:
    return packed


class ClusterExecutor(Executor):
    """Draws blocks on Dask's workers.

    Args:
        name: of the cluster, for messages.
        grow: asks for workers in place of those that are gone; ClusterError when there is no hope of any.
        patience_s: how long there may be no worker at all; None for as long as it takes, as jobs in a queue may.
        tell: told what people should know.
    """

    def __init__(
        self,
        client: Client,
        name: str,
        grow: Callable[[], None],
        patience_s: float | None,
        tell: Callable[[str], None],
    ) -> None:
        self._client, self._name, self._grow, self._patience_s, self._tell = client, name, grow, patience_s, tell
        self._inner = client.get_executor(pure=False)
        self._task: tuple[Callable[..., Any] | None, Any] = (None, None)
        self._place = Place.here()
        self._going: set[Future[Any]] = set()
        self.workers = 0
        """How many there are, as of a moment ago."""
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="llama cluster", daemon=True)
        self._watcher.start()

    @property
    def ahead(self) -> int:
        """How many blocks to give at once, so that no worker waits."""
        return max(_AHEAD * self.workers, _LEAST_AHEAD)

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """`fn` of the arguments on some worker. Its exceptions are the task's own, or ClusterError."""
        task = functools.partial(fn, **kwargs) if kwargs else fn
        outer: Future[R] = Future()
        outer.set_running_or_notify_cancel()
        self._going.add(outer)
        inner = self._inner.submit(do, self._place, self._carried(task), args)
        inner.add_done_callback(functools.partial(self._hand_on, outer, f"block {args!r}"[:_SHOWN]))
        return outer

    def map(
        self, fn: Callable[..., R], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[R]:
        """Results in order, each as soon as it is there and all before it are."""
        blocks = list(zip(*iterables, strict=False))
        done = self._as_done(fn, blocks, None)
        early: dict[int, R] = {}
        for place in range(len(blocks)):
            while place not in early:
                number, result = next(done)
                early[number] = result
            yield early.pop(place)

    def as_done(
        self, fn: Callable[[B], R], blocks: Iterable[B], lost: Callable[[B], R] | None = None
    ) -> Iterator[tuple[int, R]]:
        """Places among the blocks and results as they come, so that a slow or deadly block holds up no other.

        Args:
            lost: the result of a block of which workers die; without it that is BlockLost, once the others are done.
        """
        alone = None if lost is None else lambda block: lost(block[0])
        yield from self._as_done(fn, ((block,) for block in blocks), alone)

    def _as_done(
        self, fn: Callable[..., R], blocks: Iterable[Any], lost: Callable[[Any], R] | None
    ) -> Iterator[tuple[int, R]]:
        left = iter(enumerate(blocks))
        going: dict[Future[R], tuple[int, Any]] = {}
        suspects: list[tuple[int, Any]] = []
        while True:
            room = self.ahead - len(going) if len(suspects) < _SUSPECTS else 0
            for place, args in islice(left, max(room, 0)):
                going[self.submit(fn, *args)] = place, args
            if not going:
                yield from (self._alone(fn, *one, lost) for one in suspects)
                if len(suspects) < _SUSPECTS:
                    return
                suspects.clear()
                continue
            done = wait(going, return_when=FIRST_COMPLETED).done
            for future in sorted(done, key=lambda one: one.exception() is not None):  # what is there is told first
                place, args = going.pop(future)
                if isinstance(future.exception(), BlockLost):
                    suspects.append((place, args))
                else:
                    yield place, future.result()

    def _alone(self, fn: Callable[..., R], place: int, args: Any, lost: Callable[[Any], R] | None) -> tuple[int, R]:
        """While nothing else is under way: Dask also counts the death of a worker against what waited for it."""
        try:
            return place, self.submit(fn, *args).result()
        except BlockLost:
            if lost is None:
                raise
            return place, lost(args)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Forget what is not done: whoever has its results has waited for them."""
        self._over.set()
        self._watcher.join()
        self._inner.shutdown(wait=False)

    def _carried(self, task: Callable[..., Any]) -> Any:
        """The task's bytes as a result that workers fetch from each other; Dask makes it again when it is lost."""
        if self._task[0] is not task:
            self._task = (task, self._client.submit(_packed, pickle.dumps(task), pure=False))
        return self._task[1]

    def _hand_on(self, outer: Future[Any], block: str, inner: Future[Any]) -> None:
        self._going.discard(outer)
        if outer.done():
            return
        try:
            error = inner.exception()
        except CancelledError:
            error = ClusterError(f"{self._name} went away; {KEPT}")
        if error is None:
            outer.set_result(inner.result())
        else:
            outer.set_exception(self._translated(error, block))

    def _translated(self, error: BaseException, block: str) -> BaseException:
        from distributed.scheduler import KilledWorker

        if isinstance(error, KilledWorker):
            times, worker = error.allowed_failures + 1, error.last_worker.address
            return BlockLost(
                f"{block} was lost with its worker {times} times, the last time on {worker}: killed, or out of "
                f"memory; {KEPT}, with more memory for each worker"
            )
        if isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "llama":
            return ClusterError(
                f"{self._name} has workers or a scheduler without this llama: {error}; install it there"
            )
        return error

    def _watch(self) -> None:
        """Notice when nobody is left who could draw, and ask for others in the place of those who are gone."""
        seen, told, most, failed = time.monotonic(), False, 0, False
        while not self._over.wait(_WATCH_S if self.workers else _WATCH_S / 10):
            try:
                threads = dict(self._client.nthreads())
            except (OSError, RuntimeError, CancelledError):
                continue  # a scheduler that is gone ends all blocks by itself
            if several := [worker for worker, count in threads.items() if count > 1]:
                self._give_up(f"the worker {several[0]} has {threads[several[0]]} threads; give each --nthreads 1")
            self.workers, most = len(threads), max(most, len(threads))
            if threads:
                seen, told = time.monotonic(), False
            elif not told and time.monotonic() - seen > _WATCH_S:
                self._tell(f"{self._name}: there is no worker yet; waiting" if not most else self._all_gone())
                told = True
            try:
                self._grow()
            except ClusterError as error:
                self._give_up(str(error))
            except Exception as error:  # noqa: BLE001 - Dask's are of many kinds; without us nobody notices anything
                if not failed:
                    self._tell(f"{self._name}: asking for workers fails, and is tried again: {error!r}")
                failed = True
            if self._patience_s is not None and time.monotonic() - seen > self._patience_s:
                self._give_up(f"{self._name} has had no worker for {self._patience_s:.0f} s; {KEPT}")

    def _all_gone(self) -> str:
        return f"{self._name}: all workers are gone; waiting for others"

    def _give_up(self, why: str) -> None:
        for future in list(self._going):
            self._going.discard(future)
            if not future.done():
                future.set_exception(ClusterError(why))
