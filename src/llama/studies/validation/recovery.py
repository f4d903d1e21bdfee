"""Injected signals: how many are recovered at a fixed false alarm probability, by this search and by others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.sky import credible_area_deg2
from llama.studies.blocks import Arrays, Blocks, Form, generator
from llama.studies.truth import Lists
from llama.studies.validation import rivals
from llama.studies.validation.check import Check, PageTable, verdict
from llama.studies.validation.evaluate import MapAnalysis, log_statistics
from llama.studies.validation.events import MapBlock, inject, lists_of, map_blocks
from llama.studies.validation.inputs import CheckInputs, Population
from llama.studies.validation.plots import odds_plot, recovery_plot

OURS = "this search"
FALSE_ALARM = 0.01
LEAST_ABOVE = 5
"""Background events that must be above a threshold for it to mean anything."""
SIGMAS, LEAST_GAIN = 3.0, 5.0

STATISTICS: Mapping[str, Callable[[MapAnalysis, Lists], Float]] = {
    OURS: log_statistics,
    "O2 likelihood": lambda analysis, lists: rivals.log_o2(analysis.skymap, lists),
    "overlap (RAVEN)": lambda analysis, lists: rivals.log_raven(analysis.prepared.tree, lists),
    "counting": lambda analysis, lists: rivals.counts(analysis.skymap, lists),
}


_SIDES = ("background", "signal")
_COLUMNS = ("background_map", "signal_map", "distance_mpc", "energy_gev", "area_deg2", "weight")


@dataclass(frozen=True, eq=False)
class Trials:
    """Background and injected events of one population, through every statistic.

    Attributes:
        background, signal: (events,) by name of the statistic.
        background_map, signal_map: (events,) number of each one's sky map, and (injected,) the same.
        distance_mpc, energy_gev, area_deg2, weight: (injected,) the source's distance, its most energetic neutrino,
            the map's 90 % area, and how often the model has such an event.
    """

    background: Mapping[str, Float]
    signal: Mapping[str, Float]
    background_map: Index
    signal_map: Index
    distance_mpc: Float
    energy_gev: Float
    area_deg2: Float
    weight: Float

    @classmethod
    def joined(cls, parts: Sequence[Trials]) -> Trials:
        """All of them together."""
        every = {
            side: {name: np.concatenate([getattr(part, side)[name] for part in parts]) for name in STATISTICS}
            for side in _SIDES
        }
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
        return cls(every["background"], every["signal"], *columns)

    def recovered(self, name: str, probability: float) -> Float:
        """(injected,) chance that each is above the threshold of this false alarm probability."""
        return detected(self.background[name], self.signal[name], probability)


def _arrays(trials: Trials) -> Arrays:
    sides = {f"{side}/{name}": value for side in _SIDES for name, value in getattr(trials, side).items()}
    return {**sides, **{name: getattr(trials, name) for name in _COLUMNS}}


def _result(arrays: Arrays) -> Trials:
    background, signal = ({name: arrays[f"{side}/{name}"] for name in STATISTICS} for side in _SIDES)
    return Trials(background, signal, *(arrays[name] for name in _COLUMNS))


AS_ARRAYS = Form(_arrays, _result)


def detected(background: Float, signal: Float, probability: float) -> Float:
    """Chance of detection at exactly this false alarm probability; a coin is tossed for those at the threshold."""
    ranked = np.sort(background)[::-1]
    threshold = ranked[min(int(np.floor(probability * ranked.size)), ranked.size - 1)]
    above, at = (background > threshold).mean(), (background == threshold).mean()
    return np.where(signal > threshold, 1.0, np.where(signal == threshold, (probability - above) / at, 0.0))


def trial_block(inputs: CheckInputs, seed: int, study: str, share: float, block: MapBlock) -> Trials:
    """One map: its background events and `share` as many injected ones."""
    rng = generator(seed, study, block.number)
    skymap = block.skymap.read()
    analysis = MapAnalysis.of(skymap, inputs.season, block.search)
    noise = lists_of(rng, analysis, inputs.pool, block.events)
    injected = inject(rng, analysis, inputs.pool, max(round(block.events * share), 1))
    count = injected.lists.events
    return Trials(
        {name: statistic(analysis, noise) for name, statistic in STATISTICS.items()},
        {name: statistic(analysis, injected.lists) for name, statistic in STATISTICS.items()},
        np.full(block.events, block.number),
        np.full(count, block.number),
        injected.distance_mpc,
        injected.energy_gev,
        np.full(count, credible_area_deg2(skymap, 0.9)),
        np.full(count, injected.weight),
    )


def draw_trials(inputs: CheckInputs, seed: int, events: int, share: float, by: Blocks) -> Mapping[str, Trials]:
    """Every population's."""
    return {p.name: _draw_population(inputs, seed, p, events, share, by) for p in inputs.populations}


def _draw_population(
    inputs: CheckInputs, seed: int, population: Population, events: int, share: float, by: Blocks
) -> Trials:
    study = f"recovery {population.name}"
    task = functools.partial(trial_block, inputs, seed, study, share)
    blocks = map_blocks(population, events, seed, study)
    return Trials.joined(list(by.draw(f"{study} {share:g}", task, blocks, AS_ARRAYS)))


