"""What the own-map background states of one sky map, and what exact lists of the same events say of it.

The background draws from a weighted bank and its own random numbers (`significance.own_map`). The lists here are none
of that: whole lists, each neutrino with its exact terms, from the generator of this study. Beside them stand windows
of the season as it was, of which nothing was drawn.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.significance import Beside, OwnMapP, SeasonData, own_background
from llama.science.sky import credible_area_deg2
from llama.science.statistic import search_window_s
from llama.studies.blocks import Form, generator
from llama.studies.pool import Pool
from llama.studies.validation.evaluate import TRIGGER, MapAnalysis, log_statistics
from llama.studies.validation.events import lists_of
from llama.studies.validation.inputs import CheckInputs, MapSource
from llama.studies.validation.observed import some_of

LEVELS = (0.1, 0.01, 0.001, 0.0001)
LEAST_EXPECTED, LEAST_OF_RARE = 10.0, 20.0
_RARE = 0.01  # below it fewer lists than LEAST_OF_RARE are no binomial to judge
_COMMON = 0.001  # down to it lists as they come tell
_AT_ONCE = 1000


def can_judge(level: float, lists: int) -> bool:
    """Whether so many of them reach a level that their number says something of it."""
    return level * lists >= (LEAST_OF_RARE if level < _RARE else LEAST_EXPECTED) - 1e-9


@dataclass(frozen=True)
class MapTask:
    """One sky map of a population: how many exact lists and at most how many windows of the season as it was, and how
    many more times its background is drawn."""

    number: int
    population: int
    skymap: MapSource
    lists: int
    windows: int
    repeats: int

    @property
    def levels(self) -> tuple[float, ...]:
        """p-values that so many lists can judge; 0.001 takes 20 000, 0.0001 takes 200 000."""
        return tuple(one for one in LEVELS if can_judge(one, self.lists))


@dataclass(frozen=True, eq=False)
class MapDraws:
    """Of one sky map.

    Attributes:
        area_deg2: of the 90 % region.
        lists: exact ones. windows: of the season as it was.
        has_distance: whether the map's own distances are used, 1 or 0.
        rows: (levels, 6) p asked for, its ln B̃, p stated there, its error for lists and bank, the fraction of exact
            lists, and that of windows, NaN without any.
        repeats: (levels, labels, 2) p stated by other labels at the same ln B̃, and its error.
    """

    area_deg2: float
    lists: int
    windows: int
    has_distance: bool
    rows: Float
    repeats: Float


AS_ARRAYS: Form[MapDraws] = Form(
    lambda one: {
        "of": np.array([one.area_deg2, one.lists, one.windows, one.has_distance]),
        "rows": one.rows,
        "repeats": one.repeats,
    },
    lambda kept: MapDraws(
        float(kept["of"][0]),
        int(kept["of"][1]),
        int(kept["of"][2]),
        bool(kept["of"][3]),
        kept["rows"],
        kept["repeats"],
    ),
)


def draw_map(inputs: CheckInputs, seed: int, task: MapTask) -> MapDraws:
    """One map: where the background says that p is, how often exact lists are there, and what other labels say."""
    skymap, search = task.skymap.read(), inputs.populations[task.population].search
    analysis = MapAnalysis.of(skymap, inputs.season, search)
    beside, label = beside_map(inputs, analysis), f"own-map check {seed} {task.number}"
    exact = exact_statistics(generator(seed, "own-map", task.number), inputs, analysis, task.lists)
    seen = observed_statistics(generator(seed, "own-map windows", task.number), inputs, analysis, task.windows)
    rows, repeats = [], []
    for level, threshold in zip(task.levels, reached_by(beside, f"{label} threshold", task.levels), strict=True):
        stated = stated_at(beside, label, threshold)
        fractions = (_reaching(exact, threshold), _reaching(seen, threshold))
        rows.append((level, threshold, stated.p, error_of(stated), *fractions))
        others = (stated_at(beside, f"{label} {k}", threshold) for k in range(task.repeats))
        repeats.append([(other.p, error_of(other)) for other in others])
    return MapDraws(
        area_deg2=credible_area_deg2(skymap, 0.9),
        lists=task.lists,
        windows=seen.size,
        has_distance=analysis.prepared.mode == "map",
        rows=np.array(rows).reshape(len(rows), 6),
        repeats=np.array(repeats).reshape(len(rows), task.repeats, 2),
    )


def beside_map(inputs: CheckInputs, analysis: MapAnalysis) -> Beside:
    """All of the search window with good data of one season."""
    search = analysis.search
    events = inputs.season_events.within(search.energy_min_gev, search.energy_max_gev)
    supply = SeasonData(events, analysis.rate_hz, np.array([search_window_s(search)]))
    return Beside(analysis.prepared, TRIGGER, analysis.season, search, (supply,))


def reached_by(beside: Beside, label: str, levels: tuple[float, ...]) -> Float:
    """(levels,) ln B̃ that some lists of the background reach so often: near enough, as p is asked for there.

    Lists as they come say it of what is common; of what is rare those that are drawn about the last of that.
    """
    found = _where_reached(beside, label, np.empty(0), levels)
    common = sum(level >= _COMMON for level in levels)
    if 0 < common < len(levels):
        found[common:] = _where_reached(beside, f"{label} of the rare", found[common - 1 : common], levels[common:])
    return found


def _where_reached(beside: Beside, label: str, about: Float, levels: tuple[float, ...]) -> Float:
    found = own_background(beside, label, {"event": about})
    by = np.argsort(-found.statistics["event"], kind="stable")
    reached = np.cumsum(found.weight[by]) / found.weight.sum()
    return np.asarray(found.statistics["event"][by][np.searchsorted(reached, levels)])


def stated_at(beside: Beside, label: str, threshold: float) -> OwnMapP:
    """What the background states for an event with this statistic."""
    return own_background(beside, label, {"event": np.array([threshold])}).p_values["event"][0]


def error_of(stated: OwnMapP) -> float:
    """One sigma for the finite numbers of lists and terms: the events are the same on both sides."""
    return float(np.hypot(stated.error_lists, stated.error_bank))


def _reaching(statistics: Float, threshold: float) -> float:
    return float((statistics >= threshold).mean()) if statistics.size else math.nan


def observed_statistics(
    rng: np.random.Generator, inputs: CheckInputs, analysis: MapAnalysis, most: int, at_once: int = _AT_ONCE
) -> Float:
    """(windows,) ln B̃ of windows of the season as it was, as an event's own run has it; none without an archive."""
    if inputs.observed is None:
        return np.empty(0)
    triggers = some_of(rng, inputs.observed.triggers(analysis.search), most)
    parts = [triggers[k : k + at_once] for k in range(0, triggers.size, at_once)]
    found = [log_statistics(analysis, inputs.observed.lists(analysis.search, some)) for some in parts]
    return np.concatenate([np.empty(0), *found]) + analysis.prepared.log_complement


def exact_statistics(
    rng: np.random.Generator, inputs: CheckInputs, analysis: MapAnalysis, lists: int, at_once: int = _AT_ONCE
) -> Float:
    """(lists,) ln B̃ of whole lists of background, each as an event's own run has it, without the complement."""
    events = inputs.season_events
    pool = Pool(events.dec_rad, events.sigma_rad, events.energy_gev, events.source)
    parts = [min(at_once, lists - k) for k in range(0, lists, at_once)]
    found = [log_statistics(analysis, lists_of(rng, analysis, pool, some)) for some in parts]
    return np.concatenate(found) + analysis.prepared.log_complement
