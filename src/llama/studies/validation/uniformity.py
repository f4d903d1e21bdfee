"""p-values under background: uniform for neutrinos, and for sky maps, that the table has not seen."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.studies.blocks import Blocks, Form, generator
from llama.studies.validation.check import Cell, Check, PageTable, verdict
from llama.studies.validation.evaluate import MapAnalysis, log_statistics
from llama.studies.validation.events import MapBlock, lists_of, map_blocks
from llama.studies.validation.inputs import CheckInputs, Population
from llama.studies.validation.plots import uniformity_plot

LEAST_P = 1e-3
Z_LIMIT = 4.0
TAILS = (0.1, 0.01, 0.001)
LEAST_IN_TAIL = 10
"""Events expected below a p-value for it to be judged."""
LEAST_MAPS = 20
MEAN_FACTOR, WIDE_FACTOR = 1.5, 4.0
"""How far the true fraction may be from the p-value stated, for maps the table has not seen: on average over the
ways to halve the maps, and in 90 % of them."""
_SPLITS = 1000


@dataclass(frozen=True, eq=False)
class BackgroundSample:
    """Background events: ln of the statistic, and which sky map each had."""

    log_odds: Float
    skymap: NDArray[np.int64]


def draw_block(inputs: CheckInputs, seed: int, study: str, half: int, block: MapBlock) -> Float:
    """Background events of one map, with one half of the neutrinos."""
    rng = generator(seed, study, block.number)
    analysis = MapAnalysis.of(block.skymap.read(), inputs.season, block.search)
    return log_statistics(analysis, lists_of(rng, analysis, inputs.pool.half(half), block.events))


AS_ARRAYS: Form[Float] = Form(lambda log_odds: {"log_odds": log_odds}, lambda arrays: arrays["log_odds"])


def draw_sample(
    inputs: CheckInputs, seed: int, population: Population, half: int, events: int, by: Blocks
) -> BackgroundSample:
    """Background events of one population with one half of the neutrinos."""
    study = f"uniformity {population.name} {half}"
    blocks = map_blocks(population, events, seed, study)
    task = functools.partial(draw_block, inputs, seed, study, half)
    parts = list(by.draw(study, task, blocks, AS_ARRAYS))
    skymap = np.repeat([block.number for block in blocks], [part.size for part in parts])
    return BackgroundSample(np.concatenate(parts), skymap)


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


@dataclass(frozen=True)
class Tail:
    """Events with a p-value of at most `stated`: what fraction, and how far off in standard deviations.

    The table is a sample like the events, so the variance is that of both: p(1 − p)(1/N + 1/M). `z` is None where too
    few are expected.
    """

    stated: float
    found: float
    z: float | None


def tails(table: Float, statistics: Float) -> tuple[Tail, ...]:
    """A factor on the p-values near zero, which a Kolmogorov–Smirnov test does not feel, shows here."""
    p, spread = p_values(table, statistics), 1 / table.size + 1 / statistics.size
    fractions = [float((p <= stated).mean()) for stated in TAILS]
    enough = [stated * min(table.size, statistics.size) >= LEAST_IN_TAIL for stated in TAILS]
    return tuple(
        Tail(stated, found, (found - stated) / float(np.sqrt(stated * (1 - stated) * spread)) if some else None)
        for stated, found, some in zip(TAILS, fractions, enough, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Transfer:
    """A table from half of the maps, events from the other half, for many ways to halve them.

    Attributes:
        stated: (tails,) p-values at which it is judged: those with enough events in half of the maps.
        mean: (tails,) true fraction of events below each, averaged over the ways.
        low, high: (tails,) 5 and 95 % of the ways.
    """

    stated: Float
    mean: Float
    low: Float
    high: Float

    @property
    def wrong(self) -> int:
        """How many of the stated p-values are further off than the criterion allows."""
        mean = (self.mean > MEAN_FACTOR * self.stated) | (self.mean < self.stated / MEAN_FACTOR)
        wide = (self.high > WIDE_FACTOR * self.stated) | (self.low < self.stated / WIDE_FACTOR)
        return int((mean | wide).sum())


def transfer(
    rng: np.random.Generator, table: BackgroundSample, events: BackgroundSample, ways: int = _SPLITS
) -> Transfer:
    """Halve the maps in many ways; nothing is stated with fewer maps than `LEAST_MAPS`."""
    maps = np.union1d(table.skymap, events.skymap)
    least = min(table.log_odds.size, events.log_odds.size) / 2
    stated = np.array([p for p in TAILS if maps.size >= LEAST_MAPS and p * least >= LEAST_IN_TAIL])
    if not stated.size:
        return Transfer(stated, stated, stated, stated)
    fractions = np.empty((ways, stated.size))
    for i in range(ways):
        half = np.zeros(int(maps.max()) + 1, np.bool_)
        half[rng.permutation(maps)[: (maps.size + 1) // 2]] = True
        p = p_values(table.log_odds[half[table.skymap]], events.log_odds[~half[events.skymap]])
        fractions[i] = (p[:, None] <= stated).mean(axis=0)
    low, high = np.quantile(fractions, [0.05, 0.95], axis=0)
    return Transfer(stated, fractions.mean(axis=0), low, high)


@dataclass(frozen=True, eq=False)
class Uniformity:
    """What was found of one population."""

    population: str
    maps: int
    events: int
    distance: float
    p: float
    tails: tuple[Tail, ...]
    transfer: Transfer
    curve: Float

    @property
    def judged(self) -> int:
        """Numbers that the criterion applies to."""
        return 1 + sum(tail.z is not None for tail in self.tails) + self.transfer.stated.size

    @property
    def wrong(self) -> int:
        """Those that are against it."""
        off = sum(tail.z is not None and abs(tail.z) > Z_LIMIT for tail in self.tails)
        return int(self.p < LEAST_P) + off + self.transfer.wrong


def measure(
    rng: np.random.Generator, population: str, table: BackgroundSample, tried: BackgroundSample
) -> Uniformity:
    """One population's table tried on its other events."""
    distance, p = ks(table.log_odds, tried.log_odds)
    return Uniformity(
        population,
        int(np.union1d(table.skymap, tried.skymap).size),
        tried.log_odds.size,
        distance,
        p,
        tails(table.log_odds, tried.log_odds),
        transfer(rng, table, tried),
        np.sort(p_values(table.log_odds, tried.log_odds)),
    )


