"""VOEvents of LIGO, Virgo and KAGRA from O2 to O4, in the words of today's JSON notices."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from typing import Any

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.voevent import VOEvent, parse_voevent
from llama.messengers.gw import values
from llama.messengers.gw.alert import Alert
from llama.messengers.gw.names import RETRACTION, Role, alert_type, check_graceid, role_of

# O3 and later name one map; in O2 the same file had one name per way to log in.
_SKYMAP_PARAMS = ("skymap_fits", "skymap_fits_basic", "skymap_fits_x509", "skymap_fits_shib")
_IVORN = re.compile(r"ivo://[^#]*#[A-Za-z0-9]+-([0-9]{1,6})-([A-Za-z]+)")


@functools.lru_cache(maxsize=1)  # as for JSON notices
def from_voevent(data: bytes) -> Alert:
    """Read a notice. NotForUs names whose it is; NoticeError says what is wrong."""
    packet = parse_voevent(data)
    _refuse_others(packet)
    params = packet.params
    graceid = check_graceid(params.get("GraceID"))
    kind = _kind(packet)
    return Alert(
        raw=data,
        graceid=graceid,
        serial=_serial(packet),
        alert_type=kind,
        role=_role(packet, graceid),
        time_created=values.utc(packet.date, "Who/Date"),
        event=None if kind == RETRACTION else _event(packet),
        urls=_urls(packet),
    )


def _refuse_others(packet: VOEvent) -> None:
    if "GraceID" in packet.params:
        return
    if packet.ivorn.startswith("ivo://gwnet/"):
        raise NoticeError(f"VOEvent {values.shown(packet.ivorn)} without a GraceID")
    raise NotForUs(f"a notice of {values.shown(packet.ivorn)} ({packet.author[:80]}), not a gravitational-wave alert")


def _kind(packet: VOEvent) -> str:
    """The kind of alert; O2 marked retractions with a parameter of their own."""
    if values.truth(packet.params.get("Retraction"), "Retraction"):
        return RETRACTION
    named = _IVORN.fullmatch(packet.ivorn)
    return alert_type(packet.params.get("AlertType") or (named and named[2]))


def _serial(packet: VOEvent) -> int | None:
    named = _IVORN.fullmatch(packet.ivorn)
    written = packet.params.get("Pkt_Ser_Num") or (named[1] if named else "")
    if not written:
        return None
    if re.fullmatch(r"[0-9]{1,6}", written):
        return int(written)
    raise NoticeError(f"Pkt_Ser_Num is {values.shown(written)}, which is not a serial number")


def _role(packet: VOEvent, graceid: str) -> Role:
    injected = values.truth(packet.params.get("HardwareInj"), "HardwareInj")
    if packet.role != "observation" or injected:
        return "test"
    return role_of(graceid, packet.params.get("Search"), packet.params.get("EventPage"))


def _event(packet: VOEvent) -> Mapping[str, Any]:
    params = packet.params
    properties = packet.group("Properties")
    if properties is None:  # O2: at the top level, under longer names
        properties = {
            key.removeprefix("Prob"): params[key] for key in ("ProbHasNS", "ProbHasRemnant") if key in params
        }
    return {
        "time": packet.iso_time,
        "far": params.get("FAR"),
        "significant": params.get("Significant"),
        "instruments": params.get("Instruments"),
        "group": params.get("Group"),
        "pipeline": params.get("Pipeline"),
        "search": params.get("Search"),
        "properties": _numbers(properties),
        "classification": _numbers(packet.group("Classification") or {}),
    }


def _numbers(group: Mapping[str, str]) -> dict[str, float | None]:
    return {name: values.number(value, name) for name, value in group.items()}


def _urls(packet: VOEvent) -> dict[str, str]:
    maps = packet.group("GW_SKYMAP") or {}
    urls = {
        "gracedb": packet.params.get("EventPage"),
        "skymap": next((maps[name] for name in _SKYMAP_PARAMS if name in maps), None),
    }
    return {key: values.text(url, key) for key, url in urls.items() if url}
