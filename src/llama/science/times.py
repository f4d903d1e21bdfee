"""UTC, GPS seconds and Modified Julian Date, exact over leap seconds.

Everything else in the project carries GPS seconds (float64, good to 0.1 µs now) or aware UTC datetimes.
"""

from __future__ import annotations

import functools
import re
import warnings
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECONDS_PER_DAY = 86400.0
MJD_RANGE = (44244.0, 88069.0)
"""Modified Julian Dates that are read: from 1980-01-06, when GPS time begins, to the end of 2099."""

_SIXTIETH = re.compile(r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<minute>[0-9]{2}:[0-9]{2}):60(\D|$)")
_OFFSET = re.compile(r"[T ][0-9:.,]+\s*(?P<offset>[+-].*)")
_HOURS_MINUTES = re.compile(r"(?P<sign>[+-])(?P<hours>[0-9]{2})(:?(?P<minutes>[0-9]{2}))?")
_FARTHEST_MIN = 14 * 60  # Kiribati; to the west it is 12 h
_JD_MINUS_MJD = 2400000.5


@functools.cache
def _time_class() -> Any:
    # Imported late: `llama --help` must not wait for astropy. Earth-rotation tables age and would be fetched;
    # none of these conversions needs them.
    from astropy.time import Time
    from astropy.utils import iers

    iers.conf.auto_download = False
    iers.conf.auto_max_age = None
    # For years in which leap seconds are not decided yet: no reader can do anything about it
    warnings.filterwarnings("ignore", message=r".*dubious year")
    return Time


@functools.cache
def _leap_days() -> frozenset[date]:
    """Days that ended with a leap second."""
    import erfa  # the table that `Time` itself goes by

    table = erfa.leap_seconds.get()
    started = [date(int(row["year"]), int(row["month"]), 1) for row in table if row["year"] >= 1972]
    return frozenset(first - timedelta(days=1) for first in started[1:])  # at the first, UTC as it is began


def check_leap_second(text: str) -> None:
    """ValueError for a 60th second on a day that had none: it would quietly become the next day."""
    found = _SIXTIETH.search(text)
    if found is None:
        return
    day = date.fromisoformat(found["day"])
    if found["minute"] != "23:59" or day not in _leap_days():
        raise ValueError(f"no leap second is known at {found['day']}T{found['minute']}:60, so there is no second 60")


def offset_minutes(offset: str) -> int:
    """Of a time zone written `+02:00`, `-0330` or `+02`, eastwards; ValueError for one that no clock has."""
    found = _HOURS_MINUTES.fullmatch(offset.strip())
    hours, minutes = (int(found["hours"]), int(found["minutes"] or 0)) if found else (99, 0)
    if found is None or minutes > 59 or hours * 60 + minutes > _FARTHEST_MIN:
        raise ValueError(f"{offset.strip()} is no time zone; they lie within 14:00 of UTC, like +02:00")
    return (hours * 60 + minutes) * (1 if found["sign"] == "+" else -1)


def check_offset(text: str) -> None:
    """ValueError for a time with an offset that is no time zone's: a slip would quietly move it by hours."""
    if found := _OFFSET.search(text):
        offset_minutes(found["offset"])


def is_mjd(mjd: float | NDArray[Any]) -> Any:
    """Whether it is a Modified Julian Date of our time, scalar or array."""
    return (mjd > MJD_RANGE[0]) & (mjd < MJD_RANGE[1])


def is_julian_date(value: float) -> bool:
    """Whether a number is a Julian Date of our time, which people give for a Modified one."""
    return bool(is_mjd(value - _JD_MINUS_MJD))


def not_an_mjd(value: float) -> str:
    """What a number is that should be a Modified Julian Date of our time and is not, in words."""
    words = f"{value:.10g} is no Modified Julian Date of our time ({MJD_RANGE[0]:.0f} to {MJD_RANGE[1]:.0f})"
    if is_julian_date(value):
        return f"{words}; it looks like a Julian Date: subtract {_JD_MINUS_MJD}"
    return f"{words}; it looks like seconds" if abs(value) > 1e7 else words


def gps_from_utc(text: str) -> float:
    """GPS seconds of an ISO 8601 time; one without an offset is UTC. Raises ValueError when it is no time."""
    text = text.strip()
    check_leap_second(text)
    check_offset(text)
    if len(text) > 6 and text[-6] in "+-" and ":" in text[-6:]:
        moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
        text = moment.isoformat()
    text = text.removesuffix("Z").removesuffix(" UTC").replace(" ", "T")
    # `Time` keeps two doubles, so the fraction of a second survives
    return float(_time_class()(text, format="isot", scale="utc").gps)


def utc_from_gps(gps_s: float, digits: int = 6) -> str:
    """ISO 8601 in UTC with a trailing Z."""
    return str(_time_class()(gps_s, format="gps", scale="tai", precision=digits).utc.isot) + "Z"


def datetime_from_gps(gps_s: float) -> datetime:
    """Aware UTC datetime; a leap second itself becomes the second after it."""
    return datetime.fromisoformat(utc_from_gps(gps_s).replace(":60.", ":59.")[:-1]).replace(tzinfo=UTC)


def mjd_from_gps(gps_s: float | NDArray[Any]) -> Any:
    """Modified Julian Date (UTC, days) of GPS seconds, scalar or array."""
    return _time_class()(gps_s, format="gps", scale="tai").utc.mjd


def gps_from_mjd(mjd: float | NDArray[Any]) -> Any:
    """GPS seconds of a Modified Julian Date (UTC, days), scalar or array; ValueError for one not of our time."""
    values = np.atleast_1d(np.asarray(mjd, dtype=np.float64))
    if not np.all(good := is_mjd(values)):
        raise ValueError(not_an_mjd(float(values[~good][0])))
    return _time_class()(mjd, format="mjd", scale="utc").gps


def format_utc(moment: datetime) -> str:
    """An aware or naive (then UTC) datetime as ISO 8601 with microseconds and a trailing Z."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