def check_uniformity(inputs: CheckInputs, seed: int, events: int, by: Blocks) -> Check:
    """Every population: `events` for the table, and as many to try it on."""
    found = []
    for population in inputs.populations:
        table, tried = (draw_sample(inputs, seed, population, half, events, by) for half in (0, 1))
        found.append(measure(generator(seed, f"splits {population.name}", 0), population.name, table, tried))
    return judge(found)


def judge(found: list[Uniformity]) -> Check:
    """The verdict on all populations."""
    off = max((abs(tail.z) for one in found for tail in one.tails if tail.z is not None), default=0.0)
    few = [one.population for one in found if not one.transfer.stated.size]
    return Check(
        name="uniformity",
        title="p-values under background",
        question="Are the p-values of background events uniform, when the table was made from other neutrinos?",
        criterion=f"for every population, with fresh neutrinos on the same maps: Kolmogorov–Smirnov p ≥ {LEAST_P:g}, "
        f"and the fraction of events with p ≤ {', '.join(f'{p:g}' for p in TAILS)} within {Z_LIMIT:g} standard "
        f"deviations of that. On maps that the table has not seen: the true fraction within a factor of "
        f"{MEAN_FACTOR:g} of the p-value stated on average over ways to halve the maps, and of {WIDE_FACTOR:g} in "
        f"90 % of them. Judged where {LEAST_IN_TAIL} events are expected, other maps with {LEAST_MAPS} maps or more",
        value=f"least Kolmogorov–Smirnov p = {min(one.p for one in found):.3g}, worst |z| of a tail {off:.2f}, "
        f"{len(found)} populations, {found[0].events:,} events each beside tables of as many"
        + _of_other_maps(found)
        + (f"; other maps not judged, too few: {', '.join(few)}" if few else ""),
        verdict=verdict(sum(one.judged for one in found), sum(one.wrong for one in found)),
        limits="Right ascension and time are scrambled: structure of the real sample in time is not tested. The maps "
        "stand for the population; a table fits only alerts like them, and the second table says how well.",
        plots=(uniformity_plot({one.population: one.curve for one in found}),),
        tables=(_same_maps(found), _other_maps(found)),
    )


def _of_other_maps(found: list[Uniformity]) -> str:
    """The lowest p-value judged of each population, in words."""
    words = [
        f"{one.population}: of those said to be below {one.transfer.stated[-1]:g} on other maps really "
        f"{one.transfer.mean[-1]:.3g} ({one.transfer.low[-1]:.3g} to {one.transfer.high[-1]:.3g})"
        for one in found
        if one.transfer.stated.size
    ]
    return "".join(f"; {one}" for one in words)


def _same_maps(found: list[Uniformity]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (one.population, one.maps, one.events, round(one.distance, 4), float(f"{one.p:.3g}"),
         *(f"{tail.found:.3g}" + ("" if tail.z is None else f" (z = {tail.z:+.1f})") for tail in one.tails))
        for one in found
    ]  # fmt: skip
    columns = ("population", "maps", "events", "KS distance", "KS p", *(f"fraction at p ≤ {p:g}" for p in TAILS))
    caption = (
        "Same maps: the table and the events share the sky maps and no neutrino. z counts the variance of the table "
        f"too, and is given where {LEAST_IN_TAIL} events or more are expected."
    )
    return PageTable(caption, columns, tuple(rows))


def _other_maps(found: list[Uniformity]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (one.population, float(stated), float(f"{mean:.3g}"), f"{low:.3g} to {high:.3g}")
        for one in found
        for stated, mean, low, high in zip(
            *(column.tolist() for column in (one.transfer.stated, one.transfer.mean)),
            *(column.tolist() for column in (one.transfer.low, one.transfer.high)),
            strict=True,
        )
    ]
    columns = ("population", "p stated", "true fraction, mean", "5 to 95 % of the halvings")
    caption = (
        f"Other maps: the table from half of the maps, the events from the other half, for {_SPLITS} ways to halve "
        "them. This is the price of few maps, and what a p-value from such a table is worth on a new alert."
    )
    return PageTable(caption, columns, tuple(rows))
