"""Background events and injected signals of one population, and what each statistic says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.sky import SkyMap
from llama.studies.blocks import generator
from llama.studies.pool import Pool
from llama.studies.truth import (
    MERGER,
    Lists,
    Sources,
    draw_sources,
    merged,
    of_sources,
    scrambled,
)
from llama.studies.validation.evaluate import MapAnalysis
from llama.studies.validation.inputs import MapSource, Population

_CANDIDATES = 20_000


@dataclass(frozen=True)
class MapBlock:
    """Some events around one sky map of a population, and the search they are for."""

    number: int
    events: int
    skymap: MapSource
    search: Search


def map_blocks(population: Population, events: int, seed: int, study: str) -> tuple[MapBlock, ...]:
    """Each event takes a map at random; a block is all events of one map."""
    of_event = generator(seed, f"{study} maps {population.name}", 0).integers(len(population.maps), size=events)
    counts = np.bincount(of_event, minlength=len(population.maps)).tolist()
    return tuple(
        MapBlock(i, count, skymap, population.search)
        for i, (count, skymap) in enumerate(zip(counts, population.maps, strict=True))
        if count
    )


def lists_of(rng: np.random.Generator, analysis: MapAnalysis, pool: Pool, events: int) -> Lists:
    """Background only."""
    return scrambled(rng, pool.within(analysis.search), analysis.rate_hz, analysis.search, events)


@dataclass(frozen=True, eq=False)
class Injected:
    """Background with one detected source per event: its distance, its most energetic neutrino, how many it gave."""

    lists: Lists
    distance_mpc: Float
    energy_gev: Float
    count: Index
    weight: float
    """Mean probability that a merger of this map gives a neutrino at all: how often the model has such an event."""


def inject(rng: np.random.Generator, analysis: MapAnalysis, pool: Pool, events: int) -> Injected:
    """Mergers of the model, of those that give at least one neutrino, on top of real background."""
    season, search = analysis.season, analysis.search
    sources, weight = _detected(rng, analysis.skymap, season, search, events)
    count = _at_least_one(rng, sources.mean_count)
    event = np.repeat(np.arange(events), count)
    signal = of_sources(rng, sources.take(event), event, pool.sigma_rad, season, search, MERGER)
    highest = np.zeros(events)
    np.maximum.at(highest, event, signal.neutrinos.energy_gev)
    lists = merged((signal, lists_of(rng, analysis, pool, events)), events)
    return Injected(lists, sources.distance_mpc, highest, count, weight)


def _detected(
    rng: np.random.Generator, skymap: SkyMap, season: SeasonTable, search: Search, events: int
) -> tuple[Sources, float]:
    """Sources in proportion to the chance that they are seen, from a large draw of the map's posterior."""
    sources = draw_sources(rng, skymap, season, search, _CANDIDATES)
    seen = -np.expm1(-sources.mean_count)
    picked = rng.choice(seen.size, events, p=seen / seen.sum())
    return sources.take(picked), float(seen.mean())


def _at_least_one(rng: np.random.Generator, mean: Float) -> Index:
    """Poisson counts that are not zero."""
    from scipy.stats import poisson

    none = np.exp(-mean)
    return np.asarray(np.maximum(poisson.ppf(none + (1 - none) * rng.random(mean.size), mean), 1), dtype=np.int64)
