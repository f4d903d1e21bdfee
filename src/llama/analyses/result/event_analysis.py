"""What the files of both searches say in the same words: the statistic of an event, its p-value and its inputs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import msgspec
import numpy as np

from llama.analyses.result.limits import coincident, likely_declinations, livetime_fraction, sensitivity, upper_limits
from llama.analyses.result.pvalues import STATISTICS, AlertClass, conditions, event_p_value, finite_odds, table_kind
from llama.engine.errors import NotYet
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.skymap_origin import of_another_event, read_remark
from llama.messengers.icecube.likelihood import list_notes
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.detector import IceCubeTables, SeasonTable
from llama.science.search import Search, as_parameters
from llama.science.significance import (
    Populations,
    SearchChoice,
    Searches,
    TableChoice,
    is_classified,
    most_likely_population,
    p_value,
)
from llama.science.sky import SkyMap, likeliest_distance, mean_distance
from llama.science.statistic import (
    CoincidenceResult,
    EventStatistic,
    GWTrigger,
    LogWeights,
    Neutrinos,
    coincidence,
    most_probable_direction,
    search_window_s,
)

_SLACK_S = 1e-3
_UNLIKE = 5.0  # ratio of distances that no real map's header and cells have
_HEADER = {
    "creator": "CREATOR",
    "origin": "ORIGIN",
    "telescope": "TELESCOP",
    "instruments": "INSTRUME",
    "object": "OBJECT",
    "date_obs": "DATE-OBS",
}
_PLACE = re.compile(r"^neutrino ([0-9]+):")
_LARGEST_WEIGHT_LOG = 700.0  # of exp() in a double


@dataclass(frozen=True)
class EventInputs:
    """What a result is made from: the alert, its map and classification, the neutrinos, the tables.

    `retracted` is when the alert was taken back (UTC); None when it stands.
    """

    info: SkymapInfo
    skymap: SkyMap
    neutrinos: NeutrinoList
    p_astro: Mapping[str, float | None]
    tables: IceCubeTables
    searches: Searches
    populations: Populations
    retracted: str | None = None


@dataclass(frozen=True, eq=False)
class Analysis:
    """The statistic of an event, before a search type says which part of it is the answer.

    Attributes:
        given: what it was made from.
        season: the neutrinos' own. population: what the trigger was taken for. chosen: the search, and why that one.
        arrays: the neutrinos as the statistic takes them.
        result: odds of every kind.
        uncovered: a note when the list does not reach as far as the search looks.
    """

    given: EventInputs
    season: SeasonTable
    population: str
    chosen: SearchChoice
    arrays: Neutrinos
    result: CoincidenceResult
    uncovered: tuple[str, ...]

    def background(self, search_type: str) -> TableChoice:
        """The background table of this search type that fits the event, or why none does."""
        search = self.chosen.search
        instruments = self.given.info.instruments
        kind = table_kind(search_type, self.population, search.run, instruments, self.season.name)
        return self.given.populations.choose(kind, conditions(search, self.season, self.result.mode))


def analyse(given: EventInputs) -> Analysis:
    """The statistic with the search that the alert's classification chooses.

    Raises NotYet when no neutrino data cover the window: without a season there is no rate, no response, no answer.
    """
    neutrinos, info = given.neutrinos, given.info
    if neutrinos.season is None:
        raise NotYet(f"no neutrino data for this event: {neutrinos.why}")  # a new list ends the wait at once
    season = given.tables.season(neutrinos.season)
    population = most_likely_population(given.p_astro, info.group)
    chosen = given.searches.choose(population)
    search = chosen.search
    uncovered = uncovered_window(search_window_s(search), info, neutrinos)
    trigger = GWTrigger(info.gps_time, None, astrophysical(given.p_astro), info.instruments)
    arrays, result = measured(given.skymap, trigger, neutrinos, season, search)
    return Analysis(given, season, population, chosen, arrays, result, uncovered)


def measured(
    skymap: SkyMap, trigger: GWTrigger, neutrinos: NeutrinoList, season: SeasonTable, search: Search
) -> tuple[Neutrinos, CoincidenceResult]:
    """A list as the statistic takes it, and what the statistic says of it.

    Raises ValueError, which names the neutrino, for an energy outside the search's band.
    """
    arrays = kernel_arrays(neutrinos, (search.energy_min_gev, search.energy_max_gev))
    return arrays, coincidence(skymap, trigger, arrays, season, search)


def event_result(analysis: Analysis, search_type: str, background: TableChoice) -> dict[str, Any]:
    """All keys of the file of one search type but those of single neutrinos and pairs."""
    info, result, chosen = analysis.given.info, analysis.result, analysis.chosen
    statistic = STATISTICS[search_type](result)
    ratio = odds_and_weights(statistic)
    found = event_p_value(background, statistic.log_b - result.log_complement, AlertClass.of(info, chosen.record))
    return {
        "search_type": search_type,
        "headline": search_type == headline_type(info.significant),
        "retracted": analysis.given.retracted,
        **identity(info),
        **ratio,
        **found,
        "p_astro": {"before": result.p_astro_before, "after": result.p_astro_after},
        "population": analysis.population,
        "search": {"name": chosen.search.name, "why": chosen.why},
        "distance_mode": result.mode,
        "notes": [
            *skymap_notes(analysis.given.skymap, info),
            *unclassified(analysis.given.p_astro, info, analysis.population),
            *analysis.uncovered,
            *list_notes(analysis.given.neutrinos),
            *named_notes(result.notes, analysis.given.neutrinos),
        ],
        "most_probable_direction": _direction(result, analysis.arrays),
        **_limits(analysis, found["p_value"], background),
        "inputs": _inputs(analysis),
    }


def identity(info: SkymapInfo) -> dict[str, Any]:
    """Which event a result is about."""
    return {
        "event_id": info.event_id,
        "graceid": info.graceid,
        "event_time": info.event_time,
        "gps_time": info.gps_time,
    }


def headline_type(significant: bool | None) -> str:
    """The search type whose answer is the event's: the exact one for alerts of low significance.

    Alerts before O4 did not say what they are (None): they were significant.
    """
    return "subthreshold" if significant is False else "opa"


def single(analysis: Analysis, i: int, background: TableChoice) -> dict[str, Any]:
    """What is said of neutrino i: its own odds, and their p-value."""
    row, result = analysis.given.neutrinos.neutrinos[i], analysis.result
    return {
        **observed(row, analysis.given.info.gps_time),
        **odds(float(result.log_odds[i])),
        "p_value": _own_p_value(analysis, i, background),
        "log_b": finite(float(result.log_b[i])),
        "log_lambda": finite(float(result.log_lambda[i])),
        "log_weights": _log_weights(result.weights, i),
    }


def _own_p_value(analysis: Analysis, i: int, background: TableChoice) -> float | None:
    """Of neutrino i by itself, at p_astro 1 as the background is; None without a table."""
    if background.table is None:
        return None
    if_real = float(analysis.result.log_b_apart[i]) - analysis.result.log_complement
    return p_value(background.table.statistics, finite_odds(if_real)).p


def _limits(analysis: Analysis, event_p: float | None, background: TableChoice) -> dict[str, Any]:
    """What could have been seen in the livetime that there was, and limits for the neutrinos that were."""
    given, log_odds = analysis.given, analysis.result.log_odds
    first, last = (given.info.gps_time + reach for reach in search_window_s(analysis.chosen.search))
    livetime = livetime_fraction(given.neutrinos, first, last)
    own = [_own_p_value(analysis, i, background) for i in range(len(analysis.arrays))]
    seen = coincident(given.neutrinos, event_p, own, [float(log) for log in log_odds])
    season, dec = analysis.season, likely_declinations(given.skymap)
    return {
        "neutrino_flux_sensitivity_range": sensitivity(season, dec, livetime),
        **upper_limits(season, dec, mean_distance(given.skymap), livetime, seen),
    }


def odds(log_odds: float) -> dict[str, float | None]:
    """Odds and their logarithm, null for odds of exactly 0: JSON has no infinity."""
    return {"odds_ratio": finite_odds(log_odds), "log_odds_ratio": finite(log_odds)}


def finite(log: float) -> float | None:
    """A logarithm as JSON can have it: null for that of zero."""
    return float(log) if math.isfinite(log) else None


def odds_and_weights(statistic: EventStatistic) -> dict[str, Any]:
    """The event's odds, and the hypotheses' weights: as logarithms by name, and under the names that readers know.

    Readers check `odds_ratio` = `p_h_s1` / (`p_h_0` + `p_h_c`), signal over noise and chance coincidence, so it is
    that quotient to the last digit. Weights share a factor that is left out; one too large for a number is divided
    out of all of them. Where a weight is too small for one, the odds are those of the logarithms.
    """
    weights = statistic.weights
    common = max(float(weights.signal) - _LARGEST_WEIGHT_LOG, 0.0)
    signal, noise = (float(np.exp(one - common)) for one in (weights.signal, weights.noise))
    chance = float(np.exp(np.logaddexp(weights.chance_gw, weights.chance_neutrino) - common))
    ratio = odds(statistic.log_odds)
    if min(signal, noise + chance) >= np.finfo(float).tiny:
        ratio["odds_ratio"] = min(signal / (noise + chance), np.finfo(float).max)
    return {
        **ratio,
        "p_h_s1": signal,
        "p_h_0": noise,
        "p_h_c": chance,
        "log_weights": _log_weights(weights, ()),
    }


def _log_weights(weights: LogWeights, i: int | tuple[()]) -> dict[str, float | None]:
    return {name: finite(float(getattr(weights, name)[i])) for name in LogWeights.__dataclass_fields__}


def observed(row: NeutrinoRow, gps_time: float) -> dict[str, Any]:
    """What was seen of one neutrino, `dt` seconds after the trigger."""
    same = {name: getattr(row, name) for name in ("ra", "dec", "sigma", "energy", "type")}
    return {"i3event": row.i3event, "dt": row.gps - gps_time, **same}


def _inputs(analysis: Analysis) -> dict[str, Any]:
    return {
        **trigger_inputs(analysis.given.info, analysis.given.skymap),
        **neutrino_inputs(analysis.given.neutrinos),
        "search_parameters": as_parameters(analysis.chosen.search, analysis.season.rate_hz),
    }


def trigger_inputs(info: SkymapInfo, skymap: SkyMap) -> dict[str, Any]:
    """The alert, and what the header of the map that was used says of it, which need not be the alert's own."""
    return {
        "gw_skymap_info": msgspec.to_builtins(info),
        "gw_skymap_header": {
            **{name: skymap.origin.get(key) for name, key in _HEADER.items()},
            "doubt": of_another_event(skymap.origin, info) or None,
            "read": read_remark(skymap.origin) or None,
        },
    }


