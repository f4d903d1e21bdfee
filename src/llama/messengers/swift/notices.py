"""Notices of Swift's Burst Alert Telescope (BAT) as bursts: VOEvents of its positions, JSON of GUANO's searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.localization import circle, read_localization
from llama.formats.notice_json import is_json, notice_object, plain_names
from llama.formats.values import mapping, probability, shown, text, truth, utc
from llama.formats.voevent import VOEvent, parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.messengers import burst_fields as fields
from llama.ports import Burst, Retraction
from llama.science.times import gps_from_utc, utc_from_gps

PACKETS = {"60": "alert", "61": "flight"}
"""GCN's packet types of a trigger and of its position; others are images, light curves, pointings, the XRT's."""

_CONTAINMENT = 0.9
_ERROR_SOURCE = "assumed: 90 % of the statistical error, for the notice does not say"
_INSTRUMENTS = ("bat", "bat-guano")
_CATALOGUES = ("Target_in_Flt_Catalog", "Target_in_Gnd_Catalog")


def parse(data: bytes) -> Burst | Retraction:
    """The burst in a notice, or what takes one back.

    Raises NotForUs for other detectors' notices, NoticeError for what is no notice.
    """
    if is_xml(data):
        return _from_voevent(parse_voevent(data))
    if is_json(data):
        return _from_json(plain_names(notice_object(data)))
    raise NoticeError("neither JSON nor XML, so not a notice")


def _from_voevent(packet: VOEvent) -> Burst | Retraction:
    params = packet.params
    kind = PACKETS.get(params.get("Packet_Type", ""))
    ours = "/swift#bat" in packet.ivorn.lower()
    if ours and packet.takes_back:
        role = _role(packet)
        return Retraction((_trigger(params),), fields.RETRACTED, None, role)
    if kind is None or not ours:
        raise NotForUs(f"a notice of {shown(packet.ivorn)} ({packet.author[:80]}), not a BAT trigger")
    gps = gps_from_utc(utc(packet.iso_time, "ISOTime"))
    return Burst(
        trigger_id=_trigger(params),
        name="",
        gps=gps,
        utc=utc_from_gps(gps),
        notice_type=kind,
        notice_utc=None if packet.date is None else utc(packet.date, "Who/Date"),
        **_position(packet),
        significance=fields.positive(params.get("Image_Signif") or params.get("Rate_Signif"), "significance"),
        timescale_s=fields.positive(params.get("Integ_Time"), "Integ_Time"),
        not_a_burst=_not_a_burst(packet),
        role=_role(packet),
    )


def _trigger(params: Mapping[str, str]) -> str:
    trigger = params.get("TrigID", "")
    if not trigger.isdigit():
        raise NoticeError(f"TrigID is {shown(trigger)}, which is not a trigger's number")
    return trigger


def _solution(packet: VOEvent) -> Mapping[str, str]:
    return packet.group("Solution_Status") or {}


def _role(packet: VOEvent) -> Literal["observation", "test"]:
    test = truth(_solution(packet).get("Test_Submission"), "Test_Submission")
    return "observation" if packet.role == "observation" and not test else "test"


def _not_a_burst(packet: VOEvent) -> str:
    solution = _solution(packet)
    if truth(solution.get("Def_NOT_a_GRB"), "Def_NOT_a_GRB"):
        return "marked as definitely not a GRB"
    known = any(truth(solution.get(name), name) for name in _CATALOGUES)
    return "marked as a source that the catalogues know" if known else ""


def _position(packet: VOEvent) -> dict[str, Any]:
    if packet.position is None or packet.params.get("Coords_Type") == "0":
        return {}
    found = fields.position(circle(*packet.position, _CONTAINMENT, "Position2D"))
    return found and found | {"systematic_included": False, "error_source": _ERROR_SOURCE}


def _from_json(notice: Mapping[str, Any]) -> Burst | Retraction:
    whose = [str(notice.get(key)).strip().lower() for key in ("mission", "instrument")]
    if whose[0] != "swift" or whose[1] not in _INSTRUMENTS:
        raise NotForUs(f"a notice of {shown((notice.get('mission'), notice.get('instrument')))}, not of Swift's BAT")
    names = _names(notice.get("id"))
    role: Literal["observation", "test"] = (
        "observation" if (notice.get("alert_tense") or "current") in ("current", "archival") else "test"
    )
    if str(notice.get("alert_type")).strip().lower() == "retraction":
        return Retraction(names, fields.RETRACTED, _time_if_any(notice), role)
    time, written = utc(notice.get("trigger_time"), "trigger_time"), notice.get("alert_datetime")
    shares = {
        text(name, "classification"): probability(value, f"classification.{name}") or 0.0
        for name, value in mapping(notice.get("classification"), "classification").items()
    }
    place = _place(notice)
    return Burst(
        trigger_id=names[0],
        name="",
        gps=gps_from_utc(time),
        utc=time,
        notice_type="ground" if place else "alert",
        notice_utc=None if written is None else utc(written, "alert_datetime"),
        **place,
        significance=fields.positive(notice.get("rate_snr"), "rate_snr"),
        timescale_s=fields.positive(notice.get("rate_duration"), "rate_duration"),
        classification=shares,
        not_a_burst=fields.why_not_a_burst(shares),
        role=role,
    )


def _place(notice: Mapping[str, Any]) -> dict[str, Any]:
    found = read_localization(notice)
    if not (position := fields.position(found)):
        return {}
    stated = "the notice says so" if found.containment_stated else "the schema's default, for the notice does not say"
    return position | {"systematic_included": found.systematic_included, "error_source": stated}


def _names(given: object) -> tuple[str, ...]:
    ids = given if isinstance(given, list) else [given]
    names = [str(one).strip() for one in ids if isinstance(one, (str, int)) and not isinstance(one, bool)]
    if not (found := tuple(filter(None, names))):
        raise NoticeError(f"id is {shown(given)}, which is not a list of a trigger's names")
    return found


def _time_if_any(notice: Mapping[str, Any]) -> float | None:
    """GPS seconds; None where none can be read: which trigger is taken back, its names tell."""
    try:
        return gps_from_utc(utc(notice.get("trigger_time"), "trigger_time"))
    except NoticeError:
        return None
