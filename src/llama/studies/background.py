"""Background events: sky maps of simulated signals with neutrinos that have nothing to do with them.

Each event is one sky map and one list from a neutrino source that draws from the observed background (their number
Poisson, real events with scrambled right ascension, times uniform in the window), through the same statistic as a
real event. Event i of a study uses map i modulo the number of maps and the list that its own seed gives, so the
table does not depend on how many workers drew it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from llama.formats.populations import BackgroundRow
from llama.formats.skymap import read_skymap
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.products import WINDOW_S
from llama.messengers.icecube.record import from_window
from llama.ports import NeutrinoSource
from llama.science.coincidence import coincidence
from llama.science.observed import GWTrigger
from llama.science.prepared import prepare
from llama.science.response import SeasonTable
from llama.science.search import Search

GPS_S = 1_000_000_000.0
"""The time given to every event; nothing depends on it but the differences to the neutrinos'."""

P_ASTRO = 1.0
"""Maps of simulated signals stand for real mergers."""

_TRIGGER = GWTrigger(GPS_S, None, P_ASTRO)


@dataclass(frozen=True)
class Study:
    """A background study: which maps, whose neutrinos, how many events.

    `label` tells its seeds from those of other studies.
    """

    maps: tuple[Path, ...]
    events: int
    label: str
    season: SeasonTable
    search: Search

    @property
    def distance_mode(self) -> str:
        """How the odds use the distance, which the first map decides and all must share."""
        return prepare(read_skymap(self.maps[0]), _TRIGGER, self.season, self.search).mode

    @property
    def blocks(self) -> list[range]:
        """Event numbers by sky map: a map is read once."""
        return [range(i, self.events, len(self.maps)) for i in range(min(len(self.maps), self.events))]


def draw_block(study: Study, source: NeutrinoSource, block: range, mode: str) -> list[BackgroundRow]:
    """The events of one sky map; ValueError when its distance mode is not the study's."""
    path = study.maps[block.start % len(study.maps)]
    skymap = read_skymap(path)
    prepared = prepare(skymap, _TRIGGER, study.season, study.search)
    if prepared.mode != mode:
        raise ValueError(f"{path} has distance mode {prepared.mode}, other maps of the list {mode}; list them apart")
    rows = []
    for i in block:
        seed = f"{study.label}/{i}"
        window = source.window(GPS_S - WINDOW_S, GPS_S + WINDOW_S, seed=seed)
        neutrinos = kernel_arrays(from_window(window, source.name))
        result = coincidence(skymap, _TRIGGER, neutrinos, study.season, study.search, prepared)
        rows.append(BackgroundRow(_odds(result.event.log_odds), len(neutrinos), seed, path.name))
    return rows


def draw(study: Study, connect: Callable[[], NeutrinoSource], workers: int) -> Iterator[list[BackgroundRow]]:
    """Blocks of events as they come, in order of their maps; `connect` gives each worker process its source.

    Raises ValueError for maps of different distance modes, and where an antenna pattern would be needed: the maps do
    not say at which sidereal time they are.
    """
    mode = study.distance_mode
    if mode == "marginal" and study.search.antenna_pattern:
        raise ValueError("no background can be drawn in distance mode marginal with an antenna pattern; turn it off")
    if workers <= 1:
        source = connect()
        yield from (draw_block(study, source, block, mode) for block in study.blocks)
        return
    given = (study, connect, mode)
    with ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start, initargs=given) as pool:
        yield from pool.map(_next, study.blocks)


_WORKER: list[Callable[[range], list[BackgroundRow]]] = []  # what the initializer leaves for its process's tasks


def _start(study: Study, connect: Callable[[], NeutrinoSource], mode: str) -> None:
    source = connect()
    _WORKER[:] = [lambda block: draw_block(study, source, block, mode)]


def _next(block: range) -> list[BackgroundRow]:
    return _WORKER[0](block)


def _odds(log_odds: float) -> float:
    return float(np.exp(min(log_odds, math.log(np.finfo(float).max))))


def in_order(study: Study, blocks: Sequence[list[BackgroundRow]]) -> list[BackgroundRow]:
    """All rows by event number."""
    rows = dict(zip((i for block in study.blocks for i in block), (r for rows in blocks for r in rows), strict=True))
    return [rows[i] for i in range(study.events)]
