"""When a notice says that it was written, whosever it is."""

from __future__ import annotations

from datetime import datetime

import msgspec

from llama.formats.avro import avro_record, is_avro
from llama.formats.bom import without_bom
from llama.formats.errors import FormatError
from llama.formats.values import utc
from llama.formats.voevent import parse_voevent
from llama.formats.xmlsafe import is_xml


class _Times(msgspec.Struct):
    """Of LIGO, Virgo and KAGRA; of GCN's schemas; and when it happened, which is better than nothing."""

    time_created: object = None
    alert_datetime: object = None
    trigger_time: object = None


def written(data: bytes) -> datetime | None:
    """In UTC; None when it does not say, or cannot be read."""
    try:
        stated = next((one for one in _stated(data) if isinstance(one, str) and one), None)
        return None if stated is None else datetime.fromisoformat(utc(stated, "time"))
    except (FormatError, ValueError):
        return None


def _stated(data: bytes) -> tuple[object, ...]:
    if is_xml(data):
        return (parse_voevent(data).date,)
    if is_avro(data):
        record = avro_record(data)
        return (record.get("time_created"), record.get("alert_datetime"))
    try:
        found = msgspec.json.decode(without_bom(data), type=_Times)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return (found.time_created, found.alert_datetime, found.trigger_time)
