"""GBM's JSON notices (gcn.notices.fermi.gbm), by the GCN schema `fermi/gbm/trigger`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.notice_json import notice_object
from llama.formats.values import mapping, number, shown, text, truth, utc
from llama.messengers.fermi import fields
from llama.ports import Burst
from llama.science.times import gps_from_utc

SUBTYPES = {
    "INITIAL_ALERT": "alert", "FLIGHT_POSITION": "flight", "GROUND_POSITION": "ground", "FINAL_POSITION": "final",
}  # fmt: skip

_SCHEMA_CONTAINMENT = 0.9
"""What the schema says a radius holds when the notice does not."""


def from_json(data: bytes) -> Burst:
    """The burst in a notice. NotForUs names whose it is; NoticeError says what is wrong."""
    notice = _object(data)
    kind = _kind(notice)
    time = utc(notice.get("trigger_time"), "trigger_time")
    written = notice.get("alert_datetime")
    shares = {
        text(name, "classification"): number(value, f"classification.{name}", 0, 1) or 0.0
        for name, value in mapping(notice.get("classification"), "classification").items()
    }
    return Burst(
        trigger_id=_trigger_id(notice),
        name=fields.burst_name(notice.get("id")),
        gps=gps_from_utc(time),
        utc=time,
        notice_type=kind,
        notice_utc=None if written is None else utc(written, "alert_datetime"),
        **_position(notice),
        significance=fields.positive(notice.get("rate_snr"), "rate_snr"),
        timescale_s=fields.positive(notice.get("rate_duration"), "rate_duration"),
        duration_class=fields.duration_class(notice.get("duration_class")),
        hardness_ratio=fields.positive(notice.get("hardness_ratio"), "hardness_ratio"),
        hardness_class=fields.hardness_class(notice.get("hardness_class")),
        classification=shares,
        not_a_burst=_denied(notice) or fields.why_not_a_burst(shares),
        reliability=text(notice.get("reliability"), "reliability") or None,
        skymap_url=text(notice.get("healpix_url"), "healpix_url") or None,
        role="observation" if notice.get("alert_tense") in ("current", "archival") else "test",
    )


def _object(data: bytes) -> dict[str, Any]:
    notice = notice_object(data)
    whose = notice.get("mission"), notice.get("instrument")
    if whose != ("Fermi", "GBM"):
        raise NotForUs(f"a notice of {shown(whose)}, not of Fermi's GBM")
    return notice


def _kind(notice: Mapping[str, Any]) -> str:
    """The kind of notice; one with a reliability and no subtype is a sub-threshold candidate."""
    subtype = notice.get("subtype")
    if subtype is None and "reliability" in notice:
        return "subthreshold"
    if not isinstance(subtype, str) or subtype not in SUBTYPES:
        raise NoticeError(f"subtype is {shown(subtype)}; there are {', '.join(SUBTYPES)}")
    return SUBTYPES[subtype]


def _denied(notice: Mapping[str, Any]) -> str:
    return "retracted" if notice.get("alert_type") == "retraction" else ""


def _trigger_id(notice: Mapping[str, Any]) -> str:
    given = notice.get("id")
    ids = [given] if isinstance(given, str) else given
    if not (isinstance(ids, list) and ids and all(isinstance(one, str) and one for one in ids)):
        raise NoticeError(f"id is {shown(given)}, which is not a list of a trigger's names")
    return next((one for one in ids if one.isdigit()), str(ids[0]))


def _position(notice: Mapping[str, Any]) -> dict[str, Any]:
    if "ra" not in notice:
        return {}
    stated = notice.get("containment_probability")
    share = number(stated, "containment_probability", 0, 1)
    radius = notice.get("ra_dec_error")
    if isinstance(radius, list):  # an ellipse: its longest axis as a circle says too little, never too much
        radius = max(radius, default=None)
    found = fields.position(
        notice["ra"], notice.get("dec"), radius, _SCHEMA_CONTAINMENT if share is None else share, "position"
    )
    included = bool(truth(notice.get("systematic_included"), "systematic_included"))
    source = "the notice says so" if stated is not None else "the schema's default, for the notice does not say"
    return found and found | {"systematic_included": included, "error_source": source}
