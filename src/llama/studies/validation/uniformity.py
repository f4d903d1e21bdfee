"""p-values under background: uniform for neutrinos, and for sky maps, that the table has not seen."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.studies.validation.blocks import run_blocks
from llama.studies.validation.check import Cell, Check, Table
from llama.studies.validation.evaluate import Analysis, log_statistics
from llama.studies.validation.events import MapBlock, lists_of, map_blocks
from llama.studies.validation.inputs import Inputs, Population, generator
from llama.studies.validation.plots import uniformity_plot

Float = NDArray[np.float64]

LEAST_P = 1e-3
_SPLITS = 1000
_TAILS = (0.1, 0.01)


@dataclass(frozen=True, eq=False)
class Sample:
    """Background events: ln of the statistic, and which sky map each had."""

    log_odds: Float
    skymap: NDArray[np.int64]

    def of_maps(self, some: NDArray[np.int64]) -> Float:
        """The statistic of the events of some maps."""
        return self.log_odds[np.isin(self.skymap, some)]


def draw_block(inputs: Inputs, seed: int, study: str, half: int, block: MapBlock) -> Float:
    """Background events of one map, with one half of the neutrinos."""
    rng = generator(seed, study, block.number)
    analysis = Analysis.of(block.skymap.read(), inputs.season, inputs.search)
    return log_statistics(analysis, lists_of(rng, analysis, inputs, inputs.pool.half(half), block.events))


def draw_sample(inputs: Inputs, seed: int, population: Population, half: int, events: int, workers: int) -> Sample:
    """Background events of one population with one half of the neutrinos."""
    study = f"uniformity {population.name} {half}"
    blocks = map_blocks(population, events, seed, study)
    parts = run_blocks(functools.partial(draw_block, inputs, seed, study, half), blocks, workers)
    skymap = np.repeat([block.number for block in blocks], [part.size for part in parts])
    return Sample(np.concatenate(parts), skymap)


def p_values(table: Float, statistics: Float) -> Float:
    """Fraction of the table's events at least as extreme, as `science.pvalue` has it."""
    return np.asarray(1 - np.searchsorted(np.sort(table), statistics, side="left") / table.size)


def ks(table: Float, statistics: Float) -> tuple[float, float]:
    """Two-sample Kolmogorov–Smirnov: distance and p. Ties (lists without neutrinos) make it cautious."""
    from scipy.stats import ks_2samp

    found = ks_2samp(_finite(table), _finite(statistics), method="asymp")
    return float(found.statistic), float(found.pvalue)


def _finite(values: Float) -> Float:
    return np.maximum(values, -1e300)


@dataclass(frozen=True, eq=False)
class Splits:
    """A table from half of the maps, events from the other half, for many ways to halve them.

    Attributes:
        distance: Kolmogorov–Smirnov distance of the first way (even against odd maps).
        p: fraction of the other ways with a distance at least as large.
        fractions: (ways, tails) true fraction of events below each stated p-value.
    """

    distance: float
    p: float
    fractions: Float


def split_maps(rng: np.random.Generator, table: Sample, events: Sample, ways: int = _SPLITS) -> Splits:
    """Halve the maps in many ways; the unit of chance is the map, not the event."""
    maps = np.union1d(table.skymap, events.skymap)
    halves = [maps[::2]] + [rng.permutation(maps)[: (maps.size + 1) // 2] for _ in range(ways)]
    distances, fractions = np.empty(ways + 1), np.empty((ways + 1, len(_TAILS)))
    for i, half in enumerate(halves):
        made, tried = table.of_maps(half), events.of_maps(np.setdiff1d(maps, half))
        p = p_values(made, tried)
        distances[i] = _distance(made, tried)
        fractions[i] = [(p <= tail).mean() for tail in _TAILS]
    return Splits(float(distances[0]), float((distances[1:] >= distances[0]).mean()), fractions[1:])


def _distance(one: Float, other: Float) -> float:
    at = np.concatenate([one, other])
    below = (np.searchsorted(np.sort(values), at, side="right") / values.size for values in (one, other))
    return float(np.abs(np.subtract(*below)).max())


def check_uniformity(inputs: Inputs, seed: int, events: int, workers: int) -> Check:
    """Every population: `events` for the table, and as many to try it on."""
    curves: dict[str, Float] = {}
    rows: list[tuple[Cell, ...]] = []
    p_least = 1.0
    for population in inputs.populations:
        table, tried = (draw_sample(inputs, seed, population, half, events, workers) for half in (0, 1))
        distance, p = ks(table.log_odds, tried.log_odds)
        splits = split_maps(generator(seed, f"splits {population.name}", 0), table, tried)
        ranges = np.quantile(splits.fractions, [0.05, 0.95], axis=0).T
        rows.append(
            (population.name, len(population.maps), events, round(distance, 4), float(f"{p:.3g}"),
             round(splits.distance, 4), float(f"{splits.p:.3g}"),
             *(f"{low:.3g} to {high:.3g}" for low, high in ranges.tolist()))
        )  # fmt: skip
        curves[population.name] = np.sort(p_values(table.log_odds, tried.log_odds))
        p_least = min(p_least, p, splits.p)
    columns = ("population", "maps", "events", "KS distance, same maps", "KS p", "KS distance, other maps",
               "p among splits", "true fraction at p ≤ 0.1", "true fraction at p ≤ 0.01")  # fmt: skip
    caption = (
        "Same maps: the table and the events share the sky maps and no neutrino. Other maps: table from the even "
        f"maps, events from the odd ones; its p is the rank among {_SPLITS} random halvings. Last columns: 5 to "
        f"95 % of "
        "the halvings, how far a table from so few maps can be off for maps it has not seen."
    )
    return Check(
        name="uniformity",
        title="p-values under background",
        question="Are the p-values of background events uniform, when the table was made from other neutrinos?",
        criterion=f"for every population Kolmogorov–Smirnov p ≥ {LEAST_P:g} with fresh neutrinos on the same maps, "
        f"and p ≥ {LEAST_P:g} among halvings of the maps with fresh neutrinos on other maps",
        value=f"least p = {p_least:.3g} of {len(rows)} populations, {events:,} events each beside tables of as many",
        passed=p_least >= LEAST_P,
        limits="Right ascension and time are scrambled: structure of the real sample in time is not tested. The maps "
        "stand for the population; a table fits only alerts like them, and the last columns say how well.",
        plots=(uniformity_plot(curves),),
        tables=(Table(caption, columns, tuple(rows)),),
    )
