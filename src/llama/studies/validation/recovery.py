"""Injected signals: how many are recovered at a fixed false alarm probability, by this search and by others."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.skymap import credible_area_deg2
from llama.studies.validation import rivals
from llama.studies.validation.blocks import run_blocks
from llama.studies.validation.check import Cell, Check, Table
from llama.studies.validation.evaluate import Analysis, log_statistics
from llama.studies.validation.events import MapBlock, inject, lists_of, map_blocks
from llama.studies.validation.inputs import Inputs, Population, generator
from llama.studies.validation.plots import odds_plot, recovery_plot, roc_plot
from llama.studies.validation.truth import Lists

Float = NDArray[np.float64]

OURS = "this search"
FALSE_ALARM = 0.01
PROBABILITIES = (0.1, 0.01, 0.001)
SIGMAS = 3.0

STATISTICS: Mapping[str, Callable[[Analysis, Lists], Float]] = {
    OURS: log_statistics,
    "O2 likelihood": lambda analysis, lists: rivals.log_o2(analysis.skymap, lists),
    "overlap (RAVEN)": lambda analysis, lists: rivals.log_raven(analysis.skymap, lists),
    "counting": lambda analysis, lists: rivals.counts(analysis.skymap, lists),
}


@dataclass(frozen=True, eq=False)
class Trials:
    """Background and injected events of one population, through every statistic.

    Attributes:
        background, signal: (events,) by name of the statistic.
        distance_mpc, energy_gev, area_deg2, weight: (injected,) the source's distance, its most energetic neutrino,
            the map's 90 % area, and how often the model has such an event.
    """

    background: Mapping[str, Float]
    signal: Mapping[str, Float]
    distance_mpc: Float
    energy_gev: Float
    area_deg2: Float
    weight: Float

    @classmethod
    def joined(cls, parts: Sequence[Trials]) -> Trials:
        """All of them together."""
        every = {
            side: {name: np.concatenate([getattr(part, side)[name] for part in parts]) for name in STATISTICS}
            for side in ("background", "signal")
        }
        names = ("distance_mpc", "energy_gev", "area_deg2", "weight")
        columns = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
        return cls(every["background"], every["signal"], *columns)

    def recovered(self, name: str, probability: float) -> Float:
        """(injected,) chance that each is above the threshold of this false alarm probability."""
        return detected(self.background[name], self.signal[name], probability)


def detected(background: Float, signal: Float, probability: float) -> Float:
    """Chance of detection at exactly this false alarm probability; a coin is tossed for those at the threshold."""
    ranked = np.sort(background)[::-1]
    threshold = ranked[min(int(np.floor(probability * ranked.size)), ranked.size - 1)]
    above, at = (background > threshold).mean(), (background == threshold).mean()
    return np.where(signal > threshold, 1.0, np.where(signal == threshold, (probability - above) / at, 0.0))


def trial_block(inputs: Inputs, seed: int, study: str, share: float, block: MapBlock) -> Trials:
    """One map: its background events and `share` as many injected ones."""
    rng = generator(seed, study, block.number)
    skymap = block.skymap.read()
    analysis = Analysis.of(skymap, inputs.season, inputs.search)
    noise = lists_of(rng, analysis, inputs, inputs.pool, block.events)
    injected = inject(rng, analysis, inputs, max(round(block.events * share), 1))
    count = injected.lists.events
    return Trials(
        {name: statistic(analysis, noise) for name, statistic in STATISTICS.items()},
        {name: statistic(analysis, injected.lists) for name, statistic in STATISTICS.items()},
        injected.distance_mpc,
        injected.energy_gev,
        np.full(count, credible_area_deg2(skymap, 0.9)),
        np.full(count, injected.weight),
    )


def draw_trials(inputs: Inputs, seed: int, events: int, share: float, workers: int) -> Mapping[str, Trials]:
    """Every population's."""
    return {p.name: _draw_population(inputs, seed, p, events, share, workers) for p in inputs.populations}