def skymap_notes(skymap: SkyMap, info: SkymapInfo) -> list[str]:
    """Notes when the map seems to be another event's, its header another map's, or its file was odd."""
    told = [of_another_event(skymap.origin, info), read_remark(skymap.origin), _of_another_distance(skymap)]
    return list(filter(None, told))


def _of_another_distance(skymap: SkyMap) -> str:
    """A note when the header's distance, which limits use, is not at all that of the likeliest cells."""
    stated, typical = skymap.distmean_mpc, likeliest_distance(skymap)
    if stated is None or typical is None:
        return ""
    if 1 / _UNLIKE < stated / typical < _UNLIKE:
        return ""
    return (
        f"the sky map's header gives a distance of {stated:.3g} Mpc, its likeliest cells {typical:.3g} Mpc: limits "
        "of energy use the header, odds the cells"
    )


def neutrino_inputs(neutrinos: NeutrinoList | None) -> dict[str, Any]:
    """The neutrinos and what their list covers; null where IceCube was not asked."""
    if neutrinos is None:
        return {"neutrino_info": None, "neutrino_list": None}
    coverage = ("complete", "covered_s", "season", "source", "why")
    return {
        "neutrino_info": [asdict(row) for row in neutrinos.neutrinos],
        "neutrino_list": {**{name: getattr(neutrinos, name) for name in coverage}, "made_up": neutrinos.invented},
    }


