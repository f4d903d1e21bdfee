"""The gamma-ray bursts around a trigger, as they are written to `fermi_grbs.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llama.messengers.lists import check_coverage, check_once
from llama.ports import Burst, BurstWindow
from llama.science.times import gps_from_utc, utc_from_gps

_SAME_TIME_S = 1e-3


@dataclass(frozen=True, slots=True)
class BurstList:
    """All bursts of one window, and how far they can be trusted to be all.

    Attributes:
        complete: whether the source would have every burst of the window.
        covered_s: seconds of the window of which that is true.
        start_gps, stop_gps: the window, start <= time < stop.
        source: who gave the list.
        why: when not complete, the reason; also what was left out.
        subthreshold: whether sub-threshold candidates would be here too.
        bursts: in order of time; also those that are most likely no gamma-ray bursts, which say so.
        ask_again: when the source will know more (UTC, `Z`); null when it never will.
    """

    complete: bool
    covered_s: float
    start_gps: float
    stop_gps: float
    source: str
    why: str
    bursts: tuple[Burst, ...]
    subthreshold: bool = False
    ask_again: str | None = None

    def __post_init__(self) -> None:
        window = self.start_gps, self.stop_gps, self.covered_s
        check_coverage(*window, complete=self.complete, slack_s=_SAME_TIME_S)
        if not self.complete and not self.why:
            raise ValueError("it says it is incomplete, but not why")
        check_once((burst.trigger_id for burst in self.bursts), "trigger")
        for burst in self.bursts:
            _check(burst, self.start_gps, self.stop_gps)


def _check(burst: Burst, start_gps: float, stop_gps: float) -> None:
    """ValueError for what cannot be a burst of this window: people edit the file."""
    what = f"burst {burst.trigger_id}"
    if abs(gps_from_utc(burst.utc) - burst.gps) > _SAME_TIME_S:
        raise ValueError(f"{what} has utc {burst.utc}, which is not its gps {burst.gps}")
    if not start_gps - _SAME_TIME_S <= burst.gps <= stop_gps + _SAME_TIME_S:
        raise ValueError(f"{what} at gps {burst.gps} is outside the list's window")
    given = [value is not None for value in (burst.ra, burst.dec, burst.sigma)]
    if any(given) and not all(given):
        raise ValueError(f"{what} has part of a position; ra, dec and sigma belong together")
    if burst.ra is not None and burst.dec is not None and not (math.isfinite(burst.ra) and abs(burst.dec) <= 90):
        raise ValueError(f"{what} has direction RA {burst.ra}, Dec {burst.dec} deg, which is not on the sky")
    for name in ("sigma", "t90_s", "fluence", "timescale_s"):
        value = getattr(burst, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{what} has {name} {value}; it must be above zero")
    if burst.sigma is not None and burst.sigma > 180:
        raise ValueError(f"{what} has sigma {burst.sigma} deg; it must be at most 180")


def is_assumed(burst: Burst) -> bool:
    """Whether its source gives no error of the position, so that a usual one stands in."""
    return burst.error_source.startswith("assumed")


def from_window(window: BurstWindow, source: str) -> BurstList:
    """What a source answered, as a record."""
    return BurstList(
        complete=window.complete,
        covered_s=window.covered_s,
        start_gps=window.start_gps,
        stop_gps=window.stop_gps,
        source=source,
        why=window.why,
        bursts=window.bursts,
        subthreshold=window.subthreshold,
        ask_again=None if window.again_gps is None else utc_from_gps(window.again_gps),
    )
