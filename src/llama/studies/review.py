"""The five review cases: does the whole pipeline order what a person would order?

a: precise map, neutrino on it. b: coarse map, neutrino on it. c: precise map, neutrino at the same time elsewhere.
d: precise map, neutrino on it long after. e: coarse map, neutrino at the same time elsewhere. Expected in log odds:
a > b > e > c, and d exactly zero odds.

Each case is an event like any other: an alert with a map embedded and a neutrino list received from outside, taken
through the engine to `significance_opa_lvc-i3.json`.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from llama.advice import SHOW
from llama.analyses.gw_neutrino import SIGNIFICANCE
from llama.engine.errors import EngineError
from llama.engine.folder import Delivery, Event, Run
from llama.engine.running import utc_now
from llama.formats.records import to_json
from llama.intake import deliver
from llama.messengers.icecube.products import WINDOW_S
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.times import mjd_from_gps
from llama.studies.synthetic import gaussian_skymap, simulated_alert

GPS_S = 1_011_973_667.0
"""2012-01-30, inside season IC86-2011."""

RA_DEG, DEC_DEG = 120.0, 0.0
"""On the equator, where a step in right ascension is one on the sky and leaves the detector's response alone."""

DISTANCE_MPC, DISTANCE_STD_MPC = 100.0, 20.0
SIGMA_DEG, ENERGY_GEV = 0.5, 1e4
SEASON = "IC86-2011"
P_ASTRO = {"BNS": 0.99, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.01}


@dataclass(frozen=True)
class Case:
    """One review case: how wide the map is, how far away and how late the neutrino."""

    name: str
    what: str
    map_sigma_deg: float
    separation_deg: float
    dt_s: float


CASES = (
    Case("a", "precise map, coincident neutrino", 3.0, 1.0, 30.0),
    Case("b", "coarse map, coincident neutrino", 30.0, 1.0, 30.0),
    Case("c", "precise map, coincident in time only", 3.0, 75.0, 30.0),
    Case("d", "precise map, coincident in position only", 3.0, 1.0, 900.0),
    Case("e", "coarse map, coincident in time only", 30.0, 75.0, 30.0),
)


def delivery(case: Case) -> Delivery:
    """The files of a case's event."""
    skymap = gaussian_skymap(
        math.radians(RA_DEG),
        math.radians(DEC_DEG),
        math.radians(case.map_sigma_deg),
        DISTANCE_MPC,
        DISTANCE_STD_MPC,
    )
    event_id = f"MS120130{case.name}"
    files = {
        "igwn_alert.json": simulated_alert(event_id, GPS_S, skymap, P_ASTRO),
        "icecube_neutrino_list.json": to_json(_neutrinos(case)),
    }
    return Delivery(event_id, files, why=f"review case {case.name}: {case.what}")


def _neutrinos(case: Case) -> NeutrinoList:
    """One injected neutrino, east of the map's centre by the separation."""
    gps = GPS_S + case.dt_s
    neutrino = NeutrinoRow(
        mjd=float(mjd_from_gps(gps)),
        ra=RA_DEG + case.separation_deg,
        dec=DEC_DEG,
        zenith=90.0 + DEC_DEG,
        azimuth=0.0,
        sigma=SIGMA_DEG,
        energy=ENERGY_GEV,
        type="injected",
        run=0,
        event=1,
        season=SEASON,
        i3event=f"injected-{case.name}",
        gps=gps,
    )
    reach_s = max(WINDOW_S, case.dt_s + 100.0)  # case d looks further than a search would
    return NeutrinoList(
        complete=True,
        covered_s=2 * reach_s,
        start_gps=GPS_S - reach_s,
        stop_gps=GPS_S + reach_s,
        season=SEASON,
        source="review",
        why="",
        neutrinos=(neutrino,),
    )


@dataclass(frozen=True)
class Ranking:
    """Log odds by case, and what is wrong with their order (nothing, when all is well)."""

    log_odds: dict[str, float | None]
    wrong: tuple[str, ...]


def judge(log_odds: dict[str, float | None]) -> Ranking:
    """Check a > b > e > c in log odds, all finite, and d with odds of exactly zero (None)."""
    wrong = []
    for more, less in (("a", "b"), ("b", "e"), ("e", "c")):
        higher, lower = log_odds[more], log_odds[less]
        if higher is None or lower is None or not higher > lower:
            wrong.append(f"{more} should have higher odds than {less}")
    if log_odds["d"] is not None:
        wrong.append("d should have odds of exactly zero")
    return Ranking(log_odds, tuple(wrong))


def review(folder: Path | None, update: Callable[[Iterable[Event]], None]) -> Ranking:
    """Run the five review cases through the engine, in `folder` or a temporary one.

    `update` makes the significance file of events, and what it is made from.
    """
    with tempfile.TemporaryDirectory(prefix="llama-review-") as temporary:
        run = Run(folder or Path(temporary))
        events = {case.name: deliver(delivery(case), run, now=utc_now()).events[0] for case in CASES}
        update(events.values())
        results = {name: event.path / SIGNIFICANCE.filename for name, event in events.items()}
        if missing := [name for name, path in results.items() if not path.exists()]:
            raise EngineError(f"case {missing[0]} has no result: keep the events with -d and see {SHOW}")
        return judge({name: SIGNIFICANCE.codec.read(path)["log_odds_ratio"] for name, path in results.items()})
