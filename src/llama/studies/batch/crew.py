"""The workers of a batch, here or on a cluster. One that dies takes nothing along but what it was at."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Generic, TypeVar, cast

if TYPE_CHECKING:
    from llama.studies.clusters import Start
    from llama.studies.clusters.executor import ClusterExecutor

B = TypeVar("B")
R = TypeVar("R")
_AHEAD = 2  # so many blocks wait for each process


class Crew(Generic[B, R]):
    """Works on blocks in any order, in other processes, or in this one where there is but one worker.

    Args:
        task: what is done with a block; it travels by pickle, as blocks and results do.
        workers: how many processes.
        lost: the result of a block whose process died of it.
        start: starts a cluster to work on; None for processes of this machine.
    """

    def __init__(
        self, task: Callable[[B], R], workers: int, lost: Callable[[B], R], start: Start | None = None
    ) -> None:
        self._task, self._workers, self._lost, self._start = task, workers, lost, start
        self._stopping = False

    def stop(self) -> None:
        """Begin nothing more; what is begun is finished. May be called from a signal's handler."""
        self._stopping = True

    def through(self, blocks: Iterable[B]) -> Iterator[R]:
        """The results, each as soon as it is there."""
        left = iter(blocks)
        if self._start is not None:
            with self._start() as executor:
                done = cast("ClusterExecutor", executor).as_done(self._task, self._until_stopped(left), self._lost)
                yield from (result for _, result in done)
            return
        if self._workers <= 1:
            yield from map(self._task, self._until_stopped(left))
            return
        suspects: list[B] = []
        while not self._stopping:
            suspects = yield from self._until_broken(left)
            if not suspects:
                return
            for block in self._until_stopped(iter(suspects)):
                yield self._alone(block)

    def _until_stopped(self, blocks: Iterator[B]) -> Iterator[B]:
        for block in blocks:
            if self._stopping:
                return
            yield block

    def _until_broken(self, left: Iterator[B]) -> Generator[R, None, list[B]]:
        """Results of all that is left; returns what was in work when a process died, nothing when all is done."""
        going: dict[Future[R], B] = {}
        with _pool(self._workers) as pool:
            try:
                while True:
                    room = 0 if self._stopping else _AHEAD * self._workers - len(going)
                    for block in islice(left, room):
                        try:
                            going[pool.submit(self._task, block)] = block
                        except BrokenProcessPool:
                            return [*going.values(), block]
                    if not going:
                        return []
                    for future in wait(going, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        del going[future]
                        yield result
            except BrokenProcessPool:
                return list(going.values())

    def _alone(self, block: B) -> R:
        """In a process of its own, so that it is known which one kills its process."""
        with _pool(1) as pool:
            try:
                return pool.submit(self._task, block).result()
            except BrokenProcessPool:
                return self._lost(block)


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=join_crew)


def join_crew() -> None:
    """In a process of a crew: Ctrl-C is the business of who started it, and without that one it ends."""
    parent = parent_process()
    if parent is None:
        return
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), name="llama parent", daemon=True).start()


def _end_with(parent: BaseProcess) -> None:
    """A kill at any point is healed when the same is begun again; an orphan would go on for days."""
    parent.join()
    os._exit(1)