def _draw_population(
    inputs: Inputs, seed: int, population: Population, events: int, share: float, workers: int
) -> Trials:
    study = f"recovery {population.name}"
    blocks = map_blocks(population, events, seed, study)
    return Trials.joined(run_blocks(functools.partial(trial_block, inputs, seed, study, share), blocks, workers))


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
    wrong = [name for name, one in curves[ENERGY].items() if _falls(one)]
    below = [name for name, some in trials.items() if _efficiency(some, OURS, FALSE_ALARM)[0] <= FALSE_ALARM]
    overall = "; ".join(
        f"{name}: {100 * _efficiency(some, OURS, FALSE_ALARM)[0]:.0f} %" for name, some in trials.items()
    )
    return Check(
        name="recovery",
        title="Recovery of injected signals",
        question="Are signals of the model found on real background, and better where they should be easier?",
        criterion=f"at a false alarm probability of {FALSE_ALARM:g} per alert more than that fraction of the "
        f"injections "
        "is recovered, and between the lowest and the highest filled bin of the neutrino's energy the "
        "efficiency does "
        f"not fall by more than {SIGMAS:g}σ",
        value=f"recovered at {FALSE_ALARM:g}: {overall}; {everyone.weight.size:,} injections"
        + (f"; falls with energy: {', '.join(wrong)}" if wrong else ""),
        passed=not wrong and not below,
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


def _curve_table(axis: Axis, curves: Mapping[str, Curve]) -> Table:
    rows = [
        (population, float(f"{middle:.3g}"), int(count), round(value, 3), round(error, 3))
        for population, one in curves.items()
        for middle, value, error, count in zip(
            one.middle.tolist(), one.value.tolist(), one.error.tolist(), one.count.tolist(), strict=True
        )
    ]
    columns = ("population", axis.name, "injections", "efficiency", "±")
    return Table(f"Efficiency at a false alarm probability of {FALSE_ALARM:g} by {axis.name}", columns, tuple(rows))


def _efficiency(trials: Trials, name: str, probability: float) -> tuple[float, float]:
    """As often as the model has each event, and its standard error."""
    found, weight = trials.recovered(name, probability), trials.weight / trials.weight.sum()
    mean = float(np.sum(weight * found))
    return mean, float(np.sqrt(np.sum(np.square(weight * (found - mean)))))


def _lead(trials: Trials, rival: str, probability: float) -> tuple[float, float]:
    """By how much this search is more efficient than another on the same events, and the standard error of that."""
    apart = trials.recovered(OURS, probability) - trials.recovered(rival, probability)
    weight = trials.weight / trials.weight.sum()
    mean = float(np.sum(weight * apart))
    return mean, float(np.sqrt(np.sum(np.square(weight * (apart - mean)))))


def check_comparison(trials: Mapping[str, Trials]) -> Check:
    """This search against the others, on the same events at the same false alarm probability."""
    rows: list[tuple[Cell, ...]] = []
    behind: list[str] = []
    for population, some in trials.items():
        usable = [p for p in PROBABILITIES if p * some.background[OURS].size >= 5]
        for probability in usable:
            for name in STATISTICS:
                value, error = _efficiency(some, name, probability)
                lead, spread = _lead(some, name, probability)
                rows.append((population, probability, name, round(value, 3), round(error, 3),
                             "" if name == OURS else f"{lead:+.3f} ± {spread:.3f}"))  # fmt: skip
                if name != OURS and lead < -SIGMAS * max(spread, 1e-12):
                    behind.append(f"{name} ({population}, {probability:g})")
    columns = ("population", "false alarm probability", "statistic", "efficiency", "±", "lead of this search")
    caption = (
        "Each injected event counts as often as the model has it. The same events, the same background, the "
        "threshold of "
        "each statistic at the same false alarm probability per alert (times the rate of alerts: false alarm rate)."
    )
    return Check(
        name="comparison",
        title="Comparison with other statistics",
        question="Does this search recover at least as many signals as simpler ones at the same false alarm rate?",
        criterion=f"at every false alarm probability with five background events or more above it, no other "
        f"statistic "
        f"is ahead by more than {SIGMAS:g} standard errors of the paired difference",
        value=("none is ahead" if not behind else f"ahead of this search: {', '.join(behind)}") + _in_words(rows),
        passed=not behind,
        limits="The signals are those of this search's own model, which favours it; on other signals (softer "
        "spectra, "
        "other distances) the order may differ. The O2 search's cut on a score is not applied, as public samples do "
        "not hold it. RAVEN's rate is used with one FAR for all mergers: here every map is a real merger.",
        plots=(roc_plot({n: roc(t) for n, t in trials.items()}),),
        tables=(Table(caption, columns, tuple(rows)),),
    )


def _in_words(rows: Sequence[tuple[Cell, ...]]) -> str:
    """The efficiencies at the lowest false alarm probability of each population."""
    lowest = {row[0]: row[1] for row in rows}
    at = {
        name: ", ".join(f"{row[2]} {row[3]:.2f}" for row in rows if row[:2] == (name, probability))
        for name, probability in lowest.items()
    }
    return "".join(f"; {name} at {lowest[name]:g}: {words}" for name, words in at.items())


def roc(trials: Trials) -> tuple[Float, Mapping[str, Float]]:
    """False alarm probabilities, and the efficiency of each statistic at them."""
    least = max(5 / trials.background[OURS].size, 1e-4)
    x = np.geomspace(least, 1.0, 40)
    return x, {name: np.array([_efficiency(trials, name, p)[0] for p in x.tolist()]) for name in STATISTICS}
