"""`significance_opa_lvc-i3.json`: the statistic of an event with its p-value, under the names partners read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from llama.analyses.pvalues import AlertClass, conditions, event_p_value, finite_odds, p_of, table_kind
from llama.engine.errors import NotYet
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.coincidence import CoincidenceResult, coincidence, most_probable_direction
from llama.science.hypotheses import LogWeights
from llama.science.limits import energy_limit_erg
from llama.science.observed import GWTrigger, Neutrinos
from llama.science.populations import BackgroundTable, Populations, most_likely_population
from llama.science.response import (
    UPPER_LIMIT_COUNTS,
    IceCubeTables,
    SeasonTable,
    flux_sensitivity,
    sensitive_energies_gev,
)
from llama.science.search import Search, as_parameters
from llama.science.searches import Searches
from llama.science.skymap import SkyMap, centres, credible_level, mean_distance
from llama.science.window import search_window_s

SEARCH_TYPE = "opa"
_LOOK_AGAIN = timedelta(days=30)
_SLACK_S = 1e-3


def significance(
    *,
    info: SkymapInfo,
    skymap: SkyMap,
    neutrinos: NeutrinoList,
    p_astro: Mapping[str, float | None],
    tables: IceCubeTables,
    searches: Searches,
    populations: Populations,
    now: datetime,
) -> dict[str, Any]:
    """The public-alert search: one odds ratio per neutrino, the event's statistic and its p-value.

    Raises NotYet when no neutrino data cover the window: without a season there is no rate, no response, no answer.
    """
    if neutrinos.season is None:
        # A new list ends the wait at once; this is only how often to say so again
        raise NotYet(f"no neutrino data for this event: {neutrinos.why}", now + _LOOK_AGAIN)
    season = tables.season(neutrinos.season)
    population = most_likely_population(p_astro, info.group)
    chosen = searches.choose(population)
    search = chosen.search
    uncovered = _uncovered(search, info, neutrinos)
    arrays = kernel_arrays(neutrinos, (search.energy_min_gev, search.energy_max_gev))
    trigger = GWTrigger(info.gps_time, None, _astrophysical(p_astro), info.instruments)
    result = coincidence(skymap, trigger, arrays, season, search)
    kind = table_kind(SEARCH_TYPE, population, search.run, info.instruments, season.name)
    choice = populations.choose(kind, conditions(search, season, result.mode))
    return {
        "search_type": SEARCH_TYPE,
        "event_id": info.event_id,
        "graceid": info.graceid,
        "event_time": info.event_time,
        "gps_time": info.gps_time,
        **_odds(result.event.log_odds),
        **event_p_value(choice, result.event.log_odds, AlertClass.of(info, chosen.record)),
        **_original_weights(result.event.weights),
        "p_astro": {"before": result.p_astro_before, "after": result.p_astro_after},
        "population": population,
        "search": {"name": search.name, "why": chosen.why},
        "distance_mode": result.mode,
        "notes": [*uncovered, *result.notes],
        "single_neutrino": [
            _single(row, info.gps_time, result, i, choice.table) for i, row in enumerate(neutrinos.neutrinos)
        ],
        "most_probable_direction": _direction(result, arrays),
        "neutrino_flux_sensitivity_range": _sensitivity(skymap, season),
        **_energy_limit(skymap, season),
        "inputs": _inputs(info, neutrinos, search, season),
    }


def _inputs(info: SkymapInfo, neutrinos: NeutrinoList, search: Search, season: SeasonTable) -> dict[str, Any]:
    coverage = ("complete", "covered_s", "season", "source", "why")
    return {
        "gw_skymap_info": msgspec.to_builtins(info),
        "neutrino_info": [asdict(row) for row in neutrinos.neutrinos],
        "neutrino_list": {name: getattr(neutrinos, name) for name in coverage},
        "search_parameters": as_parameters(search, season.rate_hz),
    }


def _uncovered(search: Search, info: SkymapInfo, neutrinos: NeutrinoList) -> list[str]:
    """A note when the list does not reach as far as the search looks; ValueError when they have no time in common."""
    first, last = (info.gps_time + reach for reach in search_window_s(search))
    windows = (
        f"the search looks at GPS {first:.2f} to {last:.2f}, the neutrino list covers {neutrinos.start_gps:.2f} to "
        f"{neutrinos.stop_gps:.2f}"
    )
    if not max(first, neutrinos.start_gps) < min(last, neutrinos.stop_gps):
        raise ValueError(f"{windows}: no time in common. Get a list for this event, or change the search's windows")
    reaches = neutrinos.start_gps <= first + _SLACK_S and neutrinos.stop_gps >= last - _SLACK_S
    return [] if reaches else [f"{windows}; neutrinos of the rest are not known"]


def _astrophysical(p_astro: Mapping[str, float | None]) -> float | None:
    """1 - p_terrestrial; None when the alert gives no classification."""
    terrestrial = p_astro.get("Terrestrial")
    return None if terrestrial is None else 1.0 - terrestrial


def _finite(log: float) -> float | None:
    """JSON has no infinity: null stands for the logarithm of zero."""
    return float(log) if math.isfinite(log) else None


def _odds(log_odds: float) -> dict[str, float | None]:
    return {"odds_ratio": finite_odds(log_odds), "log_odds_ratio": _finite(log_odds)}


def _original_weights(weights: LogWeights) -> dict[str, float]:
    """The hypotheses' weights under the original names: signal, noise, chance coincidence (odds = s1/(0 + c))."""
    return {
        "p_h_s1": float(np.exp(weights.signal)),
        "p_h_0": float(np.exp(weights.noise)),
        "p_h_c": float(np.exp(np.logaddexp(weights.chance_gw, weights.chance_neutrino))),
    }


