"""What a message is, before anything is made of it: the door for listeners and for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llama.formats.errors import NoticeError
from llama.formats.notice_json import is_json
from llama.formats.xmlsafe import is_xml
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.igwn import from_json
from llama.messengers.gw.names import Role, event_id
from llama.messengers.gw.voevents import from_voevent


@dataclass(frozen=True, slots=True)
class Parsed:
    """A notice's identity and the file it becomes.

    Attributes:
        graceid: superevent or event, safe as a folder's name.
        serial: its number among the superevent's notices; None in JSON notices, which carry none: whoever keeps
            the run counts them (FILES.md).
        alert_type: Preliminary, Initial, Update, EarlyWarning, Retraction.
        role: `test` for mock, test and injected events. A test retraction must not touch a real event: compare
            this with the event's own role before a veto.
        time_created: when it was written, ISO 8601 UTC with Z.
        files: what the event folder receives, by file name.
        is_retraction: the superevent's events are to be vetoed, and no event is to be made.
    """

    graceid: str
    serial: int | None
    alert_type: str
    role: Role
    time_created: str
    files: Mapping[str, bytes] = field(repr=False)
    is_retraction: bool

    def event_id(self, serial: int | None = None) -> str:
        """The event's id, with the notice's own serial number or, if it has none, the given one."""
        known = self.serial if self.serial is not None else serial
        if known is None:
            raise ValueError(f"a JSON notice of {self.graceid} carries no serial number: count it first")
        return event_id(self.graceid, known, self.alert_type)


def read_alert(data: bytes) -> Alert:
    """An alert out of JSON or XML."""
    if is_xml(data):
        return from_voevent(data)
    if is_json(data):
        return from_json(data)
    raise NoticeError("neither JSON nor XML, so not a notice")


def parse(data: bytes) -> Parsed:
    """Read a message of any broker. NotForUs for other observatories', NoticeError for what is no notice."""
    alert = read_alert(data)
    return Parsed(
        graceid=alert.graceid,
        serial=alert.serial,
        alert_type=alert.alert_type,
        role=alert.role,
        time_created=alert.time_created,
        files={_filename(alert): data},
        is_retraction=alert.is_retraction,
    )


def _filename(alert: Alert) -> str:
    if alert.is_retraction:
        return "lvc_gcn_retraction.xml" if is_xml(alert.raw) else "igwn_retraction.json"
    return "lvc_gcn.xml" if is_xml(alert.raw) else "igwn_alert.json"
