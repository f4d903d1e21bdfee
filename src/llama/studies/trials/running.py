"""A run of trials: which blocks, by whom, kept where."""

from __future__ import annotations

import functools
import json
import logging
import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import llama
from llama.formats.errors import FormatError
from llama.studies.blocks import Blocks
from llama.studies.trials.kernel import Judge, Task, do_block, kernel_odds
from llama.studies.trials.results import AS_ARRAYS, BlockResult, blocks_folder

_LOG = logging.getLogger("llama.studies")
RUNS_FILE = "runs.jsonl"
MOST_PER_MAP = 500


@dataclass(frozen=True)
class TrialRun:
    """What one command does.

    Attributes:
        folder: of the study. trials: how many in all; blocks: which of them, first to last, both included.
        per_map: trials of a block, which is one sky map.
    """

    folder: Path
    kind: str
    depth: str
    trials: int
    per_map: int
    blocks: range

    @classmethod
    def of(
        cls,
        folder: Path,
        kind: str,
        depth: str,
        trials: int,
        maps: int,
        *,
        per_map: int | None = None,
        blocks: tuple[int, int] | None = None,
    ) -> TrialRun:
        """Trials shared evenly by the maps, some hundred of each at most, unless `per_map` says how many."""
        size = per_map or kept_size(folder, kind, depth) or min(-(-trials // maps), MOST_PER_MAP)
        some = range(-(-trials // size)) if blocks is None else range(blocks[0], blocks[1] + 1)
        return cls(folder, kind, depth, trials, size, some)

    @property
    def keep(self) -> Path:
        return blocks_folder(self.folder, self.kind, self.depth)


def kept_size(folder: Path, kind: str, depth: str) -> int | None:
    """Trials per block of what is there already: a later run goes on with it."""
    return next(
        (one["per_map"] for one in runs_of(folder) if (one["kind"], one["depth"]) == (kind, depth)),
        None,
    )


def runs_of(folder: Path) -> list[dict[str, Any]]:
    """Every run that took part here, from `runs.jsonl`; a torn last line is none."""
    path, found = folder / RUNS_FILE, []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found


def record_run(run: TrialRun) -> None:
    """Who draws which blocks, on which machine."""
    line = {
        "at": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "host": platform.node(),
        "pid": os.getpid(),
        "version": llama.__version__,
        "kind": run.kind,
        "depth": run.depth,
        "per_map": run.per_map,
        "first": run.blocks.start,
        "last": run.blocks.stop - 1,
    }
    with (run.folder / RUNS_FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def do_run(
    task: Task,
    run: TrialRun,
    executor: Executor,
    judge: Judge = kernel_odds,
    tell: Callable[[str], None] = _LOG.warning,
) -> Iterator[BlockResult]:
    """The blocks of a run in order, each as it is done; those kept by an earlier run are read, and drawn again where
    they are damaged, which is told. FormatError for trials of another size in the folder.
    """
    if (size := kept_size(run.folder, run.kind, run.depth)) not in (None, run.per_map):
        raise FormatError(f"{run.folder} has {run.kind} trials with {size} per map, not {run.per_map}")
    record_run(run)
    draw: Callable[[int], BlockResult] = functools.partial(do_block, task, judge)
    label = f"{run.kind} {run.depth} {run.per_map}"
    yield from Blocks(executor, run.keep, task.study.digest, tell).draw(label, draw, run.blocks, AS_ARRAYS)
