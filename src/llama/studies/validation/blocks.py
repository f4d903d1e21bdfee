"""Blocks of a study, in this process or in several: the answer is the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

B = TypeVar("B")
R = TypeVar("R")


def run_blocks(task: Callable[[B], R], blocks: Sequence[B], workers: int) -> list[R]:
    """`task` of each block, in their order. With several workers, task and blocks must be picklable."""
    if workers <= 1 or len(blocks) <= 1:
        return [task(block) for block in blocks]
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        return list(pool.map(task, blocks))
