"""GBM's JSON notices (gcn.notices.fermi.gbm), by the GCN schema `fermi/gbm/trigger`."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

from llama.formats.errors import NotForUs, NoticeError, SkyMapError
from llama.formats.localization import Localization, read_localization
from llama.formats.notice_json import notice_object
from llama.formats.skymap import read_skymap
from llama.formats.values import mapping, probability, shown, text, utc
from llama.messengers.fermi import fields
from llama.ports import RETRACTION, Burst, BurstMap
from llama.science.times import gps_from_utc

SUBTYPES = {
    "INITIAL_ALERT": "alert", "FLIGHT_POSITION": "flight", "GROUND_POSITION": "ground", "FINAL_POSITION": "final",
}  # fmt: skip


def from_json(data: bytes) -> Burst:
    """The burst in a notice. NotForUs names whose it is; NoticeError says what is wrong."""
    notice = _object(data)
    kind = _kind(notice)
    time = utc(notice.get("trigger_time"), "trigger_time")
    written = notice.get("alert_datetime")
    shares = {
        text(name, "classification"): probability(value, f"classification.{name}") or 0.0
        for name, value in mapping(notice.get("classification"), "classification").items()
    }
    return Burst(
        trigger_id=_trigger_id(notice),
        name=fields.burst_name(notice.get("id")),
        gps=gps_from_utc(time),
        utc=time,
        notice_type=kind,
        notice_utc=None if written is None else utc(written, "alert_datetime"),
        **_place(read_localization(notice)),
        significance=fields.positive(notice.get("rate_snr"), "rate_snr"),
        timescale_s=fields.positive(notice.get("rate_duration"), "rate_duration"),
        duration_class=fields.duration_class(notice.get("duration_class")),
        hardness_ratio=fields.positive(notice.get("hardness_ratio"), "hardness_ratio"),
        hardness_class=fields.hardness_class(notice.get("hardness_class")),
        classification=shares,
        not_a_burst=_denied(notice) or fields.why_not_a_burst(shares),
        reliability=text(notice.get("reliability"), "reliability") or None,
        role="observation" if (notice.get("alert_tense") or "current") in ("current", "archival") else "test",
    )


def _object(data: bytes) -> dict[str, Any]:
    notice = notice_object(data)
    whose = notice.get("mission"), notice.get("instrument")
    if whose != ("Fermi", "GBM"):
        raise NotForUs(f"a notice of {shown(whose)}, not of Fermi's GBM")
    return notice


def _kind(notice: Mapping[str, Any]) -> str:
    """The kind of notice; one with a reliability and no subtype is a sub-threshold candidate.

    A retraction need say no more than which trigger it takes back.
    """
    if _is_retraction(notice):
        return RETRACTION
    subtype = notice.get("subtype")
    if subtype is None and "reliability" in notice:
        return "subthreshold"
    if not isinstance(subtype, str) or subtype not in SUBTYPES:
        raise NoticeError(f"subtype is {shown(subtype)}; there are {', '.join(SUBTYPES)}")
    return SUBTYPES[subtype]


def _denied(notice: Mapping[str, Any]) -> str:
    return fields.RETRACTED if _is_retraction(notice) else ""


def _is_retraction(notice: Mapping[str, Any]) -> bool:
    return str(notice.get("alert_type")).lower() == RETRACTION


def _trigger_id(notice: Mapping[str, Any]) -> str:
    given = notice.get("id")
    ids = [given] if isinstance(given, str) else given
    if not (isinstance(ids, list) and ids and all(isinstance(one, str) and one for one in ids)):
        raise NoticeError(f"id is {shown(given)}, which is not a list of a trigger's names")
    return next((one for one in ids if one.isdigit()), str(ids[0]))


def _place(found: Localization) -> dict[str, Any]:
    """Position, error and map, as far as the notice gives them."""
    place: dict[str, Any] = {"skymap_url": found.healpix_url or None}
    if position := fields.position(found):
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
