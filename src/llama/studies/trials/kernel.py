"""Kernel depth: the trials of a block through the statistic of many lists at once, without files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llama.analyses.result import LIST_STATISTICS
from llama.formats.errors import FormatError
from llama.formats.skymap_list import name_of
from llama.science.arrays import Float
from llama.science.statistic import list_statistics
from llama.studies.blocks import generator
from llama.studies.listed import Listed
from llama.studies.pool import Pool
from llama.studies.trials.drawing import Supply, TrialMap, TrueSources, draw_trials
from llama.studies.trials.results import BlockResult, left_out
from llama.studies.trials.sources import Source, read_sources
from llama.studies.trials.study import SIGNAL_NEUTRINOS, Connect, TrialStudy, in_turn, listed

Judge = Callable[[TrialMap, Supply, Listed, "Task", int], dict[str, Float]]
"""ln of the odds of every trial of a block, by search type."""


@dataclass(frozen=True, eq=False)
class Task:
    """What a process needs to do any block of one kind; it travels there, so it is small.

    Attributes:
        maps: in the order in which blocks take them. sources: of each map by its name; None draws them.
        size: trials of a block.
    """

    study: TrialStudy
    kind: str
    depth: str
    maps: tuple[str, ...]
    sources: dict[str, Source] | None
    size: int
    connect: Connect

    @classmethod
    def of(cls, study: TrialStudy, kind: str, depth: str, size: int, connect: Connect) -> Task:
        """With the study's maps and sources, read here and now; FormatError when they cannot be."""
        sources = read_sources(Path(study.injections)) if study.injections else None
        maps = in_turn(listed(Path(study.maps)), study.seed)
        return cls(study, kind, depth, tuple(maps), sources, size, connect)

    def map_of(self, block: int) -> str:
        """The sky map of a block."""
        return self.maps[block % len(self.maps)]

    def draw(self, block: int) -> tuple[TrialMap, Supply, Listed, TrueSources]:
        """The block's map and its trials: the same at any depth.

        Raises FormatError, OSError or ValueError, which say why the map cannot be used.
        """
        inputs, path = self.connect(), self.map_of(block)
        search = self.study.search(inputs)
        supply = Supply(Pool.of(inputs.events).within(search), inputs.season, search)
        host = TrialMap.read(path, self.study.detectors, inputs.season, search)
        source = None
        if self.sources is not None and SIGNAL_NEUTRINOS[self.kind]:
            source = self.sources.get(name_of(path))
            if source is None:
                raise FormatError(f"the injections have no source of {name_of(path)}")
        rng = generator(self.study.seed, f"trials {self.study.digest} {self.kind} of {self.size}", block)
        return host, supply, *draw_trials(rng, host, source, supply, SIGNAL_NEUTRINOS[self.kind], self.size)


def kernel_odds(host: TrialMap, supply: Supply, listed: Listed, task: Task, block: int) -> dict[str, Float]:
    """Of all trials in one pass."""
    found = list_statistics(host.prepared, host.trigger, listed.as_kernel(), supply.season, supply.search, quick=True)
    return {name: np.asarray(of(found)) for name, of in LIST_STATISTICS.items()}


def do_block(task: Task, judge: Judge, block: int) -> BlockResult:
    """The trials of one block; none, and why, when its sky map cannot be used."""
    study, path = task.study.digest, task.map_of(block)
    try:
        host, supply, listed, injected = task.draw(block)
    except (FormatError, ValueError, OSError) as error:
        return left_out(study, task.kind, task.depth, block, task.size, path, why_of(error, path))
    odds = judge(host, supply, listed, task, block)
    return BlockResult(
        study=study,
        kind=task.kind,
        depth=task.depth,
        block=block,
        size=task.size,
        skymap=path,
        why="",
        mode=host.prepared.mode,
        area_deg2=host.area_deg2,
        map_distance_mpc=host.distance_mpc,
        n=np.diff(listed.start),
        **odds,
        **vars(injected),
    )


def why_of(error: Exception, path: str) -> str:
    """What is wrong with a map, which it names."""
    if isinstance(error, OSError) and error.strerror:
        return f"{path}: {error.strerror}"
    return str(error) if path in str(error) else f"{path}: {error}"
