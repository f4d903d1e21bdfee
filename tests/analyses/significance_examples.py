"""Events with synthetic maps and tables that fit them, for the tests of both significance files."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from llama.analyses.result.background import asked_of_background
from llama.analyses.result.event_analysis import EventInputs
from llama.analyses.result.opa import significance
from llama.analyses.result.pvalues import conditions
from llama.analyses.result.record import Significance
from llama.analyses.result.statistic import Statistic, measure
from llama.analyses.result.subthreshold import significance_subthreshold
from llama.app import packaged
from llama.formats.records import Record, to_json
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeTablesFile
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.significance import BackgroundTable, OwnBackground, OwnMapP, Populations, Searches
from llama.science.sky import SkyMap
from llama.science.times import mjd_from_gps
from llama.studies.synthetic import gaussian_skymap

GPS = 1_011_973_667.0
TABLES = IceCubeTablesFile().read(packaged("icecube_tables.h5"))
SEASON = TABLES.season("IC86-2011")
_PACKAGED = SearchesFile().read(packaged("search.json"))
OF_MAP = _PACKAGED
"""Searches whose p-value is that of the alert's own map, as packaged."""
SEARCHES = Searches(
    {
        name: replace(record, search=replace(record.search, p_value_from="population"))
        for name, record in _PACKAGED.records.items()
    }
)
"""The same with p-values of the tables below."""
P_ASTRO = {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1}
SKYMAP = gaussian_skymap(2.0, 0.1, math.radians(4), 100.0, 20.0)
INFO = SkymapInfo(
    graceid="S120130a", event_id="S120130a", event_time="2012-01-30T15:47:32Z", gps_time=GPS,
    notice_time="2012-01-30T15:50:00Z", far=1e-9, pipeline="gstlal", group="CBC", search="AllSky",
    instruments=("H1", "L1"), alert_type="PRELIMINARY", significant=True, skymap_filename=None,
    gracedb_service_url="", role="test",
)  # fmt: skip


def row(number: int, dt: float, ra_deg: float = 114.0, **change: Any) -> NeutrinoRow:
    made = NeutrinoRow(
        mjd=float(mjd_from_gps(GPS + dt)), ra=ra_deg, dec=5.0, zenith=95.0, azimuth=0.0, sigma=1.0, energy=2e3,
        type="archival", run=1, event=number, season=SEASON.name, i3event=f"event-{number}", gps=GPS + dt,
    )  # fmt: skip
    return replace(made, **change)


def neutrino_list(*rows: NeutrinoRow, **change: Any) -> NeutrinoList:
    found = NeutrinoList(
        complete=True, covered_s=1000.0, start_gps=GPS - 500, stop_gps=GPS + 500, season=SEASON.name,
        source="test", why="", neutrinos=rows,
    )  # fmt: skip
    return replace(found, **{"covered": None, **change})  # which a list without it fills in where it can


LIST = neutrino_list(row(1, 30.0), row(2, 100.0, 250.0))


def table(
    population: str, detectors: str, odds: np.ndarray, mode: str = "map", search_type: str = "opa"
) -> BackgroundTable:
    """A table that fits events of this population, whatever the packaged numbers are."""
    name = f"{search_type}/{population}/o4/{detectors}/{SEASON.name}"
    fit = conditions(SEARCHES.choose(population).search, SEASON, mode)
    return BackgroundTable(
        name, odds, SEASON.rate_hz, fit.search_digest, mode, "made for a test", fit.response_digest, 7
    )


def populations(*tables: BackgroundTable) -> Populations:
    return Populations({one.name: one for one in tables})


ODDS = np.sort(10 ** np.random.default_rng(1).uniform(-30, 3, 2000))
BNS = table("bns", "H1L1", ODDS)
BNS_EXACT = table("bns", "H1L1", ODDS, search_type="subthreshold")

STATISTIC = Record(Statistic)
PRODUCTS: dict[str, Callable[[EventInputs], Significance]] = {
    "opa": significance,
    "subthreshold": significance_subthreshold,
}


def statistic(
    info: SkymapInfo = INFO,
    skymap: SkyMap = SKYMAP,
    neutrinos: NeutrinoList = LIST,
    p_astro: Any = P_ASTRO,
    searches: Searches = SEARCHES,
) -> Statistic:
    """The numbers, as they come back from their file."""
    return STATISTIC.decode(to_json(measure(info, skymap, neutrinos, p_astro, TABLES, searches)))


def own_background(kept: Statistic, p: float = 0.25, above: float = 10_000.0) -> OwnBackground:
    """As if it had been drawn: the event's p-value is given, and those of neutrinos and pairs are twice as large."""
    asked = asked_of_background(kept)
    said = {
        name: tuple(
            OwnMapP(1.0 if one == -np.inf else min(p * (1 if k == 0 else 2), 1.0), above, 0.002, 0.003, 0.004)
            for k, one in enumerate(values)
        )
        for name, values in asked.items()
    }
    lists = {name: np.linspace(-20.0, 0.0, 40_000) for name in asked}
    return OwnBackground("S120130a", "abc", (SEASON.name,), 3.4, 600, asked, said, lists, np.ones(40_000))


def found(
    info: SkymapInfo = INFO,
    skymap: SkyMap = SKYMAP,
    neutrinos: NeutrinoList = LIST,
    p_astro: Any = P_ASTRO,
    tables: Populations | None = None,
    searches: Searches = SEARCHES,
    search_type: str = "opa",
    background: OwnBackground | None = None,
) -> dict[str, Any]:
    """The result, which must always be a file that everybody can read."""
    kept = statistic(info, skymap, neutrinos, p_astro, searches)
    drawn = background or own_background(kept)
    inputs = EventInputs(info, neutrinos, kept, TABLES, searches, tables or populations(BNS, BNS_EXACT), drawn)
    result = PRODUCTS[search_type](inputs)
    return dict(json.loads(to_json(result)))  # refuses NaN and infinity
