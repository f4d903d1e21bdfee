"""GBM's JSON notices (gcn.notices.fermi.gbm), by the GCN schema `fermi/gbm/trigger`."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NotForUs, NoticeError, SkyMapError
from llama.formats.localization import Localization, read_localization
from llama.formats.notice_json import notice_object, plain_names
from llama.formats.skymap import read_skymap
from llama.formats.values import mapping, probability, shown, text, utc
from llama.messengers import burst_fields as read
from llama.messengers.fermi import fields
from llama.ports import Burst, BurstMap, Retraction
from llama.science.times import gps_from_utc

SUBTYPES = {
    "INITIAL_ALERT": "alert", "FLIGHT_POSITION": "flight", "GROUND_POSITION": "ground", "FINAL_POSITION": "final",
}  # fmt: skip


def from_json(data: bytes) -> Burst | Retraction:
    """The burst in a notice, or what takes one back. NotForUs names whose it is; NoticeError says what is wrong."""
    notice = _object(data)
    if _is_retraction(notice):
        return Retraction(_names(notice), read.RETRACTED, _time_if_any(notice), _role(notice))
    kind = _kind(notice)
    time = utc(notice.get("trigger_time"), "trigger_time")
    written = notice.get("alert_datetime")
    shares = {
        text(name, "classification"): probability(value, f"classification.{name}") or 0.0
        for name, value in mapping(notice.get("classification"), "classification").items()
    }
    names = _names(notice)
    return Burst(
        trigger_id=next((one for one in names if one.isdigit()), names[0]),
        name=fields.burst_name(*names),
        gps=gps_from_utc(time),
        utc=time,
        notice_type=kind,
        notice_utc=None if written is None else utc(written, "alert_datetime"),
        **_place(read_localization(notice)),
        significance=read.positive(notice.get("rate_snr"), "rate_snr"),
        timescale_s=read.positive(notice.get("rate_duration"), "rate_duration"),
        duration_class=read.duration_class(notice.get("duration_class")),
        hardness_ratio=read.positive(notice.get("hardness_ratio"), "hardness_ratio"),
        hardness_class=fields.hardness_class(notice.get("hardness_class")),
        classification=shares,
        not_a_burst=read.why_not_a_burst(shares),
        reliability=text(notice.get("reliability"), "reliability") or None,
        role=_role(notice),
    )


def _object(data: bytes) -> dict[str, Any]:
    notice = plain_names(notice_object(data))
    whose = notice.get("mission"), notice.get("instrument")
    said = [one.strip().lower() if isinstance(one, str) else one for one in whose]
    if said == list(_OURS):
        return notice
    unsaid = all(one in (None, "", ours) for one, ours in zip(said, _OURS, strict=True))
    if not (unsaid and any(map(fields.names_a_trigger, _names_in(notice.get("id"))))):
        raise NotForUs(f"a notice of {shown(whose)}, not of Fermi's GBM")
    if not _is_retraction(notice):
        raise NoticeError("it names a trigger as GBM does, and not whose it is: mission and instrument are missing")
    return notice


_OURS = ("fermi", "gbm")


def _kind(notice: Mapping[str, Any]) -> str:
    """The kind of notice; one with a reliability and no subtype is a sub-threshold candidate."""
    subtype = notice.get("subtype")
    if subtype is None and "reliability" in notice:
        return "subthreshold"
    if not isinstance(subtype, str) or subtype not in SUBTYPES:
        raise NoticeError(f"subtype is {shown(subtype)}; there are {', '.join(SUBTYPES)}")
    return SUBTYPES[subtype]


def _is_retraction(notice: Mapping[str, Any]) -> bool:
    return str(notice.get("alert_type")).strip().lower() == "retraction"


def _role(notice: Mapping[str, Any]) -> Literal["observation", "test"]:
    return "observation" if (notice.get("alert_tense") or "current") in ("current", "archival") else "test"


def _time_if_any(notice: Mapping[str, Any]) -> float | None:
    """GPS seconds; None where none can be read: which trigger is taken back, its names tell."""
    try:
        return gps_from_utc(utc(notice.get("trigger_time"), "trigger_time"))
    except NoticeError:
        return None


def _names(notice: Mapping[str, Any]) -> tuple[str, ...]:
    found = _names_in(notice.get("id"))
    if not found:
        raise NoticeError(f"id is {shown(notice.get('id'))}, which is not a list of a trigger's names")
    return found


def _names_in(given: object) -> tuple[str, ...]:
    """Every name among what is given, one or a list; numbers are names too."""
    ids = given if isinstance(given, list) else [given]
    names = [str(one).strip() for one in ids if isinstance(one, (str, int)) and not isinstance(one, bool)]
    return tuple(filter(None, names))


def _place(found: Localization) -> dict[str, Any]:
    """Position, error and map, as far as the notice gives them."""
    place: dict[str, Any] = {"skymap_url": found.healpix_url or None}
    if position := read.position(found):
        stated = (
            "the notice says so" if found.containment_stated else "the schema's default, for the notice does not say"
        )
        place |= position | {"systematic_included": found.systematic_included, "error_source": stated}
    if found.healpix_file:
        place["skymap"] = _embedded(found)
        if place["skymap"] is None:
            remarks = (
                place.get("remark"),
                "the map inside its notice (healpix_file) is none that can be read: not used",
            )
            place["remark"] = "; ".join(filter(None, remarks))
    return place


def _embedded(found: Localization) -> BurstMap | None:
    """The map that the notice carries; None for what is no map."""
    try:
        data = base64.b64decode("".join(found.healpix_file.split()), validate=True)
        read_skymap(data)
    except (binascii.Error, ValueError, SkyMapError, OSError):
        return None
    return BurstMap(
        name="healpix_file",
        sha256=hashlib.sha256(data).hexdigest(),
        fits_base64=base64.b64encode(data).decode(),
        systematic_included=found.systematic_included or None,
        note="inside the notice, which says that it holds it"
        if found.systematic_included
        else "inside the notice, which does not say; used as it is",
    )
