#!/usr/bin/env python
"""Make the packaged demo: a simulated alert and the real neutrinos around its time.

    python scripts/make_demo_alert.py --data ../shared/data

Writes `igwn_alert.json` and `icecube_excerpt.csv` into src/llama/data/demo and prints the numbers of the simulation.
docs/science/demo-alert.md says what is simulated, what is assumed and what is real.

The source is the first row of the O4 list of binary neutron stars (Kiendrebeogo et al. 2023) that passes three rules,
none of which looks at a neutrino: found in Gaussian noise by H1, L1 and V1 with SNR 4 each, network SNR at least 12,
and the 1000 s around it inside one good run of IceCube.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import logging
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # before BAYESTAR is loaded: the same sums every time

import numpy as np

from bayestar_sim import Conditions, Injection, Simulation, Trigger, credible_area_deg2, read_injections, write_map
from llama.science.times import gps_from_mjd, gps_from_utc, mjd_from_gps, utc_from_gps

SEED = 1
ROWS = 40  # of the list, from its top; the noise depends on this number, as one seed serves all of them
DETECTORS = ("H1", "L1", "V1")
SINGLE_SNR, NETWORK_SNR = 4.0, 12.0
HALF_WINDOW_S = 500.0
YEAR_S = 365.25 * 86400
# Assumed, not simulated: no search ran, so there is no noise to count
FAR_HZ = 1 / (100 * YEAR_S)
BNS_RATE_HZ = 1 / YEAR_S
LATENCY_S = 30.0
NEUTRON_STAR_MAX_MSUN = 3.0

RELEASE = "neutrinos/icecube_3yr_ps/3year-data-release.zip"
SEASONS = {"IC79-2010": "IC79", "IC86-2011": "IC86_I", "IC86-2012": "IC86_II"}  # -> its list of good runs
INJECTIONS = "scenarios/kiendrebeogo2023/bns_O4_injections.dat"
DEMO = Path(__file__).resolve().parent.parent / "src" / "llama" / "data" / "demo"


@dataclass(frozen=True)
class Run:
    """A good run: season of the 3-year release, start and stop (MJD, as released)."""

    season: str
    start: str
    stop: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with scenarios/ and neutrinos/")
    parser.add_argument("--out", type=Path, default=DEMO)
    options = parser.parse_args()
    logging.getLogger().setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as work:
        source, trigger, run, table, fits = simulate(options.data, Path(work))
    time, name = utc_from_gps(trigger.gps, digits=3), superevent_name(trigger.gps)
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "igwn_alert.json").write_text(json.dumps(notice(name, time, source, trigger, fits)) + "\n")
    rows = excerpt_rows(options.data / RELEASE, gps_from_utc(time))
    (options.out / "icecube_excerpt.csv").write_text(excerpt(options.data / RELEASE, time, run, rows))
    print(json.dumps(numbers(name, time, source, trigger, run, table, rows), indent=2))


def simulate(data: Path, work: Path) -> tuple[Injection, Trigger, Run, Any, bytes]:
    """The source, how it was found, the run around it, and its sky map as a table and as the bytes of a file."""
    sources = read_injections(data / INJECTIONS)[:ROWS]
    simulation = Simulation(work)
    simulation.search(sources, data / "scenarios" / "ASD", Conditions(DETECTORS, SEED, SINGLE_SNR, NETWORK_SNR))
    source, trigger, run = choose(data, sources, simulation.found())
    table = simulation.localize(source, trigger)
    path = work / "map.fits"
    write_map(table, path, superevent_name(trigger.gps), np.floor(trigger.gps + LATENCY_S))
    return source, trigger, run, table, path.read_bytes()


def choose(data: Path, sources: list[Injection], found: list[tuple[int, Trigger]]) -> tuple[Injection, Trigger, Run]:
    """The first source that passes the rules; `found` is in the order of the list."""
    for row, trigger in found:
        run = good_run(data, trigger.gps)
        if trigger.detectors == DETECTORS and run is not None:
            return sources[row], trigger, run
    raise SystemExit(f"none of the first {ROWS} sources passes the rules")


def good_run(data: Path, gps: float) -> Run | None:
    """The run that holds the whole window, if one does."""
    start, stop = mjd_from_gps(gps - HALF_WINDOW_S), mjd_from_gps(gps + HALF_WINDOW_S)
    for season, name in SEASONS.items():
        lines = (data / "neutrinos" / "icecube_10yr_ps" / "uptime" / f"{name}_exp.csv").read_text().splitlines()
        for first, last in (line.split() for line in lines[1:]):
            if float(first) <= start and stop <= float(last):
                return Run(season, first, last)
    return None


def superevent_name(gps: float) -> str:
    """A mock superevent of the UTC date, the first of its day."""
    return f"MS{utc_from_gps(gps)[2:10].replace('-', '')}a"


def source_masses(source: Injection) -> tuple[float, float, float]:
    """Redshift (Planck 2015 cosmology) at the distance of the source, and its masses without it in solar masses."""
    from astropy import units
    from astropy.cosmology import Planck15, z_at_value

    z = float(z_at_value(Planck15.luminosity_distance, source.distance_mpc * units.Mpc).value)
    return z, source.mass1_msun / (1 + z), source.mass2_msun / (1 + z)


def notice(name: str, time: str, source: Injection, trigger: Trigger, fits: bytes) -> dict[str, Any]:
    """The alert as `igwn.gwalert` spells it. No `urls`: there is no page about it."""
    _, mass1, mass2 = source_masses(source)
    terrestrial = FAR_HZ / (FAR_HZ + BNS_RATE_HZ)
    if not mass2 <= mass1 < NEUTRON_STAR_MAX_MSUN:
        raise SystemExit("the source is not a binary neutron star")
    event = {
        "significant": True,
        "time": time,
        "far": FAR_HZ,
        "instruments": list(trigger.detectors),
        "group": "CBC",
        "pipeline": "simulated",
        "search": "MDC",
        "properties": {"HasNS": 1.0, "HasRemnant": 1.0, "HasMassGap": 0.0},
        "classification": {"BNS": 1 - terrestrial, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": terrestrial},
        "duration": None,
        "central_frequency": None,
        "skymap": base64.b64encode(fits).decode("ascii"),
    }
    created = utc_from_gps(np.floor(trigger.gps + LATENCY_S), digits=0)
    return {
        "alert_type": "PRELIMINARY",
        "time_created": created,
        "superevent_id": name,
        "urls": {},
        "event": event,
        "external_coinc": None,
    }


def excerpt_rows(release: Path, gps: float) -> list[tuple[str, int, list[str]]]:
    """(season, row counted from 0, the released columns as they are spelt) of the events in the window."""
    rows = []
    with zipfile.ZipFile(release) as archive:
        for season in SEASONS:
            text = archive.read(f"3year-data-release/{season}-events.txt").decode("ascii")
            mjd = np.loadtxt(io.StringIO(text), usecols=0)
            offset = gps_from_mjd(mjd) - gps
            lines = [line for line in text.splitlines() if not line.startswith("#")]
            inside = np.flatnonzero((offset >= -HALF_WINDOW_S) & (offset < HALF_WINDOW_S))
            rows += [(season, int(row), lines[row].split()) for row in inside]
    return sorted(rows, key=lambda row: float(row[2][0]))


EXCERPT_NOTES = """\
Real IceCube events: every event of the window below, nothing left out, nothing changed.
Release, "All-sky point-source IceCube data: years 2010-2012" (IceCube Collaboration, 2018),
  https://icecube.wisc.edu/data-releases/2018/10/all-sky-point-source-icecube-data-years-2010-2012/
