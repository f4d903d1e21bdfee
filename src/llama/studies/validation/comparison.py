"""This search beside others on the same events, with what chance in events and in sky maps leaves open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.studies.blocks import generator
from llama.studies.validation.check import Cell, Check, PageTable, verdict
from llama.studies.validation.plots import roc_plot
from llama.studies.validation.recovery import LEAST_ABOVE, OURS, STATISTICS, Trials, efficiency

PROBABILITIES = (0.1, 0.01, 0.001)
INTERVAL = 0.99
LEAST_MAPS = 5
REPLICAS = 1000


@dataclass(frozen=True)
class Compared:
    """A statistic at one false alarm probability: its efficiency, the lead of this search, and their intervals."""

    population: str
    probability: float
    name: str
    efficiency: float
    interval: tuple[float, float]
    lead: float
    lead_interval: tuple[float, float]

    @property
    def ahead(self) -> bool:
        """Whether it beats this search by more than chance allows."""
        return self.name != OURS and self.lead_interval[1] < 0


def compare(rng: np.random.Generator, population: str, trials: Trials) -> list[Compared]:
    """Every statistic at every false alarm probability with enough background events above it, on enough maps."""
    maps = np.union1d(trials.background_map, trials.signal_map)
    usable = [p for p in PROBABILITIES if p * trials.background_map.size >= LEAST_ABOVE and maps.size >= LEAST_MAPS]
    if not usable:
        return []
    replicas = resampled(rng, trials, usable, REPLICAS)
    edges = [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2]
    found = []
    for k, probability in enumerate(usable):
        best = efficiency(trials, OURS, probability)[0]
        for name in STATISTICS:
            value, drawn = efficiency(trials, name, probability)[0], replicas[name][:, k]
            low, high = np.quantile(drawn, edges).tolist()
            below, above = np.quantile(replicas[OURS][:, k] - drawn, edges).tolist()
            found.append(Compared(population, probability, name, value, (low, high), best - value, (below, above)))
    return found


def resampled(
    rng: np.random.Generator, trials: Trials, probabilities: Sequence[float], count: int
) -> Mapping[str, Float]:
    """(count, probabilities) efficiencies of each statistic in paired bootstrap samples.

    A sample draws maps with replacement, and of each map's events each as often as a Poisson number with the map's
    multiplicity as its mean; background and injections alike, the same for all statistics. The threshold is found
    anew in every sample, so its own noise is in the intervals.
    """
    ranked = {name: _Ranked.of(trials.background[name], trials.signal[name]) for name in STATISTICS}
    maps = np.union1d(trials.background_map, trials.signal_map)
    background, signal = (np.searchsorted(maps, of) for of in (trials.background_map, trials.signal_map))
    found = {name: np.empty((count, len(probabilities))) for name in STATISTICS}
    for i in range(count):
        often = np.bincount(rng.integers(maps.size, size=maps.size), minlength=maps.size)
        noise, injected = (rng.poisson(often[of]).astype(np.float64) for of in (background, signal))
        for name, one in ranked.items():
            found[name][i] = one.efficiency(noise, injected * trials.weight, probabilities)
    return found


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Background and injections of a statistic by level: the distinct background values from the highest down.

    Attributes:
        noise: (background,) level of each background event.
        above: (injected,) how many levels are below each injection's value or at it: it is found at all of those.
        at: (injected,) whether it stands at a level itself.
        levels: how many.
    """

    noise: Index
    above: Index
    at: NDArray[np.bool_]
    levels: int

    @classmethod
    def of(cls, background: Float, signal: Float) -> _Ranked:
        values, level = np.unique(-background, return_inverse=True)
        first = np.searchsorted(values, -signal, side="left")
        at = (first < values.size) & (values[np.minimum(first, values.size - 1)] == -signal)
        return cls(level.ravel(), first, at, values.size)

    def efficiency(self, noise: Float, signal: Float, probabilities: Sequence[float]) -> Float:
        """Of weighted events, as `recovery.detected` has it of plain ones: a coin is tossed at the threshold."""
        per_level = np.bincount(self.noise, noise, minlength=self.levels)
        reached = np.cumsum(per_level)
        # an injection counts from the first level on that is not above it: strictly there unless it stands at it
        strict = np.bincount(self.above + self.at, signal, minlength=self.levels + 2).cumsum()
        equal = np.bincount(self.above[self.at], signal[self.at], minlength=self.levels)
        wanted = np.asarray(probabilities) * reached[-1]
        level = np.minimum(np.searchsorted(reached, wanted, side="right"), self.levels - 1)
        coin = (wanted - (reached[level] - per_level[level])) / np.maximum(per_level[level], 1e-300)
        return np.asarray((strict[level] + coin * equal[level]) / signal.sum())


