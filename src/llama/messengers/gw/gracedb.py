"""A superevent's record in GraceDB, in the words of today's JSON notices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama.formats.errors import NoticeError
from llama.messengers.gw import values
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.names import Role, check_graceid, role_of
from llama.science.times import utc_from_gps


def from_superevent(record: Mapping[str, Any], classification: Mapping[str, Any] | None = None) -> Alert:
    """The record as an alert of no type; NoticeError names the field that is wrong.

    Args:
        record: of a superevent, or of an event before there were superevents (2018).
        classification: the contents of its `p_astro.json`, if it has one.
    """
    graceid = check_graceid(record.get("superevent_id", record.get("graceid")))
    preferred = values.mapping(record.get("preferred_event_data", record), "preferred_event_data")
    page = values.text(values.mapping(record.get("links"), "links").get("self"), "links.self")
    return Alert(
        raw=b"",
        graceid=graceid,
        serial=None,
        alert_type="",
        role=_role(record, graceid, preferred, page),
        time_created=values.utc(record.get("created"), "created"),
        event=_event(record, preferred, classification or {}),
        urls={"gracedb": page},
    )


def has_classification(record: Mapping[str, Any]) -> bool:
    """Whether GraceDB says that the source classes have been worked out."""
    labels = record.get("labels")
    return isinstance(labels, list) and "PASTRO_READY" in labels


def _role(record: Mapping[str, Any], graceid: str, preferred: Mapping[str, Any], page: str) -> Role:
    if record.get("category") in ("MDC", "Test"):
        return "test"
    return role_of(graceid, preferred.get("search"), page)


def _event(
    record: Mapping[str, Any], preferred: Mapping[str, Any], classification: Mapping[str, Any]
) -> Mapping[str, Any]:
    gps_time = values.number(record.get("t_0", record.get("gpstime")), "t_0", low=0.0, high=4e9)
    if gps_time is None:
        raise NoticeError("GraceDB's record has no t_0, the time of the event")
    return {
        "time": utc_from_gps(gps_time),
        "far": record.get("far", preferred.get("far")),
        "snr": _snr(preferred),
        "instruments": preferred.get("instruments"),
        "group": preferred.get("group"),
        "pipeline": preferred.get("pipeline"),
        "search": preferred.get("search"),
        "preferred_event": record.get("preferred_event"),
        "classification": classification,
        "extra_attributes": preferred.get("extra_attributes"),
    }


def _snr(preferred: Mapping[str, Any]) -> object:
    """The network SNR, which each kind of search keeps under its own name."""
    tables = values.mapping(preferred.get("extra_attributes"), "extra_attributes")
    for name in ("CoincInspiral", "MultiBurst", "MLyBurst"):
        if isinstance(table := tables.get(name), dict) and table.get("snr") is not None:
            return table["snr"]
    return None
