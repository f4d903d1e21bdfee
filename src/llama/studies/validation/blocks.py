"""Blocks of a study, in this process or in several: the answer is the same, and what is drawn can be kept."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import llama

B = TypeVar("B")
R = TypeVar("R")

_CODE = ("science", "studies/validation")
_SHOWS = ("page.py", "plots.py", "check.py", "report.py")
"""Folders of the package whose code decides what a block holds, and files there that only show it."""


def code_digest() -> str:
    """Of the source of statistic and studies: what other code drew is not used again."""
    package, found = Path(llama.__file__).parent, sha256()
    for folder in _CODE:
        for path in sorted(path for path in (package / folder).glob("*.py") if path.name not in _SHOWS):
            found.update(path.read_bytes())
    return found.hexdigest()


@dataclass(frozen=True)
class Runner:
    """How blocks are run.

    Attributes:
        workers: processes.
        keep: a folder where each block is kept as soon as it is done, and taken from when it is there already; None
            keeps nothing. The files are pickles: a folder of one's own, not one that others write to.
        digest: of all that blocks depend on besides themselves: seed, inputs, code.
    """

    workers: int = 1
    keep: Path | None = None
    digest: str = ""

    def map(self, study: str, task: Callable[[B], R], blocks: Sequence[B]) -> list[R]:
        """`task` of each block, in their order. With several workers, task and blocks must be picklable."""
        files = [self._file(study, block) for block in blocks]
        missing = [i for i, file in enumerate(files) if file is None or not file.exists()]
        found: dict[int, R] = {}
        for i, result in zip(missing, self._run(task, [blocks[i] for i in missing]), strict=True):
            found[i] = result
            _write(files[i], result)
        return [found[i] if i in found else _read(files[i]) for i in range(len(blocks))]

    def _run(self, task: Callable[[B], R], blocks: Sequence[B]) -> Iterator[R]:
        if self.workers <= 1 or len(blocks) <= 1:
            yield from map(task, blocks)
            return
        with ProcessPoolExecutor(self.workers, get_context("spawn")) as pool:
            yield from pool.map(task, blocks)

    def _file(self, study: str, block: Any) -> Path | None:
        if self.keep is None:
            return None
        name = sha256(repr((self.digest, study, block)).encode()).hexdigest()[:32]
        return self.keep / f"{name}.pickle"


def _write(path: Path | None, result: Any) -> None:
    """All or nothing: a run that is cut leaves whole files."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(f".{os.getpid()}.partial")
    partial.write_bytes(pickle.dumps(result, protocol=5))
    partial.replace(path)


def _read(path: Path | None) -> Any:
    assert path is not None
    return pickle.loads(path.read_bytes())
