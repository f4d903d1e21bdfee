"""What a message is, before anything is made of it: for listeners and for the command line."""

from __future__ import annotations

from dataclasses import replace

from llama.engine.folder import Delivery
from llama.formats.avro import as_json, is_avro
from llama.formats.errors import NotForUs, NoticeError
from llama.formats.notice_json import is_json
from llama.formats.xmlsafe import is_xml
from llama.messengers import Message
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.igwn import from_json
from llama.messengers.gw.internal import deliver_internal, internal_message, voevent_in
from llama.messengers.gw.names import role_of
from llama.messengers.gw.voevents import from_voevent

TOPICS = (
    "igwn.gwalert",
    "gracedb.*",
    "gracedb-*.*",
    *(
        f"gcn.classic.voevent.LVC_{kind}"
        for kind in ("COUNTERPART", "EARLY_WARNING", "INITIAL", "PRELIMINARY", "RETRACTION", "UPDATE")
    ),
)
"""Of GCN, by the list of its topics (https://gcn.nasa.gov/notices); on SCiMMA it is `igwn.gwalert` too,
and `SERVER.*` is what GraceDB tells its members."""


def plain(data: bytes) -> bytes:
    """A notice as an event keeps it: that in Avro as JSON, all others as they were received."""
    return as_json(data) if is_avro(data) else data


def read_alert(data: bytes) -> Alert:
    """An alert out of JSON, Avro or XML."""
    data = plain(data)
    if is_xml(data):
        return from_voevent(data)
    if is_json(data):
        return from_json(data)
    raise NoticeError("neither JSON, Avro nor XML, so not a notice")


def parse(data: bytes) -> Delivery:
    """Read a message of any broker. NotForUs for other observatories', NoticeError for what is no notice.

    Brokers agree on when an alert was written, not on its bytes, so that and its kind tell it from others. A test
    retraction is delivered like any other; the events it is about know that it takes no observation back.
    """
    alert = read_alert(data)
    filename = _filename(alert)
    return Delivery(
        event_id=alert.graceid,
        files={filename: alert.raw},
        why=f"{filename} of {alert.time_created}",
        kind=alert.alert_type,
        serial=alert.serial,
        identity=_identity(alert),
        takes_back=alert.is_retraction,
        role=alert.role,
    )


def read(message: Message) -> Delivery | None:
    """The alert in a message; None when it is another observatory's. NoticeError for what is no notice."""
    if (internal := internal_message(message.data)) is not None:
        if (packet := voevent_in(internal)) is not None:
            found: Delivery | None = replace(parse(packet), internal=True)
        else:
            found = deliver_internal(internal, message.data)
        # GraceDB's servers for tests have superevents of the same names, and not every message says whose it is
        return replace(found, role="test") if found and message.topic.startswith("gracedb-") else found
    try:
        return parse(message.data)
    except NotForUs:
        return None


def _identity(alert: Alert) -> str:
    """What tells it from others of its superevent; a test about a real one is never taken for the alert itself."""
    posing = alert.role == "test" and alert.role != role_of(alert.graceid)
    return f"{alert.alert_type} {alert.time_created}{' test' * posing}"


def _filename(alert: Alert) -> str:
    if alert.is_retraction:
        return "lvc_gcn_retraction.xml" if is_xml(alert.raw) else "igwn_retraction.json"
    return "lvc_gcn.xml" if is_xml(alert.raw) else "igwn_alert.json"
