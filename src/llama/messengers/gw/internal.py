"""Messages of the stream internal to LIGO, Virgo and KAGRA (igwn-alert, once LVAlert): GraceDB tells its members.

A message is about one candidate: `uid`, what happened (`alert_type`: new, update, label_added, log), and the record
of what it is about, under `object` or `data`. Only superevents make events; candidates of single searches and
external triggers are archived.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from llama.engine.folder import Delivery
from llama.formats.bom import without_bom
from llama.formats.errors import NoticeError
from llama.messengers.gw import values
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.gracedb import from_superevent
from llama.messengers.gw.names import check_graceid

LVALERT_FILE, ADVOK_FILE = "lvalert.json", "advok.json"
_SUPEREVENT = re.compile(r"[MT]?S[0-9]+[A-Za-z]*")
_WRAPPED = 3


def internal_message(data: bytes) -> dict[str, Any] | None:
    """The message, out of the wrappings that senders put around it; None when it is none of this stream.

    hop wraps what is sent as text: the JSON is a string of JSON then, or the `content` of an object.
    """
    found: object = data
    for _ in range(_WRAPPED):
        if isinstance(found, bytes | str):
            try:
                found = msgspec.json.decode(without_bom(found) if isinstance(found, bytes) else found)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return None
        elif isinstance(found, dict) and set(found) == {"format", "content"}:
            found = found["content"]
    return found if isinstance(found, dict) and {"uid", "alert_type"} <= found.keys() else None


def record_of(message: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The superevent's record, where the message carries it."""
    for key in ("object", "data"):
        if isinstance(found := message.get(key), dict) and "superevent_id" in found:
            return found
    return None


def from_internal(data: bytes) -> Alert:
    """The superevent as the message describes it; NoticeError when it does not."""
    message = internal_message(data)
    record = None if message is None else record_of(message)
    if record is None:
        raise NoticeError("not a message of GraceDB to its members that describes a superevent")
    return replace(from_superevent(record), raw=data)


def deliver_internal(message: Mapping[str, Any], data: bytes) -> Delivery | None:
    """What the superevent's event gets of it: the newest description, and the advocates' word that it is good.

    The event has the superevent's own name: it stands for what is known to members, whatever alerts come of it.
    """
    graceid = message["uid"]
    if not isinstance(graceid, str) or not _SUPEREVENT.fullmatch(graceid):
        return None
    check_graceid(graceid)
    record = record_of(message)
    files: dict[str, bytes] = {}
    if record is not None:
        alert = from_superevent(record)
        if alert.graceid != graceid:
            raise NoticeError(f"a message about {graceid} with the record of {alert.graceid}")
        files[LVALERT_FILE], role = data, alert.role
    else:
        role = "observation" if graceid.startswith("S") else "test"
    if label := _label(message):
        files |= {ADVOK_FILE: data} if label == "ADVOK" else {}
    if not files:
        return None
    kind = values.text(message["alert_type"], "alert_type")
    why = " ".join(filter(None, ("internal:", kind, label)))
    return Delivery(graceid, files, why=why, role=role, internal=True)


def voevent_in(message: Mapping[str, Any]) -> bytes | None:
    """The VOEvent that a message is about; None when it is about anything else."""
    found = message.get("object") or message.get("data")
    text = found.get("text") if isinstance(found, dict) and "voevent_type" in found else None
    return text.encode() if isinstance(text, str) else None


def _label(message: Mapping[str, Any]) -> str:
    data = message.get("data")
    if message["alert_type"] != "label_added" or not isinstance(data, dict):
        return ""
    return values.text(data.get("name"), "data.name")