def check_comparison(trials: Mapping[str, Trials], seed: int) -> Check:
    """This search against the others, on the same events at the same false alarm probability."""
    found = [
        one
        for population, some in trials.items()
        for one in compare(generator(seed, f"comparison {population}", 0), population, some)
    ]
    behind = [f"{one.name} ({one.population}, {one.probability:g})" for one in found if one.ahead]
    few = [population for population in trials if not any(one.population == population for one in found)]
    return Check(
        name="comparison",
        title="Comparison with other statistics",
        question="Does this search recover at least as many signals as simpler ones at the same false alarm rate?",
        criterion=f"at every false alarm probability with {LEAST_ABOVE} background events or more above it, on "
        f"{LEAST_MAPS} maps or more, the {100 * INTERVAL:g} % interval of the lead of this search over each other "
        "statistic is not wholly below 0",
        value=("none is ahead" if not behind else f"ahead of this search: {', '.join(behind)}")
        + _in_words(found)
        + (f"; too few events or maps to judge: {', '.join(few)}" if few else ""),
        verdict=verdict(len(found), len(behind)),
        limits="The signals are those of this search's own model, which favours it; on other signals (softer "
        "spectra, other distances) the order may differ. The O2 search's cut on a score is not applied, as public "
        "samples do not hold it. RAVEN's rate is used with one FAR for all mergers: here every map is a real merger.",
        plots=(roc_plot({n: roc(t) for n, t in trials.items()}),),
        tables=(_table(found),),
    )


def _table(found: Sequence[Compared]) -> PageTable:
    rows: list[tuple[Cell, ...]] = [
        (one.population, one.probability, one.name, round(one.efficiency, 3), _range(one.interval),
         "" if one.name == OURS else f"{one.lead:+.3f}", "" if one.name == OURS else _range(one.lead_interval))
        for one in found
    ]  # fmt: skip
    interval = f"{100 * INTERVAL:g} % interval"
    columns = ("population", "false alarm probability", "statistic", "efficiency", interval,
               "lead of this search", f"{interval} of the lead")  # fmt: skip
    caption = (
        "Each injected event counts as often as the model has it. The same events, the same background, the "
        "threshold of each statistic at the same false alarm probability per alert (times the rate of alerts: false "
        f"alarm rate). Intervals: {REPLICAS} paired bootstrap samples of maps and events, each with a threshold."
    )
    return PageTable(caption, columns, tuple(rows))


def _range(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f} to {interval[1]:.3f}"


def _in_words(found: Sequence[Compared]) -> str:
    """Leads at the lowest false alarm probability of each population."""
    lowest = {one.population: one.probability for one in found}
    words = {
        population: ", ".join(
            f"{one.name} {one.efficiency:.2f}" for one in found
            if (one.population, one.probability) == (population, probability)
        )
        for population, probability in lowest.items()
    }  # fmt: skip
    return "".join(f"; {population} at {lowest[population]:g}: {text}" for population, text in words.items())


def roc(trials: Trials) -> tuple[Float, Mapping[str, Float]]:
    """False alarm probabilities, and the efficiency of each statistic at them."""
    least = max(LEAST_ABOVE / trials.background[OURS].size, 1e-4)
    x = np.geomspace(least, 1.0, 40)
    return x, {name: np.array([efficiency(trials, name, p)[0] for p in x.tolist()]) for name in STATISTICS}