@dataclass(frozen=True)
class Axis:
    """Something that recovery depends on, in bins."""

    name: str
    attribute: str
    edges: tuple[float, ...]

    def bins(self, trials: Trials) -> NDArray[np.int64]:
        """(injected,) bin of each."""
        return np.asarray(np.searchsorted(self.edges[1:-1], getattr(trials, self.attribute), side="right"))


ENERGY = Axis("energy of the neutrino (GeV)", "energy_gev", (1e2, 1e3, 3e3, 1e4, 3e4, 1e5, 1e7))
AXES = (
    ENERGY,
    Axis("distance (Mpc)", "distance_mpc", (10, 50, 100, 200, 400, 1000, 2000, 10000)),
    Axis("90 % area of the sky map (deg²)", "area_deg2", (1, 30, 100, 300, 1000, 3000, 41253)),
)
_LEAST = 20


@dataclass(frozen=True, eq=False)
class Curve:
    """Efficiency by bin: the middle, the value, its error, how many injections. Bins with few are left out."""

    middle: Float
    value: Float
    error: Float
    count: Float


def curve(axis: Axis, trials: Trials, name: str, probability: float) -> Curve:
    """Unweighted efficiency along one axis."""
    found, where = trials.recovered(name, probability), axis.bins(trials)
    rows = []
    for i, (low, high) in enumerate(zip(axis.edges[:-1], axis.edges[1:], strict=True)):
        here = found[where == i]
        if here.size >= _LEAST:
            # one more of each: an efficiency of 0 or 1 has an error too
            mean = (here.sum() + 1) / (here.size + 2)
            rows.append((np.sqrt(low * high), here.mean(), np.sqrt(mean * (1 - mean) / here.size), here.size))
    return Curve(*np.array(rows, dtype=np.float64).reshape(-1, 4).T)


def check_recovery(trials: Mapping[str, Trials]) -> Check:
    """Odds of signals, and efficiency of this search against energy, distance and localisation."""
    everyone = Trials.joined(list(trials.values()))
    curves = {
        axis: {population: curve(axis, some, OURS, FALSE_ALARM) for population, some in trials.items()}
        for axis in AXES
    }
    usable = [name for name, some in trials.items() if FALSE_ALARM * some.background[OURS].size >= LEAST_ABOVE]
    wrong = [name for name in usable if _falls(curves[ENERGY][name])]
    below = [name for name in usable if _not_above(trials[name])]
    overall = "; ".join(
        f"{name}: {100 * efficiency(some, OURS, FALSE_ALARM)[0]:.0f} %" for name, some in trials.items()
    )
    return Check(
        name="recovery",
        title="Recovery of injected signals",
        question="Are signals of the model found on real background, and better where they should be easier?",
        criterion=f"at a false alarm probability of {FALSE_ALARM:g} per alert more of the injections are found than "
        f"{LEAST_GAIN:g} times that fraction by {SIGMAS:g}σ, and between the lowest and the highest bin of the "
        f"neutrino's energy the efficiency does not fall by more than {SIGMAS:g}σ; judged with {LEAST_ABOVE} "
        "background events or more above the threshold",
        value=f"recovered at {FALSE_ALARM:g}: {overall}; {everyone.weight.size:,} injections"
        + (f"; falls with energy: {', '.join(wrong)}" if wrong else "")
        + (f"; too few are recovered: {', '.join(below)}" if below else ""),
        verdict=verdict(len(usable), len(wrong) + len(below)),
        limits="Injections follow the model: E⁻² spectra, log-uniform energies, distances of the maps' posteriors. "
        "No trend with distance or area is asked for: maps are few, and their declinations matter as much.",
        plots=(
            odds_plot({n: (t.background[OURS], t.signal[OURS]) for n, t in trials.items()}),
            recovery_plot([(axis.name, axis.edges, of) for axis, of in curves.items()], FALSE_ALARM),
        ),
        tables=tuple(_curve_table(axis, of) for axis, of in curves.items()),
    )


def _falls(one: Curve) -> bool:
    """Whether the last bin lies below the first by more than their errors allow."""
    if one.value.size < 2:
        return False
    return bool(one.value[-1] - one.value[0] < -SIGMAS * np.hypot(one.error[-1], one.error[0]))


def _not_above(trials: Trials) -> bool:
    value, error = efficiency(trials, OURS, FALSE_ALARM)
    return value - SIGMAS * error <= LEAST_GAIN * FALSE_ALARM


def _curve_table(axis: Axis, curves: Mapping[str, Curve]) -> PageTable:
    rows = [
        (population, float(f"{middle:.3g}"), int(count), round(value, 3), round(error, 3))
        for population, one in curves.items()
        for middle, value, error, count in zip(
            one.middle.tolist(), one.value.tolist(), one.error.tolist(), one.count.tolist(), strict=True
        )
    ]
    columns = ("population", axis.name, "injections", "efficiency", "±")
    return PageTable(
        f"Efficiency at a false alarm probability of {FALSE_ALARM:g} by {axis.name}", columns, tuple(rows)
    )


def efficiency(trials: Trials, name: str, probability: float) -> tuple[float, float]:
    """As often as the model has each event, and its standard error."""
    found, weight = trials.recovered(name, probability), trials.weight / trials.weight.sum()
    mean = float(np.sum(weight * found))
    return mean, float(np.sqrt(np.sum(np.square(weight * (found - mean)))))
