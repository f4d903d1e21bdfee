"""Which events a notice of a burst is news for: those that asked for bursts of the time it is about.

A retraction need not say when its burst was, but its names do: numbers of GBM and GUANO are seconds since 2001, GBM's
names and those of the community begin with the day. In doubt it is about more than it need be: who asks again in vain
gets the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial

import msgspec

from llama.formats.errors import NotForUs, RecordError
from llama.messengers import Follower, Message, Subject
from llama.ports import Burst, Retraction, Stretch
from llama.science.times import gps_from_utc

Parse = Callable[[bytes], Burst | Retraction]

_MISSION_START_GPS = gps_from_utc("2001-01-01T00:00:00")
_NUMBER = re.compile(r"[0-9]{9}")
_OF_A_DAY = re.compile(r"(bn|grb)(?P<day>[0-9]{6})(?P<thousandths>[0-9]{3})?")
_AROUND_S = 10.0  # GBM does not trigger again for some 600 s; others round the time
_THOUSANDTH_S = 86.4


class _Burst(msgspec.Struct):
    trigger_id: str
    name: str = ""


class _Asked(msgspec.Struct):
    """What of a burst list says for which time it asked, and which bursts it has."""

    start_gps: float
    stop_gps: float
    bursts: tuple[_Burst, ...] = ()


def asked(data: bytes) -> Subject:
    """The window of a burst list, and the names of its bursts."""
    try:
        found = msgspec.json.decode(data, type=_Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RecordError(f"no burst list: {error}") from None
    return Subject(
        (Stretch(found.start_gps, found.stop_gps),), _names(*((one.trigger_id, one.name) for one in found.bursts))
    )


def about(message: Message, parse: Parse) -> Subject | None:
    """When the burst of a notice was, and its names; None for tests and for what is none of the detector's."""
    try:
        notice = parse(message.data)
    except NotForUs:
        return None
    if notice.role != "observation":
        return None
    if isinstance(notice, Retraction):
        return Subject(_times(notice), _names(notice.names))
    return Subject((_around(notice.gps, 0.0),), _names((notice.trigger_id, notice.name)))


def follower(filename: str, parse: Parse) -> Follower:
    """For the product whose file is a burst list of the notices that `parse` reads."""
    return Follower(filename, asked, partial(about, parse=parse))


def _times(retraction: Retraction) -> tuple[Stretch, ...]:
    """When what it takes back may have been: its own time, and what its names say."""
    stated = () if retraction.gps is None else (_around(retraction.gps, _AROUND_S),)
    named = (_named(name) for name in retraction.names)
    return (*stated, *(one for one in named if one is not None))


def _names(*given: Iterable[str]) -> frozenset[str]:
    return frozenset(plain for names in given for name in names if (plain := _plain(name)))


def _plain(name: str) -> str:
    """`GRB240812094`, `GRB 240812.094` and `BN240812094` are `bn240812094`."""
    letters = "".join(character for character in name.lower() if character.isalnum())
    return re.sub(r"^grb(?=[0-9]{9}$)", "bn", letters)


def _named(name: str) -> Stretch | None:
    plain = _plain(name)
    if _NUMBER.fullmatch(plain):
        return _around(_MISSION_START_GPS + int(plain), _AROUND_S)
    if (found := _OF_A_DAY.match(plain)) is None:
        return None
    try:
        day = datetime.strptime(found["day"], "%y%m%d").replace(tzinfo=UTC)
    except ValueError:
        return None
    if found["thousandths"] is None:
        return _between(day, day + timedelta(days=1))
    moment = day + timedelta(seconds=_THOUSANDTH_S * int(found["thousandths"]))
    return _between(moment - timedelta(seconds=_THOUSANDTH_S), moment + timedelta(seconds=2 * _THOUSANDTH_S))


def _between(first: datetime, last: datetime) -> Stretch:
    return Stretch(*(gps_from_utc(one.isoformat()) for one in (first, last)))


def _around(gps: float, width_s: float) -> Stretch:
    return Stretch(gps - width_s, gps + width_s)
