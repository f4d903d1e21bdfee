"""What the retraction notices in an event's folder say of it."""

from __future__ import annotations

from pathlib import Path

from llama.engine.product import Product
from llama.formats.errors import FormatError
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.products import IGWN_RETRACTION, LVC_RETRACTION, SKYMAP_INFO


def retractions(event: Path) -> list[str]:
    """One line for each retraction notice in the event's folder, received or put there by hand.

    It says whether this event is taken back: a notice may be about another one, or no retraction, or unreadable.
    """
    found = [product for product in (IGWN_RETRACTION, LVC_RETRACTION) if (event / product.filename).is_file()]
    return [_line(product, event, _graceid(event)) for product in found]


def _line(product: Product[Alert], event: Path, graceid: str) -> str:
    try:
        alert = product.codec.read(event / product.filename)
    except FormatError as error:
        return f"{product.filename} cannot be read: {error}"
    if not alert.is_retraction:
        return f"{product.filename} is no retraction, but the {alert.alert_type} alert of {alert.graceid}"
    if alert.graceid != graceid:
        return f"{product.filename} takes back {alert.graceid}, not this event ({graceid})"
    return f"RETRACTED: {product.filename} of {alert.time_created} takes {graceid} back"


def _graceid(event: Path) -> str:
    """The event's name in GraceDB: as its alert said, else the first part of its id (`GRACEID-SERIAL-TYPE`)."""
    try:
        return SKYMAP_INFO.codec.read(event / SKYMAP_INFO.filename).graceid
    except (OSError, FormatError):
        return event.name.partition("-")[0]
