"""UTC, GPS seconds and Modified Julian Date, exact over leap seconds.

Everything else in the project carries GPS seconds (float64, good to 0.1 µs now) or aware UTC datetimes.
"""

from __future__ import annotations

import functools
import warnings
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

SECONDS_PER_DAY = 86400.0


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


def gps_from_utc(text: str) -> float:
    """GPS seconds of an ISO 8601 time; one without an offset is UTC. Raises ValueError when it is no time."""
    text = text.strip()
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
    """GPS seconds of a Modified Julian Date (UTC, days), scalar or array."""
    return _time_class()(mjd, format="mjd", scale="utc").gps


def format_utc(moment: datetime) -> str:
    """An aware or naive (then UTC) datetime as ISO 8601 with microseconds and a trailing Z."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