Copy used, 3year-data-release.zip of the PyPI wheel flarestack 2.4.10, sha256 {digest}
Licence, none is stated in that copy; credit and rights are the IceCube Collaboration's.
Cut by scripts/make_demo_alert.py; numbers are spelt as released, angular errors have no floor applied.
Columns, season; row of its file, the first event being row 0; then those of the release:
  MJD[days] log10(E/GeV) AngErr[deg] RA[deg] Dec[deg] Azimuth[deg] Zenith[deg]
Window, 500 s before to 500 s after {time} (start included, stop not), {start} to {stop}
Good run around it, of season {season}, in MJD, {run_start} to {run_stop} (uptime/ of the 10-year release)
source: icecube-3yr
window_gps: {start_gps:.3f} {stop_gps:.3f}
"""
FIELDS = "season,row,mjd,log10_energy_gev,ang_err_deg,ra_deg,dec_deg,azimuth_deg,zenith_deg"


def excerpt(release: Path, time: str, run: Run, rows: list[tuple[str, int, list[str]]]) -> str:
    """The excerpt as text, in the form `llama.services.icecube.excerpt` reads."""
    gps = gps_from_utc(time)
    start, stop = gps - HALF_WINDOW_S, gps + HALF_WINDOW_S
    notes = EXCERPT_NOTES.format(
        digest=hashlib.sha256(release.read_bytes()).hexdigest(),
        time=time,
        start=utc_from_gps(start, digits=3),
        stop=utc_from_gps(stop, digits=3),
        season=run.season,
        run_start=run.start,
        run_stop=run.stop,
        start_gps=start,
        stop_gps=stop,
    )
    table = [",".join([season, str(row), *columns]) for season, row, columns in rows]
    return "\n".join([*(f"# {line}" for line in notes.splitlines()), FIELDS, *table]) + "\n"


def numbers(
    name: str,
    time: str,
    source: Injection,
    trigger: Trigger,
    run: Run,
    table: Any,
    rows: list[tuple[str, int, list[str]]],
) -> dict[str, Any]:
    """What docs/science/demo-alert.md quotes."""
    z, mass1, mass2 = source_masses(source)
    return {
        "superevent_id": name,
        "time": time,
        "gps": gps_from_utc(time),
        "mjd": float(mjd_from_gps(gps_from_utc(time))),
        "list_row": source.row,
        "simulation_id": source.simulation_id,
        "network_snr": round(trigger.snr, 4),
        "single_snr": dict(zip(trigger.detectors, (round(snr, 4) for snr in trigger.single_snr), strict=True)),
        "injected_distance_mpc": source.distance_mpc,
        "redshift": round(z, 5),
        "detector_frame_masses_msun": [source.mass1_msun, source.mass2_msun],
        "source_frame_masses_msun": [round(mass1, 4), round(mass2, 4)],
        "inclination_deg": round(float(np.degrees(source.inclination_rad)), 3),
        "ra_dec_deg": [round(float(np.degrees(angle)), 4) for angle in (source.ra_rad, source.dec_rad)],
        "cells": len(table),
        "area50_deg2": round(credible_area_deg2(table, 0.5), 3),
        "area90_deg2": round(credible_area_deg2(table, 0.9), 3),
        "map_distance_mpc": [round(float(table.meta[key]), 3) for key in ("distmean", "diststd")],
        "log_bci": table.meta["log_bci"],
        "good_run": [run.season, run.start, run.stop],
        "neutrinos": [[season, row, *columns] for season, row, columns in rows],
    }


if __name__ == "__main__":
    main()
