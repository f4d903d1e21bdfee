"""The events whose significance files are kept: the demo, the review cases, and real maps with a fixed list each.

`python -m tests.golden.events` keeps new ones; where they differ, numbers have changed, which wants a reason.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from llama.analyses.pipelines import PIPELINES
from llama.app import DEMO_ALERT, environment, packaged
from llama.engine.folder.event import Event
from llama.engine.folder.run import Delivery, Run
from llama.engine.folder.store import SharedDigests
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.flags import Flags
from llama.formats.records import to_json
from llama.formats.skymap import read_skymap
from llama.messengers.burst_record import BurstList
from llama.messengers.gw.start import Given, start
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.messengers.ztf.record import Transient, TransientList
from llama.ports import Burst
from llama.science.significance import own_company
from llama.science.sky import centres
from llama.science.times import mjd_from_gps, utc_from_gps
from llama.studies.review import CASES, DEC_DEG, RA_DEG, Case, delivery

KEPT = Path(__file__).resolve().parent / "kept"
GPS_S = 1_011_973_667.0
SEASON = "IC86-2011"
DEMO_DEG = (329.35, 46.03)
"""Close to the peak of the packaged alert's map."""

MAPS: Mapping[str, tuple[str, dict[str, float]]] = {
    "GW150914": ("events/GW150914_bayestar_gstlal_C01.fits.gz", {"BBH": 1.0, "Terrestrial": 0.0}),
    "GW170817": ("events/GW170817_GWTC1.multiorder.fits", {"BNS": 1.0, "Terrestrial": 0.0}),
    "GW190412": ("events/GW190412_PublicationSamples.multiorder.fits", {"BBH": 0.99, "Terrestrial": 0.01}),
    "S190425z": ("events/S190425z_bayestar_G330561.fits.gz", {"BNS": 0.9, "Terrestrial": 0.1}),
    "S231206cc": ("events/S231206_G457564_bayestar.multiorder.fits", {"BBH": 0.95, "Terrestrial": 0.05}),
    "S240513ei": ("events/S240513_G483432_bayestar.multiorder.fits", {"BBH": 0.3, "NSBH": 0.2, "Terrestrial": 0.5}),
    "S250319bu": ("events/S250319bu_G565155_bayestar.multiorder.fits", {"BBH": 0.97, "Terrestrial": 0.03}),
    "GW191103": ("gwtc3/GW191103_012549.Mixed.multiorder.fits", {"BBH": 0.94, "Terrestrial": 0.06}),
    "GW200302": ("gwtc3/GW200302_015811.Mixed.multiorder.fits", {}),
    "MS190227n": ("mock_and_sim/MS190227n_bayestar.fits.gz", {"NSBH": 0.8, "BBH": 0.1, "Terrestrial": 0.1}),
    "obsscen3391": ("mock_and_sim/obsscen_3391.multiorder.fits", {"BNS": 0.6, "NSBH": 0.3, "Terrestrial": 0.1}),
    "F2Y288172": ("mock_and_sim/F2Y_288172_bayestar.fits.gz", {"BNS": 0.5, "Terrestrial": 0.5}),
}
"""By event: the map in the test data, and a classification."""

LISTED = (
    # dt_s, degrees north and east of the map's peak, sigma_deg, energy_gev
    (-420.0, 40.0, 100.0, 0.9, 700.0),
    (-12.5, 0.4, -0.3, 0.6, 3.1e3),
    (88.0, -0.8, 0.5, 1.1, 1.7e3),
    (251.0, -25.0, 190.0, 0.35, 2.4e5),
    (499.5, 3.0, 2.0, 0.2, 910.0),
)
"""One list for every map: a pair close to the peak, one beside it, two far away."""


def deliveries(data: Path | None) -> dict[str, Callable[[], Delivery]]:
    """Every event by name, with what makes its delivery; without test data those with real maps are missing."""
    found: dict[str, Callable[[], Delivery]] = {"demo": _demo}
    found |= {f"review-{case.name}": lambda case=case: _review(case) for case in CASES}  # type: ignore[misc]
    if data is not None:
        found |= {name: lambda name=name: _on_a_real_map(name, data) for name in MAPS}  # type: ignore[misc]
    return found


def _demo() -> Delivery:
    begun = start(Given(alert=packaged(DEMO_ALERT).read_bytes()), environment().gracedb)
    return Delivery(begun.event_id, begun.files | _company(*DEMO_DEG), Flags())


def _review(case: Case) -> Delivery:
    given = delivery(case)
    return replace(given, files={**given.files, **_company(RA_DEG, DEC_DEG)})


def _on_a_real_map(name: str, data: Path) -> Delivery:
    """The map beside an alert of H1, L1 and V1; a burst and a transient close to its peak."""
    file, classification = MAPS[name]
    path = data / "skymaps" / file
    begun = start(Given(alert=_alert(classification), skymap=str(path)), environment().gracedb)
    skymap = read_skymap(path.read_bytes())
    likeliest = int(np.argmax(skymap.density))
    ra_deg, dec_deg = (math.degrees(angle[likeliest]) for angle in centres(skymap))
    files = {
        **begun.files,
        "icecube_neutrino_list.json": to_json(_neutrinos(ra_deg, dec_deg)),
        **_company(ra_deg, dec_deg),
    }
    return Delivery(name, files, Flags())


