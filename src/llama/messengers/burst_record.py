"""The gamma-ray bursts around a trigger, as they are written to `fermi_grbs.json` and `swift_grbs.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from llama.messengers.lists import added, check_coverage, check_covered, check_direction, check_once, once
from llama.ports import Burst, BurstWindow, Stretch
from llama.science.sky import right_ascension_deg
from llama.science.statistic import LEAST_SIGMA_RAD
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
        covered: when these seconds are, in order and without overlap; null when the list does not say it. Where that
            is all of the window, or none of it, it is filled in.
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
    covered: tuple[Stretch, ...] | None = None

    def __post_init__(self) -> None:
        window = self.start_gps, self.stop_gps, self.covered_s
        check_coverage(*window, complete=self.complete, slack_s=_SAME_TIME_S)
        if not self.complete and not self.why:
            raise ValueError("it says it is incomplete, but not why")
        if self.covered is None:
            object.__setattr__(self, "covered", self._all_or_none())
        else:
            check_covered(self.covered, *window, slack_s=_SAME_TIME_S)
        for burst in self.bursts:
            _check(burst, self.start_gps, self.stop_gps)
        bursts, repeated = once(self.bursts, [burst.trigger_id for burst in self.bursts], "trigger")
        check_once((burst.trigger_id for burst in bursts), "trigger", ", each time different; keep the right one")
        object.__setattr__(self, "bursts", tuple(map(_in_range, bursts)))
        object.__setattr__(self, "why", added(self.why, repeated))

    def _all_or_none(self) -> tuple[Stretch, ...] | None:
        """When the source listened, of a list that only says for how long: None where that leaves it open."""
        if not self.covered_s:
            return ()
        whole = self.covered_s >= self.stop_gps - self.start_gps - _SAME_TIME_S
        return (Stretch(self.start_gps, self.stop_gps),) if whole else None


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
    if burst.ra is not None and burst.dec is not None:
        check_direction(what, burst.ra, burst.dec)
    for name in ("sigma", "sigma_minor", "t90_s", "fluence", "timescale_s"):
        value = getattr(burst, name)
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"{what} has {name} {value}; it must be above zero")
    _check_widths(burst, what)


def _check_widths(burst: Burst, what: str) -> None:
    least = math.degrees(LEAST_SIGMA_RAD)
    if burst.sigma is not None and burst.sigma > 180:
        raise ValueError(f"{what} has sigma {burst.sigma} deg; it must be at most 180")
    if burst.sigma is not None and burst.sigma < least:
        raise ValueError(f"{what} has sigma {burst.sigma} deg; it must be at least {least:.2g}, or left out")
    if (burst.sigma_minor is None) != (burst.position_angle is None):
        raise ValueError(f"{what} has part of an ellipse; sigma_minor and position_angle belong together")
    if burst.sigma_minor is None or burst.position_angle is None:
        return
    if burst.sigma is None or not least <= burst.sigma_minor <= burst.sigma:
        raise ValueError(
            f"{what} has sigma_minor {burst.sigma_minor} deg; it must be {least:.2g} to sigma, {burst.sigma}"
        )
    if not math.isfinite(burst.position_angle):
        raise ValueError(f"{what} has position_angle {burst.position_angle}; it must be finite")


def _in_range(burst: Burst) -> Burst:
    """With its right ascension from 0 to 360, as results write it."""
    if burst.ra is None or 0 <= burst.ra < 360:
        return burst
    return replace(burst, ra=right_ascension_deg(burst.ra))


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
        covered=window.covered,
    )
