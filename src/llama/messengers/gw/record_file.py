"""`skymap_info.json` as people and other programs write it, too: what the rest follows from is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
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
_MAY_BE_NULL = {"far", "significant", "skymap_filename"}
_FOLLOWING = {one.name for one in fields(SkymapInfo)} - _MAY_BE_NULL - {*_NEEDED}


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
        if given is None:
            return super().decode(data)  # whose error says what is wrong
        try:
            return super().decode(msgspec.json.encode(self.completed(given)))
        except RecordError:
            raise
        except ValueError as error:
            raise RecordError(str(error)) from error

    def completed(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """With what follows from the fields that are there, null ones too. ValueError for a time that is none."""
        if all(record.get(key) is not None for key in _FOLLOWING) and record.keys() >= _MAY_BE_NULL:
            return record  # as we write it
        if any(not isinstance(record.get(key), str) or not record[key] for key in _NEEDED):
            return record
        event_time = values.utc(record["event_time"], "event_time")
        follows = _follows(record, event_time)
        return {
            **follows,
            **{key: value for key, value in record.items() if value is not None},
            "event_time": event_time,
        }


def _object(data: bytes) -> Mapping[str, Any] | None:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, dict) else None


def _follows(given: Mapping[str, Any], event_time: str) -> dict[str, Any]:
    """All fields but the two that are needed, from what is there."""
    pipeline, url = given.get("pipeline"), given.get("gracedb_service_url")
    of_merger = isinstance(pipeline, str) and pipeline.lower().startswith(_OF_MERGERS)
    address = url if isinstance(url, str) else None
    return {
        "event_id": given["graceid"],
        "gps_time": gps_from_utc(event_time),
        "notice_time": event_time,
        "far": None,
        "pipeline": "",
        "group": "CBC" if of_merger else "",
        "search": "",
        "instruments": (),
        "alert_type": "",
        "significant": None,
        "skymap_filename": None,
        "gracedb_service_url": service_url(address),
        "role": role_of(given["graceid"], given.get("search"), address),
    }
