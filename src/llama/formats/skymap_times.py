"""Times in the header of a sky map: what each keyword means, and how much of a time its value says.

A time is an interval here: a date is its day, 58709.88 is the 14 minutes that its digits leave open. A value that can
be read in two ways, or in none, is no time but a remark.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from llama.science.times import SECONDS_PER_DAY, check_leap_second, gps_from_mjd, gps_from_utc, is_mjd, not_an_mjd

_DATES = ("DATE-OBS", "DATE_OBS", "DATEOBS", "DATE-BEG", "DATE_BEG", "DATE-AVG", "DATE-EVT", "TRIGDATE")
_MJDS = ("MJD-OBS", "MJD_OBS", "MJDOBS", "MJD-BEG", "MJD-AVG", "MJD", "EVENTMJD", "TRIGMJD")
_GPS = ("GPSTIME", "GPS-TIME", "GPS_TIME", "GPS-OBS", "GPS_OBS", "GPS", "EVENTGPS", "TRIGGPS")
_SECONDS = ("TRIGTIME", "START", "EVTTIME", "EVENTIME", "EVNTTIME", "T0")
"""Of space observatories in seconds since their own beginning (MJDREF); of others a date."""
_BEGINNING = ("MJDREF", "MJDREFI", "MJDREFF", "TIMESYS", "TIMEUNIT")
TIME_KEYS = (*_DATES, *_MJDS, *_GPS, *_SECONDS, *_BEGINNING)
"""Keywords that say when what the map is of was, or that this cannot be read without."""

_ISO = re.compile(
    r"(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](?P<minute>[0-9]{2}:[0-9]{2})(?P<second>:[0-9]{2}(?:\.[0-9]*)?)?)?"
    r"[T ]?(?:Z|UTC)?(?P<offset>[+-][0-9]{2}:[0-9]{2})?"
)
_BASIC = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})(?:T([0-9]{2})([0-9]{2})([0-9]{2}(?:\.[0-9]*)?))?(Z?)")
_GPS_RANGE = (1e8, 4e9)  # years 1983 to 2106
_GPS_EPOCH_MJD = 44244
_AHEAD_OF_GPS_S = {"TT": 51.184, "TAI": 19.0}
_UNIT_S = {"s": 1.0, "sec": 1.0, "d": SECONDS_PER_DAY, "day": SECONDS_PER_DAY}


@dataclass(frozen=True, slots=True)
class HeaderTime:
    """What one keyword says: a time from `first_gps` to `last_gps` (GPS seconds), and whether it is a day only."""

    key: str
    said: str
    first_gps: float
    last_gps: float
    is_day: bool = False

    def away_s(self, gps_time: float) -> float:
        """How far a time (GPS seconds) is from what is said, in seconds; 0 within it."""
        return max(self.first_gps - gps_time, gps_time - self.last_gps, 0.0)


def header_times(origin: Mapping[str, str]) -> tuple[list[HeaderTime], list[str]]:
    """The times that are said, and a remark for each that cannot be read, in the order of TIME_KEYS."""
    times, remarks = [], []
    for key, read in _readers():
        if key in origin:
            try:
                times.append(read(key, origin[key], origin))
            except ValueError as error:
                remarks.append(f"{key} = {origin[key]!r} is not read as a time: {error}")
    return times, remarks


_Reader = Callable[[str, str, Mapping[str, str]], HeaderTime]


def _readers() -> Iterator[tuple[str, _Reader]]:
    for keys, read in ((_DATES, _date), (_MJDS, _mjd), (_GPS, _gps), (_SECONDS, _seconds)):
        yield from ((key, read) for key in keys)


def _date(key: str, said: str, _: Mapping[str, str]) -> HeaderTime:
    """ISO 8601, with or without dashes. Days before months, and years of two digits, can be read in two ways."""
    text = said
    if basic := _BASIC.fullmatch(said):
        year, month, day, hour, minute, second, zone = basic.groups()
        text = f"{year}-{month}-{day}" + (f"T{hour}:{minute}:{second}{zone}" if hour else "")
    if not (found := _ISO.fullmatch(text)):
        raise ValueError("write it as 2019-08-14T21:10:39.01")
    if found["minute"] is None:
        first = _gps_from_utc(f"{found['day']}T00:00:00")
        return HeaderTime(key, said, first, first + SECONDS_PER_DAY, is_day=True)
    first = _gps_from_utc(f"{found['day']}T{found['minute']}{found['second'] or ':00'}{found['offset'] or ''}")
    return HeaderTime(key, said, first, first + (0.0 if found["second"] else 60.0))


def _gps_from_utc(text: str) -> float:
    check_leap_second(text)
    try:
        return gps_from_utc(text)
    except ValueError as error:
        raise ValueError("the calendar or the clock has no such time") from error


def _mjd(key: str, said: str, origin: Mapping[str, str]) -> HeaderTime:
    """A whole number is a day; digits that are left away leave the time open."""
    if _ISO.fullmatch(said):
        return _date(key, said, origin)
    value = _decimal(said)
    if not is_mjd(float(value)):
        raise ValueError(not_an_mjd(float(value)))
    if value == value.to_integral_value():
        first = float(gps_from_mjd(float(value)))
        return HeaderTime(key, said, first, first + SECONDS_PER_DAY, is_day=True)
    open_s = SECONDS_PER_DAY * 10.0 ** int(value.as_tuple().exponent) / 2
    at = float(gps_from_mjd(float(value)))
    return HeaderTime(key, said, at - open_s, at + open_s)


def _gps(key: str, said: str, origin: Mapping[str, str]) -> HeaderTime:
    if _ISO.fullmatch(said):
        return _date(key, said, origin)
    at = float(_decimal(said))
    if not _GPS_RANGE[0] < at < _GPS_RANGE[1]:
        raise ValueError(f"GPS seconds of our time are {_GPS_RANGE[0]:.0e} to {_GPS_RANGE[1]:.0e}")
    return HeaderTime(key, said, at, at)


def _seconds(key: str, said: str, origin: Mapping[str, str]) -> HeaderTime:
    """A date, or seconds since the beginning that the header names (FITS 4.0, section 9.2.2)."""
    if not _is_number(said):
        return _date(key, said, origin)
    system, unit = origin.get("TIMESYS", "UTC").upper(), origin.get("TIMEUNIT", "s").lower()
    parts = ("MJDREF",) if "MJDREF" in origin else ("MJDREFI", "MJDREFF")
    if parts[0] not in origin:
        raise ValueError("since when it counts is not known (MJDREF)")
    if system not in {"UTC", *_AHEAD_OF_GPS_S} or unit not in _UNIT_S:
        raise ValueError(f"TIMESYS {system} in {unit} is not known here")
    reference = float(sum(_decimal(origin.get(part, "0")) for part in parts))
    ahead = _AHEAD_OF_GPS_S.get(system)
    since = gps_from_mjd(reference) if ahead is None else (reference - _GPS_EPOCH_MJD) * SECONDS_PER_DAY - ahead
    at = float(since) + float(_decimal(said)) * _UNIT_S[unit]
    return HeaderTime(key, said, at, at)


def _decimal(said: str) -> Decimal:
    try:
        value = Decimal(said)
    except InvalidOperation as error:
        raise ValueError("it is no number") from error
    if not value.is_finite():
        raise ValueError("it is no number")
    return value


def _is_number(said: str) -> bool:
    return not _BASIC.fullmatch(said) and re.fullmatch(r"[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?", said) is not None