def _company(ra_deg: float, dec_deg: float) -> dict[str, bytes]:
    """A burst and a transient close to a direction."""
    return {
        "fermi_grbs.json": to_json(_bursts(ra_deg, dec_deg)),
        "ztf_trigger_list.json": to_json(_transients(ra_deg, dec_deg)),
    }


def _alert(classification: dict[str, float]) -> bytes:
    event = {
        "significant": True, "time": utc_from_gps(GPS_S), "far": 1e-9, "instruments": ["H1", "L1", "V1"],
        "group": "CBC", "pipeline": "gstlal", "search": "AllSky", "properties": {}, "classification": classification,
    }  # fmt: skip
    created = utc_from_gps(GPS_S + 30, digits=0)
    notice = {"alert_type": "PRELIMINARY", "time_created": created, "superevent_id": "S120130b", "urls": {}}
    return json.dumps({**notice, "event": event, "external_coinc": None}).encode()


def _near(ra_deg: float, dec_deg: float, north_deg: float, east_deg: float) -> tuple[float, float]:
    """A direction so far away, kept off the poles."""
    dec = max(-85.0, min(85.0, dec_deg + north_deg))
    return (ra_deg + east_deg / math.cos(math.radians(dec))) % 360, dec


def _neutrinos(ra_deg: float, dec_deg: float) -> NeutrinoList:
    rows = []
    for number, (dt_s, north, east, sigma, energy) in enumerate(LISTED, 1):
        ra, dec = _near(ra_deg, dec_deg, north, east)
        rows.append(
            NeutrinoRow(
                mjd=float(mjd_from_gps(GPS_S + dt_s)),
                ra=ra,
                dec=dec,
                zenith=90.0 + dec,
                azimuth=0.0,
                sigma=sigma,
                energy=energy,
                type="injected",
                run=0,
                event=number,
                season=SEASON,
                i3event=f"fixed-{number}",
                gps=GPS_S + dt_s,
            )
        )
    return NeutrinoList(
        complete=True, covered_s=1000.0, start_gps=GPS_S - 500, stop_gps=GPS_S + 500, season=SEASON, source="fixed",
        why="", neutrinos=tuple(rows),
    )  # fmt: skip


def _bursts(ra_deg: float, dec_deg: float) -> BurstList:
    ra, dec = _near(ra_deg, dec_deg, 2.0, -1.0)
    burst = Burst(
        trigger_id="349666082", name="bn120130658", gps=GPS_S + 1.7, utc=utc_from_gps(GPS_S + 1.7),
        notice_type="final", ra=ra, dec=dec, sigma=4.0, error_radius=4.0, containment=0.68,
        systematic_included=False, error_source="fixed", t90_s=0.8, fluence=3e-7,
    )  # fmt: skip
    return BurstList(
        complete=True, covered_s=1000.0, start_gps=GPS_S - 500, stop_gps=GPS_S + 500, source="fixed", why="",
        bursts=(burst,),
    )  # fmt: skip


def _transients(ra_deg: float, dec_deg: float) -> TransientList:
    ra, dec = _near(ra_deg, dec_deg, 0.5, 0.5)
    seen = float(mjd_from_gps(GPS_S)) + 1.25
    found = Transient("ZTF12fixed", ra, dec, seen, mjd_last_before=seen - 2.0, rate_per_day=3.0)
    return TransientList(0.45, 900.0, 20.5, (-17.0, -12.0), 4.0, (found,))


def results(given: Delivery, folder: Path) -> dict[str, dict[str, Any]]:
    """Every significance file of every pipeline that the event has, by its name."""
    event = Run(folder).accept(given)
    with few_draws():
        for name in PIPELINES:
            _up_to_date(event, name)
    return {path.name: json.loads(path.read_bytes()) for path in sorted(event.path.glob("significance_*.json"))}


@contextmanager
def few_draws() -> Iterator[None]:
    """Joint searches with so few drawn candidates that results take seconds: what is kept is how, not how well."""
    with patch.object(own_company, "DRAWS", 6), patch.object(own_company, "FEWEST", 6):
        yield


def _up_to_date(event: Event, name: str) -> None:
    """Make the results of one pipeline, here; what lacks its input is left alone."""
    application = environment()
    pipeline = application.pipeline(name)
    wanted = [p.name for p in pipeline if p.filename.startswith("significance_") and p.filename.endswith(".json")]
    pipeline = pipeline.only(wanted, ancestors=True)
    maker = Maker(pipeline, application, SharedDigests(application))
    runner = Runner(maker, Here(maker))
    runner.once([event])
    assert not runner.troubles, runner.troubles


def write(data: Path, only: list[str]) -> None:
    """Write the kept files anew."""
    for name, make in deliveries(data).items():
        if only and name not in only:
            continue
        shutil.rmtree(KEPT / name, ignore_errors=True)
        (KEPT / name).mkdir(parents=True)
        with tempfile.TemporaryDirectory() as folder:
            for file, result in results(make(), Path(folder)).items():
                (KEPT / name / file).write_bytes(to_json(result))
        print(name, *sorted(path.name for path in (KEPT / name).iterdir()))


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory() as nowhere:
        os.environ |= {"LLAMA_DATA_DIR": nowhere, "LLAMA_CACHE_DIR": nowhere}
        write(Path(os.environ.get("LLAMA_TEST_DATA", root.parent / "shared" / "data")), sys.argv[1:])