def _single(
    row: NeutrinoRow, gps_time: float, result: CoincidenceResult, i: int, table: BackgroundTable | None
) -> dict[str, Any]:
    names = ("signal", "chance_gw", "chance_neutrino", "noise")
    return {
        "i3event": row.i3event,
        "dt": row.gps - gps_time,
        "ra": row.ra,
        "dec": row.dec,
        "sigma": row.sigma,
        "energy": row.energy,
        "type": row.type,
        **_odds(float(result.log_odds[i])),
        "p_value": None if table is None else p_of(table, float(result.log_odds[i])).p,
        "log_b": _finite(float(result.log_b[i])),
        "log_lambda": _finite(float(result.log_lambda[i])),
        "log_weights": {name: _finite(float(getattr(result.weights, name)[i])) for name in names},
    }


def _direction(result: CoincidenceResult, arrays: Neutrinos) -> dict[str, float] | None:
    found = most_probable_direction(result, arrays)
    return None if found is None else {"ra": math.degrees(found[0]), "dec": math.degrees(found[1])}


def _sensitivity(skymap: SkyMap, season: SeasonTable) -> dict[str, list[float]]:
    """Least and largest sensitivity over the 90 % region, and the energies it stands for."""
    dec = _likely_declinations(skymap)
    return {
        "flux_sensitivity": list(flux_sensitivity(season, dec)),
        "sensitive_energy_range": list(sensitive_energies_gev(season, dec)),
    }


def _energy_limit(skymap: SkyMap, season: SeasonTable) -> dict[str, Any]:
    """Isotropic energy in muon neutrinos that would have given 2.3, over the 90 % region; null without a distance."""
    found = mean_distance(skymap)
    if found is None or not 0 < found[0] < math.inf:
        reason = "the sky map has no distances" if found is None else f"the sky map's distance is {found[0]} Mpc"
        return {"isotropic_energy_limit_range": None, "isotropic_energy_limit_reason": reason}
    mean, std = found
    at_mean = energy_limit_erg(season, _likely_declinations(skymap), mean)
    low, high = float(at_mean.min()), float(at_mean.max())
    return {
        "isotropic_energy_limit_range": {
            "energy_erg": [low, high],
            "energy_erg_one_sigma": [low * (max(mean - std, 0.0) / mean) ** 2, high * ((mean + std) / mean) ** 2],
            "distance_mpc": mean,
            "distance_std_mpc": std,
            "counts": UPPER_LIMIT_COUNTS,
        },
        "isotropic_energy_limit_reason": "",
    }


def _likely_declinations(skymap: SkyMap) -> NDArray[np.float64]:
    """(n,) rad, of the cells of the 90 % region."""
    inside = credible_level(skymap) <= 0.9
    if not inside.any():  # one cell holds more than that
        inside = skymap.density == skymap.density.max()
    return centres(skymap)[1][inside]
