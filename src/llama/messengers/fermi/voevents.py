"""GBM's VOEvents: alert, flight, ground and final position, and sub-threshold candidates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.localization import circle
from llama.formats.values import number, shown, truth, utc
from llama.formats.voevent import VOEvent, parse_voevent
from llama.messengers import burst_fields as read
from llama.messengers.fermi import fields
from llama.ports import Burst, Retraction
from llama.science.times import gps_from_utc, utc_from_gps

PACKETS = {"110": "alert", "111": "flight", "112": "ground", "115": "final", "131": "subthreshold"}
"""GCN's packet types; others of Fermi's are tests, pointings or the LAT's."""

_ERRORS = {
    "flight": (True, "68 %, statistical and systematic (as GCN's text notices of this type say)"),
    "ground": (False, "68 %, statistical only (as today's JSON notices of this type say)"),
    "final": (False, "68 %, statistical only (as today's JSON notices of this type say)"),
    "subthreshold": (True, "68 %, statistical and systematic (gcn.gsfc.nasa.gov/fermi_gbm_subthreshold.html)"),
}
"""VOEvents give a radius and no word on what it holds."""

_LOCATION_PLOT, _LOCATION_MAP = ("glg_locplot_all_", ".png"), ("glg_healpix_all_", ".fit")


def from_voevent(data: bytes) -> Burst | Retraction:
    """The burst in a packet, or what takes one back. NotForUs names whose it is; NoticeError says what is wrong."""
    packet = parse_voevent(data)
    params = packet.params
    kind = PACKETS.get(params.get("Packet_Type", ""))
    if packet.takes_back and "/Fermi#GBM" in packet.ivorn:
        return _retraction(packet)
    if kind is None or "/Fermi#GBM" not in packet.ivorn:
        raise NotForUs(f"a notice of {shown(packet.ivorn)} ({packet.author[:80]}), not a GBM trigger")
    trigger = _trigger(params)
    gps = _trigger_time(packet)
    classification = _classification(params)
    flags = packet.group("Trigger_ID") or {}
    denied = "marked as definitely not a GRB" if truth(flags.get("Def_NOT_a_GRB"), "Def_NOT_a_GRB") else ""
    return Burst(
        trigger_id=trigger,
        name=fields.burst_name(params.get("LightCurve_URL")),
        gps=gps,
        utc=utc_from_gps(gps),
        notice_type=kind,
        notice_utc=None if packet.date is None else utc(packet.date, "Who/Date"),
        **_position(packet, kind),
        **_strength(params),
        duration_class=read.duration_class(flags.get("Long_short") or _misc(packet).get("Duration_class")),
        hardness_ratio=read.positive(params.get("Hardness_Ratio"), "Hardness_Ratio"),
        hardness_class=fields.hardness_class(_misc(packet).get("Spectral_class")),
        classification=classification,
        not_a_burst=denied or read.why_not_a_burst(classification),
        reliability=params.get("Reliability"),
        skymap_url=_skymap_url(params, kind),
        role="observation" if _is_observation(packet) else "test",
    )


def _trigger(params: Mapping[str, str]) -> str:
    trigger = params.get("TrigID") or params.get("Trans_Num")
    if not trigger or not trigger.isdigit():
        raise NoticeError(f"TrigID is {shown(trigger)}, which is not a trigger's number")
    return trigger


def _retraction(packet: VOEvent) -> Retraction:
    """Its trigger's number is all that it needs; whatever else it says counts no more."""
    role: Literal["observation", "test"] = "observation" if packet.role == "observation" else "test"
    return Retraction((_trigger(packet.params),), read.RETRACTED, None, role)


def _is_observation(packet: VOEvent) -> bool:
    flags = packet.group("Trigger_ID") or {}
    return packet.role == "observation" and not truth(flags.get("Test_Submission"), "Test_Submission")


def _trigger_time(packet: VOEvent) -> float:
    """GPS seconds, from day and second of the day where they have more digits than ISOTime, else from ISOTime."""
    iso = gps_from_utc(utc(packet.iso_time, "ISOTime"))
    prefix = "Trans" if "Trans_SOD" in packet.params else "Burst"
    seconds = number(packet.params.get(f"{prefix}_SOD"), f"{prefix}_SOD", 0, 86401)
    if seconds is None:
        return iso
    day = utc_from_gps(iso, 0)[:10]
    exact = gps_from_utc(f"{day}T00:00:00") + seconds
    # ISOTime is rounded to 0.01 s; a larger difference is another day or a leap second, where ISOTime is right
    return exact if abs(exact - iso) < 0.02 else iso


def _position(packet: VOEvent, kind: str) -> dict[str, Any]:
    if packet.position is None or kind not in _ERRORS or packet.params.get("Coords_Type") == "0":
        return {}
    found = read.position(circle(*packet.position, fields.DEFAULT_CONTAINMENT, "Position2D"))
    included, source = _ERRORS[kind]
    return found and found | {"systematic_included": included, "error_source": source}


def _strength(params: Mapping[str, str]) -> dict[str, Any]:
    significance = next(
        (params[key] for key in ("Trig_Signif", "Data_Signif", "Burst_Signif") if key in params), None
    )
    timescale = next((params[key] for key in _TIMESCALES if key in params), None)
    return {
        "significance": read.positive(significance, "significance"),
        "timescale_s": read.positive(timescale, "timescale"),
    }


_TIMESCALES = ("Trig_Dur", "Data_Timescale", "Data_Integ", "Trans_Duration")


def _classification(params: Mapping[str, str]) -> dict[str, float]:
    """The two likeliest classes, as probabilities."""
    found: dict[str, float] = {}
    for prefix in ("Most_Likely", "Sec_Most_Likely"):
        index = number(params.get(f"{prefix}_Index"), f"{prefix}_Index", 0, len(fields.CLASSES) - 1)
        percent = number(params.get(f"{prefix}_Prob"), f"{prefix}_Prob", 0, 100)
        if index is not None and percent:
            found[fields.CLASSES[int(index)]] = percent / 100
    return found


def _skymap_url(params: Mapping[str, str], kind: str) -> str | None:
    """The map's address; of a final position, which names the plot only, the one the GBM team puts beside it."""
    if url := params.get("HealPix_URL"):
        return url
    head, plot, tail = params.get("LocationMap_URL", "").rpartition(_LOCATION_PLOT[0])
    if kind == "final" and plot and tail.endswith(_LOCATION_PLOT[1]):
        return head + _LOCATION_MAP[0] + tail.removesuffix(_LOCATION_PLOT[1]) + _LOCATION_MAP[1]
    return None


def _misc(packet: VOEvent) -> Mapping[str, str]:
    return packet.group("Misc_Flags") or {}
