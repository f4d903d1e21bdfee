"""Blocks of a study, drawn in this process or in others: the answer is the same, and what is drawn can be kept.

A study is cut into blocks, each of which knows all it needs. Block k draws from its own `generator`, so no number
depends on how many processes there are, in which order they finish, or which of them died.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path
from typing import Any, Generic, TypeVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

import llama
from llama.engine.folder import storage_errors
from llama.formats.errors import FormatError

B = TypeVar("B")
R = TypeVar("R")
Arrays = Mapping[str, NDArray[Any]]

_LOG = logging.getLogger("llama.studies")
_DAMAGED = (OSError, EOFError, LookupError, RuntimeError, TypeError, ValueError, zipfile.BadZipFile, zlib.error)
"""What reading an archive of arrays raises once some of its bytes are others."""
_CANCELLED_S = 0.3  # until a pool has forgotten what it had not begun
_CODE = ("science", "studies")
_SHOWS = ("page.py", "plots.py", "check.py", "report.py")
"""Folders of the package whose code decides what a block holds, and files there that only show it."""


def generator(seed: int, study: str, block: int) -> np.random.Generator:
    """Random numbers of one block of one study: they do not depend on who draws the others, or how many do."""
    return np.random.default_rng(np.random.SeedSequence((seed, crc32(study.encode())), spawn_key=(block,)))


def code_digest(package: Path = Path(llama.__file__).parent) -> str:
    """Of the source of statistic and studies: what other code drew is not used again."""
    found = sha256()
    for folder in _CODE:
        for path in sorted(path for path in (package / folder).rglob("*.py") if path.name not in _SHOWS):
            found.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


class InTurn(Executor):
    """One block after the other in this process, each when it is asked for."""

    def map(
        self, fn: Callable[..., R], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[R]:
        return map(fn, *iterables)


@contextmanager
def processes(workers: int) -> Iterator[Executor]:
    """So many processes, or this one; tasks, blocks and results travel to them by pickle.

    They end with this process, however it ends. FormatError when one of them was ended by somebody else.
    """
    if workers <= 1:
        yield InTurn()
        return
    try:
        with ProcessPoolExecutor(workers, get_context("spawn"), _belong) as pool:
            before = set(active_children())
            try:
                _begin(pool, workers)
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                time.sleep(_CANCELLED_S)
                for process in set(active_children()) - before:
                    process.terminate()  # what they are at is drawn again: nobody waits for it
                raise
    except BrokenProcessPool as error:
        raise FormatError(
            "a process of the study was ended from outside, for want of memory perhaps: what was done is kept, and "
            "the same command goes on from there; with fewer processes (-j) it needs less"
        ) from error


def _begin(pool: Executor, workers: int) -> None:
    """Start every process now, deaf to Ctrl-C until it belongs: in the middle of its imports it would complain."""
    heard = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for _ in range(workers):
            pool.submit(int)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, heard)


def _belong() -> None:
    """This process ends at once with the one that asked for it, to which Ctrl-C is left."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, name="llama parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@dataclass(frozen=True)
class Form(Generic[R]):
    """How the result of a block is kept: as arrays by name, and what they are a result of.

    One that is not `final` is kept too, and drawn again by the next run: what stood in its way may be gone.
    """

    arrays: Callable[[R], Arrays]
    result: Callable[[Arrays], R]
    final: Callable[[R], bool] = lambda _: True


@dataclass(frozen=True)
class Blocks:
    """Who draws blocks, and where they are kept.

    Attributes:
        executor: who draws them: `concurrent.futures` has such, and so have clusters.
        keep: a folder where each block is kept as soon as it is done, and taken from when it is there already; None
            keeps nothing.
        digest: of all that blocks depend on besides themselves: seed, inputs, code.
        tell: told of kept blocks that are damaged, which are drawn again.
    """

    executor: Executor
    keep: Path | None = None
    digest: str = ""
    tell: Callable[[str], None] = _LOG.warning

    def draw(
        self, study: str, task: Callable[[B], R], blocks: Sequence[B], form: Form[R] | None = None
    ) -> Iterator[R]:
        """`task` of each block, in their order, each kept as soon as it is done; without a form none is kept."""
        if self.keep is None or form is None:
            yield from self.executor.map(task, blocks)
            return
        files = [self._file(self.keep, study, block) for block in blocks]
        missing = [place for place, file in enumerate(files) if not file.exists()]
        drawn = self._drawn(task, [blocks[place] for place in missing])
        left = set(missing)
        for place, file in enumerate(files):
            is_new = place in left
            while place in left:  # others may be done before it
                number, result = next(drawn)
                _write(files[missing[number]], form.arrays(result))
                left.discard(missing[number])
            if not is_new:
                before = self.result(file, form)
                if before is not None and form.final(before):
                    result = before
                else:
                    _, result = next(iter(self._drawn(task, [blocks[place]])))
                    _write(file, form.arrays(result))
            yield result

    def _drawn(self, task: Callable[[B], R], blocks: Sequence[B]) -> Iterator[tuple[int, R]]:
        """Places and results: of an executor that can, in the order in which they are done."""
        as_done = getattr(self.executor, "as_done", None)
        return enumerate(self.executor.map(task, blocks)) if as_done is None else as_done(task, blocks)

    def kept(self, study: str, block: object) -> Path | None:
        """Where a block is or would be kept."""
        return self._file(self.keep, study, block) if self.keep is not None else None

    def result(self, path: Path, form: Form[R]) -> R | None:
        """Of a kept block; None for one that is damaged, which is told."""
        try:
            return read_kept(path, form)
        except FormatError as error:
            self.tell(f"{error}; it is drawn again")
            return None

    def _file(self, keep: Path, study: str, block: object) -> Path:
        return keep / f"{sha256(repr((self.digest, study, block)).encode()).hexdigest()[:32]}.npz"


def _write(path: Path, arrays: Arrays) -> None:
    """All or nothing: a run that is cut leaves whole files. StorageError for a disk that is full."""
    partial = path.with_suffix(f".{os.getpid()}.partial")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with zipfile.ZipFile(partial, "w") as archive:
                for name, values in arrays.items():
                    with archive.open(f"{name}.npy", "w") as member:
                        np.lib.format.write_array(member, values, allow_pickle=False)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def read_kept(path: Path, form: Form[R]) -> R:
    """A block that was kept; FormatError, which names it, when it is damaged or of another form."""
    try:
        with np.load(path, allow_pickle=False) as found:
            return form.result(dict(found))
    except _DAMAGED as error:
        raise FormatError(f"{path} is no block that was kept whole") from error
