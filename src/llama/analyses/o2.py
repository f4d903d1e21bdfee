"""The search of the second observing run as a pipeline, `llama run -p O2`: for comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from llama.analyses.gw_neutrino import NEUTRINOS
from llama.analyses.result import (
    Found,
    ResultInputs,
    SourceDirection,
    ToldPValue,
    header_of,
    identity,
    lists_drawn,
    livetime_fraction,
    made_together,
    marked,
    observed,
    result_guard,
    result_inputs,
    skymap_notes,
    told_p_value,
    untold_p_value,
)
from llama.analyses.tables import ICECUBE_EVENTS, ICECUBE_TABLES
from llama.engine.graph import Pipeline, Product, Step
from llama.formats.records import JsonObject
from llama.messengers.gw.products import ALERT, DETAILS, GW_SKYMAP, SKYMAP_INFO
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.retraction import RETRACTIONS, retracted
from llama.messengers.icecube.likelihood import list_notes
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.detector import IceCubeEvents, IceCubeTables
from llama.science.significance import O2Background, SeasonData, o2_background
from llama.science.sky import SkyMap
from llama.science.statistic import O2Neutrino, o2, o2_search

NOTES = (
    "as in arXiv:1901.05486, eqs. 1-5: a likelihood ratio of position alone; that search had no p-value",
    "the sky map is cut at its 90 % region and not renormalised",
    "down-going neutrinos needed a score of a boosted decision tree above 0.1, which public samples do not hold: "
    "all are kept, and upgoing says which needed none",
)


@dataclass(frozen=True, eq=False)
class O2Inputs:
    """What a result of the O2 search is made from; `retracted` is when the alert was taken back (UTC)."""

    info: SkymapInfo
    skymap: SkyMap
    neutrinos: NeutrinoList
    tables: IceCubeTables
    events: IceCubeEvents
    retracted: str | None = None


@dataclass(frozen=True, slots=True)
class O2PValueBackground:
    """What the p-value rests on."""

    lists: int
    above: float
    error: float
    expected_neutrinos: float
    season: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconstructed:
    """One neutrino: what was seen of it, the cuts it passes, L and where the source is if it is its."""

    i3event: str
    dt: float
    ra: float
    dec: float
    sigma: float
    energy: float
    type: str
    in_time: bool
    in_region: bool
    coincident: bool
    upgoing: bool
    likelihood: float
    most_probable_direction: SourceDirection | None


@dataclass(frozen=True, slots=True, kw_only=True)
class O2Significance:
    """A result in the order of its file; `docs/guides/files.md` says what each key means and when it is null."""

    marks: tuple[str, ...] = ()
    search_type: str = "o2"
    retracted: str | None
    event_id: str
    graceid: str
    event_time: str
    gps_time: float
    best_neutrino: str | None
    likelihood: float
    p_value: float | None
    p_value_text: str
    p_value_reason: str
    significance_sigma: float | None
    p_value_from: str = "map"
    p_value_background: O2PValueBackground | None
    most_probable_direction: SourceDirection | None
    reconstructed_neutrinos: tuple[Reconstructed, ...]
    notes: tuple[str, ...]
    inputs: ResultInputs


def significance_o2(given: O2Inputs) -> O2Significance:
    """L for each neutrino, the cuts it passes, the best of those that are coincident, and how rare it is."""
    info, skymap, neutrinos = given.info, given.skymap, given.neutrinos
    arrays = kernel_arrays(neutrinos)
    found, best = o2_search(skymap, info.gps_time, arrays.gps_s, arrays.ra_rad, arrays.dec_rad, arrays.sigma_rad)
    rows = neutrinos.neutrinos
    likelihood = 0.0 if best is None else found[best].likelihood
    told, background = _p_value(given, likelihood)
    return O2Significance(
        retracted=given.retracted,
        **identity(info),
        best_neutrino=None if best is None else rows[best].i3event,
        likelihood=likelihood,
        **told,
        p_value_background=background,
        most_probable_direction=None if best is None else _direction(found[best]),
        reconstructed_neutrinos=tuple(_one(row, info.gps_time, one) for row, one in zip(rows, found, strict=True)),
        notes=(*skymap_notes(skymap, info), *NOTES, *list_notes(neutrinos)),
        inputs=result_inputs(info, header_of(skymap, info), neutrinos),
    )


def _p_value(given: O2Inputs, likelihood: float) -> tuple[ToldPValue, O2PValueBackground | None]:
    """How often unrelated neutrinos give as much beside the same map; null where their background is not known."""
    unknown = _why_unknown(given)
    if unknown:
        return untold_p_value(unknown), None
    drawn = o2_background(given.skymap, _supply(given), given.info.graceid, likelihood)
    found = Found.of_map(drawn.p, drawn.lists, lists_drawn(drawn.lists, drawn.season))
    return told_p_value(found), _drawn(drawn)


def _drawn(drawn: O2Background) -> O2PValueBackground:
    return O2PValueBackground(
        lists=drawn.lists,
        above=drawn.p.above,
        error=drawn.p.error,
        expected_neutrinos=drawn.expected,
        season=drawn.season,
        digest=drawn.digest,
    )


def _why_unknown(given: O2Inputs) -> str:
    """Why the background of the neutrinos is not known; empty when it is."""
    neutrinos, season = given.neutrinos, given.neutrinos.season
    if season is None:
        listed = "nothing is known of the background of the neutrinos listed" if neutrinos.neutrinos else ""
        return f"{listed or 'no neutrino data'}: {neutrinos.why}"
    if season not in given.tables.seasons or season not in given.events.seasons:
        return f"the rate of background neutrinos and their like are not known of season {season}"
    if not _livetime(given) > 0:
        return "no second of the search window has good neutrino data, so there is no background to compare with"
    return ""


def _livetime(given: O2Inputs) -> float:
    gps = given.info.gps_time
    return livetime_fraction(given.neutrinos, gps - o2.WINDOW_S, gps + o2.WINDOW_S)


def _supply(given: O2Inputs) -> SeasonData:
    season, events = made_together(str(given.neutrinos.season), given.tables, given.events)
    window = np.array([[-o2.WINDOW_S, o2.WINDOW_S]])
    return SeasonData(events, season.rate_hz * _livetime(given), window)


def _one(row: NeutrinoRow, gps_time: float, one: O2Neutrino) -> Reconstructed:
    return Reconstructed(
        **observed(row, gps_time),
        in_time=one.in_time,
        in_region=one.in_region,
        coincident=one.coincident,
        upgoing=one.upgoing,
        likelihood=one.likelihood,
        most_probable_direction=_direction(one),
    )


def _direction(one: O2Neutrino) -> SourceDirection | None:
    if one.ra_rad is None or one.dec_rad is None:
        return None
    return SourceDirection(math.degrees(one.ra_rad), math.degrees(one.dec_rad))


def _make(step: Step) -> dict[str, Any]:
    info = step[SKYMAP_INFO]
    given = O2Inputs(
        info=info,
        skymap=step[GW_SKYMAP],
        neutrinos=step[NEUTRINOS],
        tables=step[ICECUBE_TABLES],
        events=step[ICECUBE_EVENTS],
        retracted=retracted(step, info.graceid, info.role),
    )
    return marked(step, significance_o2(given))


_FILENAME = "significance_o2_lvc-i3.json"
SIGNIFICANCE_O2: Product[dict[str, Any]] = Product(
    name="SIGNIFICANCE_O2",
    filename=_FILENAME,
    codec=JsonObject(),
    make=_make,
    inputs=(SKYMAP_INFO, GW_SKYMAP, NEUTRINOS),
    optional=RETRACTIONS,
    shared=(ICECUBE_TABLES, ICECUBE_EVENTS),
    flags=("role",),
    guard=result_guard(_FILENAME),
    help="the likelihood ratio of the O2 search, for comparison",
)

O2 = Pipeline("O2", (*ALERT, NEUTRINOS, SIGNIFICANCE_O2, *DETAILS))
