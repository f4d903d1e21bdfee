"""`skymap_info.json` as people and other programs write it, too: what the rest follows from is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from llama.formats import values
from llama.formats.errors import RecordError
from llama.formats.records import Record
from llama.messengers.gw.names import role_of, service_url
from llama.messengers.gw.record import SkymapInfo
from llama.science.times import gps_from_utc

_OF_MERGERS = ("gstlal", "mbta", "pycbc", "spiir")
_NEEDED = ("graceid", "event_time")


class SkymapInfoFile(Record[SkymapInfo]):
    """The record as a JSON object. Of one that somebody else wrote `graceid` and `event_time` are enough: the time in
    GPS seconds, the GraceDB, the role and, by the pipeline that found it, the group follow from what is there, and
    what else is missing is as an alert has it that does not give it.
    """

    def __init__(self) -> None:
        super().__init__(SkymapInfo)

    def decode(self, data: bytes) -> SkymapInfo:
        try:
            return super().decode(data)
        except RecordError:
            given = _object(data)
        if given is None or not all(isinstance(given.get(key), str) and given[key] for key in _NEEDED):
            return super().decode(data)  # whose error says what is wrong
        try:
            return super().decode(msgspec.json.encode(_completed(given)))
        except ValueError as error:
            raise RecordError(str(error)) from error


def _object(data: bytes) -> Mapping[str, Any] | None:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _completed(given: Mapping[str, Any]) -> dict[str, Any]:
    """With what follows from the fields that are there. ValueError for a time that is none."""
    graceid, pipeline = given["graceid"], str(given.get("pipeline") or "")
    event_time = values.utc(given["event_time"], "event_time")
    url = given.get("gracedb_service_url")
    return {
        "event_id": graceid,
        "gps_time": gps_from_utc(event_time),
        "notice_time": event_time,
        "far": None,
        "pipeline": "",
        "group": "CBC" if pipeline.lower().startswith(_OF_MERGERS) else "",
        "search": "",
        "instruments": (),
        "alert_type": "",
        "significant": None,
        "skymap_filename": None,
        "gracedb_service_url": service_url(url),
        "role": role_of(graceid, given.get("search"), url),
        **given,
        "event_time": event_time,
    }
