"""`significance_opa_lvc-i3.json`: the statistic of an event with its p-value, under the names partners read."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from llama.engine.errors import NotYet
from llama.formats.records import to_json
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.coincidence import (
    CoincidenceResult,
    GWTrigger,
    LogWeights,
    Neutrinos,
    coincidence,
    most_probable_direction,
)
from llama.science.populations import BackgroundTable, Populations, TableChoice, most_likely_population
from llama.science.pvalue import PValue, p_value
from llama.science.response import IceCubeTables, SeasonTable, flux_sensitivity, sensitive_energies_gev
from llama.science.search import Search, as_parameters
from llama.science.searches import Searches
from llama.science.skymap import SkyMap, centres, credible_level

SEARCH_TYPE = "opa"
_LOOK_AGAIN = timedelta(days=30)


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
    arrays = kernel_arrays(neutrinos)
    population = most_likely_population(p_astro, info.group)
    chosen = searches.choose(population)
    search = chosen.search
    trigger = GWTrigger(info.gps_time, None, _astrophysical(p_astro))
    result = coincidence(skymap, trigger, arrays, season, search)
    choice = populations.choose(
        search_type=SEARCH_TYPE,
        population=population,
        run=search.run,
        instruments=info.instruments,
        season=season.name,
        search_digest=search_digest(search),
        distance_mode=result.mode,
    )
    return {
        "search_type": SEARCH_TYPE,
        "event_id": info.event_id,
        "graceid": info.graceid,
        "event_time": info.event_time,
        "gps_time": info.gps_time,
        **_odds(result.log_odds_event),
        **_event_p(choice, result.log_odds_event),
        **_original_weights(result.event_weights),
        "p_astro": {"before": result.p_astro_before, "after": result.p_astro_after},
        "population": population,
        "search": {"name": search.name, "why": chosen.why},
        "distance_mode": result.mode,
        "notes": list(result.notes),
        "single_neutrino": [
            _single(row, info.gps_time, result, i, choice.table) for i, row in enumerate(neutrinos.neutrinos)
        ],
        "most_probable_direction": _direction(result, arrays),
        "neutrino_flux_sensitivity_range": _sensitivity(skymap, season),
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


def search_digest(search: Search) -> str:
    """Short digest of every parameter: a background table fits only the search that made it."""
    return hashlib.sha256(to_json(search)).hexdigest()[:12]


def _astrophysical(p_astro: Mapping[str, float | None]) -> float | None:
    """1 - p_terrestrial; None when the alert gives no classification."""
    terrestrial = p_astro.get("Terrestrial")
    return None if terrestrial is None else 1.0 - terrestrial


def _finite(log: float) -> float | None:
    """JSON has no infinity: null stands for the logarithm of zero."""
    return float(log) if math.isfinite(log) else None


def _odds(log_odds: float) -> dict[str, float | None]:
    # A coincidence may be so clear that its odds overflow a double; the logarithm beside them never does
    return {
        "odds_ratio": float(np.exp(min(log_odds, _LARGEST_LOG))),
        "log_odds_ratio": _finite(log_odds),
    }


_LARGEST_LOG = math.log(np.finfo(float).max)


def _event_p(choice: TableChoice, log_odds: float) -> dict[str, Any]:
    if choice.table is None:
        return {"p_value": None, "p_value_text": "n/a", "p_value_reason": choice.reason, "p_value_table": None}
    found = _p(choice.table, log_odds)
    return {
        "p_value": found.p,
        "p_value_text": found.text,
        "p_value_reason": choice.reason,
        "p_value_table": {
            "name": choice.table.name,
            "events": int(choice.table.statistics.size),
            "sky_maps": choice.table.sky_maps,
            "rate_hz": choice.table.rate_hz,
            "search_digest": choice.table.search_digest,
            "distance_mode": choice.table.distance_mode,
            "provenance": choice.table.provenance,
        },
    }


def _p(table: BackgroundTable, log_odds: float) -> PValue:
    return p_value(table.statistics, float(np.exp(min(log_odds, _LARGEST_LOG))))


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
        "p_value": None if table is None else _p(table, float(result.log_odds[i])).p,
        "log_b": _finite(float(result.log_b[i])),
        "log_lambda": _finite(float(result.log_lambda[i])),
        "log_weights": {name: _finite(float(getattr(result.weights, name)[i])) for name in names},
    }


def _direction(result: CoincidenceResult, arrays: Neutrinos) -> dict[str, float] | None:
    found = most_probable_direction(result, arrays)
    return None if found is None else {"ra": math.degrees(found[0]), "dec": math.degrees(found[1])}


def _sensitivity(skymap: SkyMap, season: SeasonTable) -> dict[str, list[float]]:
    """Least and largest sensitivity over the 90 % region, and the energies it stands for."""
    inside = credible_level(skymap) <= 0.9
    if not inside.any():  # one cell holds more than that
        inside = skymap.density == skymap.density.max()
    _, dec = centres(skymap)
    return {
        "flux_sensitivity": list(flux_sensitivity(season, dec[inside])),
        "sensitive_energy_range": list(sensitive_energies_gev(season, dec[inside])),
    }
