"""What the retraction notices of an event say of it."""

from __future__ import annotations

from pathlib import Path

from llama.engine.errors import DecodeError
from llama.engine.graph import Product, Step
from llama.formats.errors import FormatError
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.products import IGWN_RETRACTION, LVC_RETRACTION, SKYMAP_INFO

RETRACTIONS = (IGWN_RETRACTION, LVC_RETRACTION)
"""Optional inputs of every result, so that all that is made from it is made again when a retraction comes."""


def retracted(step: Step, graceid: str, role: str) -> str | None:
    """When the event was taken back (UTC, ISO 8601 with Z); None when it stands.

    `graceid` and `role` are its own, as in its `SkymapInfo`. For a step that declares RETRACTIONS. A notice that
    cannot be read, is about another event or is no retraction takes nothing back; `llama event` shows what it is.
    """
    times = []
    for product in RETRACTIONS:
        try:
            alert = step.get(product)
        except DecodeError:
            continue
        if alert is not None and not _objection(product, alert, graceid, role):
            times.append(alert.time_created)
    return min(times, default=None)


def retractions(event: Path) -> list[str]:
    """One line for each retraction notice in the event's folder, received or put there by hand.

    It says whether this event is taken back: a notice may be about another one, or no retraction, or unreadable.
    """
    found = [product for product in RETRACTIONS if (event / product.filename).is_file()]
    return [_line(product, event, *_identity(event)) for product in found]


def _line(product: Product[Alert], event: Path, graceid: str, role: str) -> str:
    try:
        alert = product.codec.read(event / product.filename)
    except FormatError as error:
        return f"{product.filename} cannot be read: {error}"
    return _objection(product, alert, graceid, role) or (
        f"RETRACTED: {product.filename} of {alert.time_created} takes {graceid} back"
    )


def _objection(product: Product[Alert], alert: Alert, graceid: str, role: str) -> str:
    """Why the notice does not take this event back; empty when it does."""
    if not alert.is_retraction:
        return f"{product.filename} is no retraction, but the {alert.alert_type} alert of {alert.graceid}"
    if alert.graceid != graceid:
        return f"{product.filename} takes back {alert.graceid}, not this event ({graceid})"
    if alert.role == "test" and role != "test":
        return f"{product.filename} is a test, which takes back no observation"
    return ""


def _identity(event: Path) -> tuple[str, str]:
    """The event's name in GraceDB and its role: as its alert said, else the first part of its id
    (`GRACEID-SERIAL-TYPE`) and no role."""
    try:
        info = SKYMAP_INFO.codec.read(event / SKYMAP_INFO.filename)
    except (OSError, FormatError):
        return event.name.partition("-")[0], "test"
    return info.graceid, info.role
