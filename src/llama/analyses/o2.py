"""The search of the second observing run as a pipeline, `llama run -p O2`: for comparison, without a p-value."""

from __future__ import annotations

import math
from typing import Any

from llama.analyses.gw_neutrino import NEUTRINOS
from llama.analyses.result import (
    header_of,
    identity,
    marked,
    neutrino_inputs,
    observed,
    result_guard,
    skymap_notes,
    trigger_inputs,
)
from llama.engine.graph import Pipeline, Product, Step
from llama.formats.records import JsonObject
from llama.messengers.gw.products import ALERT, DETAILS, GW_SKYMAP, SKYMAP_INFO
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.retraction import RETRACTIONS, retracted
from llama.messengers.icecube.likelihood import list_notes
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.sky import SkyMap
from llama.science.statistic import O2Neutrino, o2_search

NOTES = (
    "as in arXiv:1901.05486, eqs. 1-5, without a p-value: a likelihood ratio of position alone",
    "the sky map is cut at its 90 % region and not renormalised",
    "down-going neutrinos needed a score of a boosted decision tree above 0.1, which public samples do not hold: "
    "all are kept, and upgoing says which needed none",
)


def significance_o2(
    info: SkymapInfo, skymap: SkyMap, neutrinos: NeutrinoList, retracted: str | None = None
) -> dict[str, Any]:
    """L for each neutrino, the cuts it passes, and the best of those that are coincident."""
    arrays = kernel_arrays(neutrinos)
    found, best = o2_search(skymap, info.gps_time, arrays.gps_s, arrays.ra_rad, arrays.dec_rad, arrays.sigma_rad)
    rows = neutrinos.neutrinos
    return {
        "search_type": "o2",
        "retracted": retracted,
        **identity(info),
        "best_neutrino": None if best is None else rows[best].i3event,
        "likelihood": 0.0 if best is None else found[best].likelihood,
        "most_probable_direction": None if best is None else _direction(found[best]),
        "reconstructed_neutrinos": [_one(row, info.gps_time, one) for row, one in zip(rows, found, strict=True)],
        "notes": [*skymap_notes(skymap, info), *NOTES, *list_notes(neutrinos)],
        "inputs": {**trigger_inputs(info, header_of(skymap, info)), **neutrino_inputs(neutrinos)},
    }


def _one(row: NeutrinoRow, gps_time: float, one: O2Neutrino) -> dict[str, Any]:
    return {
        **observed(row, gps_time),
        "in_time": one.in_time,
        "in_region": one.in_region,
        "coincident": one.coincident,
        "upgoing": one.upgoing,
        "likelihood": one.likelihood,
        "most_probable_direction": _direction(one),
    }


def _direction(one: O2Neutrino) -> dict[str, float] | None:
    if one.ra_rad is None or one.dec_rad is None:
        return None
    return {"ra": math.degrees(one.ra_rad), "dec": math.degrees(one.dec_rad)}


def _make(step: Step) -> dict[str, Any]:
    info = step[SKYMAP_INFO]
    return marked(
        step, significance_o2(info, step[GW_SKYMAP], step[NEUTRINOS], retracted(step, info.graceid, info.role))
    )


_FILENAME = "significance_o2_lvc-i3.json"
SIGNIFICANCE_O2: Product[dict[str, Any]] = Product(
    name="SIGNIFICANCE_O2",
    filename=_FILENAME,
    codec=JsonObject(),
    make=_make,
    inputs=(SKYMAP_INFO, GW_SKYMAP, NEUTRINOS),
    optional=RETRACTIONS,
    flags=("role",),
    guard=result_guard(_FILENAME),
    help="the likelihood ratio of the O2 search, for comparison",
)

O2 = Pipeline("O2", (*ALERT, NEUTRINOS, SIGNIFICANCE_O2, *DETAILS))
