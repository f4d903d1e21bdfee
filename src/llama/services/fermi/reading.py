"""Reading the files of an archive of notices: what they tell, when they were written, and which cannot be read.

A file that cannot be read, also a link that leads nowhere, is never the end of a query: it is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import msgspec

from llama.formats.bom import without_bom
from llama.formats.errors import FormatError, NotForUs
from llama.formats.notice_json import MAX_JSON_BYTES
from llama.formats.packed import Kept, read_ends, read_kept
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.ports import Burst, Retraction
from llama.science.times import gps_from_utc
from llama.services.fermi.latest import days_of

Parse = Callable[[bytes], Burst | Retraction]

_WRITTEN = ("alert_datetime", "time_created")
_END_BYTES = 1 << 16


@dataclass(frozen=True)
class Reading:
    """What files tell.

    Attributes:
        heard: when notices of any kind were written, GPS seconds.
        notices: bursts, and what takes them back.
        unreadable: names of files that may matter and cannot be read, each with the reason.
    """

    heard: list[float] = field(default_factory=list)
    notices: list[Burst | Retraction] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)

    def add(self, path: Kept, parse: Parse, start_gps: float) -> None:
        """Read one file. What was written before `start_gps` is not about a burst since, so it may be unreadable."""
        try:
            data = read_kept(path, MAX_JSON_BYTES, "a notice")
        except (FormatError, OSError) as error:
            self.unreadable.append(_named(path, error))
            return
        if (moment := written_gps(data)) is not None:
            self.heard.append(moment)
        try:
            self.notices.append(parse(data))
        except NotForUs:
            return
        except FormatError as error:
            if moment is None or moment >= start_gps:
                self.unreadable.append(_named(path, error))


def read(paths: Iterable[Kept], parse: Parse, start_gps: float) -> Reading:
    """All that these files tell."""
    found = Reading()
    for path in paths:
        found.add(path, parse, start_gps)
    return found


def read_about(bursts: Iterable[Burst], paths: Iterable[Kept], parse: Parse, start_gps: float) -> Reading:
    """What these files tell about some bursts: only those are parsed in which a burst's name, or its day's, occurs.

    Of a large file the first and the last 64 KiB are looked at, between which others carry their maps.
    """
    found = Reading()
    names = _digits(bursts)
    for path in paths:
        try:
            ends = read_ends(path, _END_BYTES, MAX_JSON_BYTES, "a notice")
        except (FormatError, OSError) as error:
            found.unreadable.append(_named(path, error))
            continue
        if any(name in ends for name in names):
            found.add(path, parse, start_gps)
    return found


def _digits(bursts: Iterable[Burst]) -> set[bytes]:
    """Without one of which nothing names a burst: its number, and its day, with which its other names begin."""
    return {one.encode() for burst in bursts for one in (burst.trigger_id, *days_of(burst))}


def _named(path: Kept, error: Exception) -> str:
    return f"{path.name} ({(isinstance(error, OSError) and error.strerror) or error})"


def written_gps(data: bytes) -> float | None:
    """When a notice of whatever kind was written, GPS seconds; None when it does not say."""
    try:
        if is_xml(data):
            text: object = parse_voevent(data).date
        else:
            notice = msgspec.json.decode(without_bom(data), type=dict[str, object])
            text = next((notice[key] for key in _WRITTEN if key in notice), None)
        return None if text is None else gps_from_utc(str(text))
    except (ValueError, msgspec.DecodeError):
        return None
