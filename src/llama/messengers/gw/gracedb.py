"""A superevent's record in GraceDB, in the words of today's JSON notices, and which of its files are which."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from llama.formats.errors import NoticeError
from llama.messengers.gw import values
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.names import Role, check_graceid, role_of
from llama.ports import StoredFile
from llama.science.times import utc_from_gps

_SKYMAP = re.compile(r"(?P<stem>.+?)(?P<multi>\.multiorder)?\.fits(?:\.gz)?", re.IGNORECASE)
_NOT_ALONE = re.compile(r"combined|external|overlap", re.IGNORECASE)
"""Maps of a burst, or of a merger and a burst together, which RAVEN files beside the merger's own."""
_SKY = "sky_loc"
TAKEN_BACK = frozenset({"ADVNO", "RETRACTED"})
"""Labels of what advocates found to be none."""
_SIGNIFICANT, _NOT_SIGNIFICANT = "SIGNIF_LOCKED", "LOW_SIGNIF_LOCKED"
"""Labels, since 2023, of which an alert's `significant` is made. One that became significant has both."""


def from_superevent(
    record: Mapping[str, Any], classification: Mapping[str, Any] | None = None, skymap: str | None = None
) -> Alert:
    """The record as an alert of no type; NoticeError names the field that is wrong.

    Args:
        record: of a superevent, or of an event before there were superevents (2018).
        classification: the contents of its `p_astro.json`, if it has one.
        skymap: the name of its map in GraceDB, with the version.
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
        urls={"gracedb": page} | ({"skymap": f"{page.rstrip('/')}/files/{skymap}"} if skymap else {}),
    )


def taken_back_label(record: Mapping[str, Any]) -> str:
    """What a reader must know of one that GraceDB marks as taken back; empty when it does not."""
    labels = record.get("labels")
    found = sorted(TAKEN_BACK.intersection(map(str, labels))) if isinstance(labels, list) else []
    if not found:
        return ""
    return (
        f"GraceDB labels it {', '.join(found)}: it was taken back, and results will not say so; the retraction "
        "notice makes them say it"
    )


def newest_skymap(files: Sequence[StoredFile]) -> StoredFile | None:
    """The map that was stored last; None when there is none.

    Of each program's map the multi-order form counts, not the flat one that is made of it later. What is filed
    under the sky goes before what only has the name of a map.
    """
    named = [
        (one, found) for one in files if (found := _SKYMAP.fullmatch(one.name)) and not _NOT_ALONE.search(one.name)
    ]
    maps = [pair for pair in named if _SKY in pair[0].tags] or named
    multi = {found["stem"] for _, found in maps if found["multi"]}
    return _last([one for one, found in maps if found["multi"] or found["stem"] not in multi])


def newest_of(files: Sequence[StoredFile], name: str) -> StoredFile | None:
    """The last version of a file."""
    return _last([one for one in files if one.name == name])


def classification_file(files: Sequence[StoredFile], record: Mapping[str, Any]) -> StoredFile | None:
    """Where the source classes stand: in a file of the superevent's own, or in that of its pipeline."""
    preferred = values.mapping(record.get("preferred_event_data", record), "preferred_event_data")
    pipeline = str(preferred.get("pipeline") or "").lower()
    found = newest_of(files, "p_astro.json")
    return found or _last([one for one in files if one.name.lower() == f"{pipeline}.p_astro.json"])


def _last(files: Sequence[StoredFile]) -> StoredFile | None:
    return max(files, key=lambda one: (one.created, one.version), default=None)


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
        "significant": _significant(record),
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


def _significant(record: Mapping[str, Any]) -> bool | None:
    """Which threshold for public alerts it passed; None before one was, and before there were two."""
    labels = record.get("labels")
    if not isinstance(labels, list):
        return None
    return True if _SIGNIFICANT in labels else False if _NOT_SIGNIFICANT in labels else None


def _snr(preferred: Mapping[str, Any]) -> object:
    """The network SNR, which each kind of search keeps under its own name."""
    tables = values.mapping(preferred.get("extra_attributes"), "extra_attributes")
    for name in ("CoincInspiral", "MultiBurst", "MLyBurst"):
        if isinstance(table := tables.get(name), dict) and table.get("snr") is not None:
            return table["snr"]
    return None
