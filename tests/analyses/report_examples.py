"""Plausible significance files made of real IceCube events, for the tests of everything written from one."""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.search import Search, as_parameters
from llama.science.times import mjd_from_gps, utc_from_gps

GPS = 1032434331.5  # 2012-09-23, inside IC86-2012
EVENTS_OF_SEASON = "IC86-2012-events.txt"
TABLE = {
    "name": "opa/bns/o4/H1L1/IC86-2012", "events": 12000, "sky_maps": 21, "rate_hz": 3.67e-3,
    "search_digest": "34eb40a924aa", "distance_mode": "map", "provenance": "12000 events, 21 sky maps",
}  # fmt: skip


def real_neutrinos(data: Path, count: int, kind: str = "archival", first: int = 500) -> tuple[NeutrinoRow, ...]:
    """`count` events of the 2012 season in a row, their times squeezed into the ±500 s around `GPS`."""
    archive = zipfile.ZipFile(data / "neutrinos/icecube_3yr_ps/3year-data-release.zip")
    member = next(name for name in archive.namelist() if name.endswith(EVENTS_OF_SEASON))
    lines = archive.read(member).decode().splitlines()[first + 1 : first + 1 + count]
    events = np.loadtxt(io.StringIO("\n".join(lines)), ndmin=2) if lines else np.empty((0, 7))
    gps = GPS - 480.0 + 960.0 * (np.arange(count) + 0.5) / max(count, 1)
    return tuple(
        NeutrinoRow(
            mjd=float(mjd_from_gps(gps[i])), ra=float(event[3]), dec=float(event[4]), zenith=float(event[6]),
            azimuth=float(event[5]), sigma=max(float(event[2]), 0.2), energy=float(10 ** event[1]), type=kind,
            run=0, event=first + i, season="IC86-2012", i3event=f"IC86-2012_{first + i}", gps=float(gps[i]),
        )
        for i, event in enumerate(events)
    )  # fmt: skip


def neutrino_list(rows: tuple[NeutrinoRow, ...], **changes: Any) -> NeutrinoList:
    """A complete list of these rows."""
    values: dict[str, Any] = {
        "complete": True, "covered_s": 1000.0, "start_gps": GPS - 500, "stop_gps": GPS + 500,
        "season": "IC86-2012", "source": "icecube-3yr", "why": "", "neutrinos": rows,
    }  # fmt: skip
    return NeutrinoList(**(values | changes))


def significance(rows: tuple[NeutrinoRow, ...], p_values: dict[int, float] | None = None, **changes: Any) -> Any:
    """A significance file for these neutrinos: all far from significant except those numbered in `p_values`.

    `changes` replace top-level keys; `gw` and `coverage` update those parts of `inputs`.
    """
    p_values = p_values or {}
    singles = []
    for number, row in enumerate(rows, start=1):
        p_value = p_values.get(number, min(1.0, 0.3 + 0.01 * number))
        log_odds = (
            None
            if number % 7 == 0
            else -40.0 - number
            if number not in p_values
            else -math.log(1e3 * max(p_value, 1e-9))
        )
        singles.append(
            {
                "i3event": row.i3event, "dt": row.gps - GPS, "ra": row.ra, "dec": row.dec, "sigma": row.sigma,
                "energy": row.energy, "type": row.type, "log_odds_ratio": log_odds,
                "odds_ratio": 0.0 if log_odds is None else math.exp(log_odds), "p_value": p_value,
            }
        )  # fmt: skip
    p_event = min([one["p_value"] for one in singles], default=1.0)
    gw = {
        "graceid": "S120923ab", "event_id": "S120923ab-2-Preliminary", "event_time": utc_from_gps(GPS),
        "gps_time": GPS, "notice_time": "2012-09-23T11:23:45Z", "far": 1.2e-9, "pipeline": "gstlal", "group": "CBC",
        "search": "AllSky", "instruments": ["H1", "L1"], "alert_type": "Preliminary", "significant": True,
        "skymap_filename": "bayestar.multiorder.fits,1", "gracedb_service_url": "https://gracedb.ligo.org/api/",
        "role": "observation",
    }  # fmt: skip
    coverage = {"complete": True, "covered_s": 1000.0, "season": "IC86-2012", "source": "icecube-3yr", "why": ""}
    gw |= changes.pop("gw", {})
    coverage |= changes.pop("coverage", {})
    return {
        "search_type": "opa", "event_id": gw["event_id"], "graceid": gw["graceid"], "event_time": gw["event_time"],
        "gps_time": GPS, "odds_ratio": 1e-4, "log_odds_ratio": -9.21, "p_value": p_event,
        "p_value_text": f"{p_event:.4f}", "p_value_reason": f"background table {TABLE['name']}, 12000 events",
        "p_value_table": TABLE if changes.get("p_value", p_event) is not None else None,
        "p_h_s1": 1e-20, "p_h_0": 1e-10, "p_h_c": 1e-12,
        "p_astro": {"before": 0.98, "after": 0.981}, "distance_mode": "map", "notes": [], "single_neutrino": singles,
        "most_probable_direction": {"ra": 197.53, "dec": -23.31} if rows else None,
        "neutrino_flux_sensitivity_range": {
            "flux_sensitivity": [0.0277, 0.647], "sensitive_energy_range": [542.0, 23000000.0],
        },
        "inputs": {
            "gw_skymap_info": gw, "gw_skymap_header": {"creator": "BAYESTAR"}, "neutrino_info": [],
            "neutrino_list": coverage,
            "search_parameters": as_parameters(Search(), 3.67e-3),
        },
    } | changes  # fmt: skip