def named_notes(notes: Sequence[str], neutrinos: NeutrinoList | None) -> list[str]:
    """The statistic's notes with the names of neutrinos: it knows but their places in the list, counted from 0."""
    rows = () if neutrinos is None else neutrinos.neutrinos
    return [_PLACE.sub(lambda place: f"neutrino {rows[int(place[1])].i3event}:", note) for note in notes]


def uncovered_window(window_s: tuple[float, float], info: SkymapInfo, neutrinos: NeutrinoList) -> tuple[str, ...]:
    """A note when the list does not reach as far as the search looks; ValueError when they have no time in common."""
    first, last = (info.gps_time + reach for reach in window_s)
    windows = (
        f"the search looks at GPS {first:.2f} to {last:.2f}, the neutrino list covers {neutrinos.start_gps:.2f} to "
        f"{neutrinos.stop_gps:.2f}"
    )
    if not max(first, neutrinos.start_gps) < min(last, neutrinos.stop_gps):
        raise ValueError(f"{windows}: no time in common. Get a list for this event, or change the search's windows")
    reaches = neutrinos.start_gps <= first + _SLACK_S and neutrinos.stop_gps >= last - _SLACK_S
    return () if reaches else (f"{windows}; neutrinos of the rest are not known",)


def unclassified(p_astro: Mapping[str, float | None], info: SkymapInfo, population: str) -> list[str]:
    """A note when the alert's group alone chose the search."""
    if is_classified(p_astro):
        return []
    group = f"its group is {info.group}" if info.group else "nor a group"
    return [f"the alert gives no probability of BNS, NSBH, BBH or MassGap, {group}: searched for as {population}"]


def astrophysical(p_astro: Mapping[str, float | None]) -> float | None:
    """1 - p_terrestrial; None when the alert gives no classification."""
    terrestrial = p_astro.get("Terrestrial")
    return None if terrestrial is None else min(max(1.0 - terrestrial, 0.0), 1.0)  # but for rounding it is in there


def _direction(result: CoincidenceResult, arrays: Neutrinos) -> dict[str, float] | None:
    found = most_probable_direction(result, arrays)
    return None if found is None else {"ra": math.degrees(found[0]), "dec": math.degrees(found[1])}
