"""Optical transients that may be counterparts, as a person writes them to `ztf_trigger_list.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass

from llama.messengers.lists import check_once

WHOLE_SKY_DEG2 = 41253  # 41252.96, as people write it


@dataclass(frozen=True, slots=True)
class Transient:
    """One transient (ICRS degrees, Modified Julian Dates in UTC).

    Attributes:
        name: `ZTF19aarykkb`.
        ra, dec: where.
        error_arcsec: 1σ of the position, as a circle.
        mjd: first detection.
        mjd_last_before: last observation without it, so that the source cannot be older; null when there is none.
        rate_per_day: unrelated transients per day that would have passed for this one, over all that was searched; or
        chance: the probability that at least one would have, within its time window. One of the two.
    """

    name: str
    ra: float
    dec: float
    mjd: float
    error_arcsec: float = 1.0
    mjd_last_before: float | None = None
    rate_per_day: float | None = None
    chance: float | None = None

    def __post_init__(self) -> None:
        what = f"transient {self.name}"
        if not (math.isfinite(self.ra) and abs(self.dec) <= 90):
            raise ValueError(f"{what} has direction RA {self.ra}, Dec {self.dec} deg, which is not on the sky")
        if not 0 < self.error_arcsec <= 3600:
            raise ValueError(f"{what} has error {self.error_arcsec} arcsec; it must be above 0 and at most 3600")
        if not 15020 < self.mjd < 88000:  # 1900 to 2100
            raise ValueError(f"{what} has mjd {self.mjd}, which is no Modified Julian Date of our time")
        if self.mjd_last_before is not None and not self.mjd_last_before < self.mjd:
            raise ValueError(f"{what} was last missed at {self.mjd_last_before}, after its first detection")
        if (self.rate_per_day is None) == (self.chance is None):
            raise ValueError(f"{what} needs rate_per_day or chance, one of the two")
        if self.rate_per_day is not None and not 0 < self.rate_per_day < math.inf:
            raise ValueError(f"{what} has rate_per_day {self.rate_per_day}; it must be above zero")
        if self.chance is not None and not 0 < self.chance < 1:
            raise ValueError(f"{what} has chance {self.chance}; it must lie between 0 and 1")


@dataclass(frozen=True, slots=True)
class TransientList:
    """The transients of one search, and how deep it went.

    Attributes:
        searched: the part of the trigger's probability that was observed in time, 0 to 1.
        searched_deg2: the area that was observed in time, in which rates and chances of unrelated transients hold.
        limiting_magnitude: what was brighter would have been found.
        peak_magnitudes: absolute magnitudes of counterparts, brightest and faintest; uniform in between.
        window_days: a counterpart is first seen at most this long after the merger.
        triggers: the transients; may be empty, which says that the search found none.
    """

    searched: float
    searched_deg2: float
    limiting_magnitude: float
    peak_magnitudes: tuple[float, float]
    window_days: float
    triggers: tuple[Transient, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.searched <= 1:
            raise ValueError(f"searched is {self.searched}; it is a part, from 0 to 1")
        if not 0 < self.searched_deg2 <= WHOLE_SKY_DEG2:
            allowed = f"above 0 and at most {WHOLE_SKY_DEG2}, the whole sky"
            raise ValueError(f"searched_deg2 is {self.searched_deg2}; it must be {allowed}")
        if not 0 < self.window_days <= 365:
            raise ValueError(f"window_days is {self.window_days}; it must be above 0 and at most 365")
        if not -40 < self.peak_magnitudes[0] < self.peak_magnitudes[1] < 40:
            raise ValueError(f"peak_magnitudes are {self.peak_magnitudes}; brightest (the lower number) first")
        if not 0 < self.limiting_magnitude < 40:
            raise ValueError(f"limiting_magnitude is {self.limiting_magnitude}, which no survey has")
        check_once((transient.name for transient in self.triggers), "transient")
