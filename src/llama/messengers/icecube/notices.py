"""Notices of IceCube's gold and bronze tracks: JSON of today's GCN, VOEvents of AMON in classic GCN.

A position's error is a radius that holds 90 % (or 50 %) of the probability. It becomes the σ of the two-dimensional
Gaussian of which that is so, r = σ √(−2 ln(1 − p)), and the notice's own number is told beside it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NotForUs, NoticeError
from llama.formats.localization import read_localization
from llama.formats.notice_json import is_json, notice_object, plain_names
from llama.formats.values import number, shown, text, truth, utc
from llama.formats.voevent import VOEvent, parse_voevent
from llama.formats.xmlsafe import is_xml
from llama.ports import NeutrinoAlert
from llama.science.sky import right_ascension_deg, sigma_of_radius
from llama.science.statistic import LEAST_SIGMA_RAD
from llama.science.times import gps_from_utc

TOPICS = (
    "gcn.notices.icecube.gold_bronze_track_alerts",
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_GOLD",
    "gcn.classic.voevent.ICECUBE_ASTROTRACK_BRONZE",
)

_PIPELINES: Mapping[str, Literal["gold", "bronze"]] = {"Gold Track Alert": "gold", "Bronze Track Alert": "bronze"}
_PACKETS: Mapping[str, Literal["gold", "bronze"]] = {"173": "gold", "174": "bronze"}
_NAME = re.compile(r"(?P<run>[0-9]{1,9})_(?P<event>[0-9]{1,12})(_(?P<revision>[0-9]{1,4}))?")
_TO_GEV = {"gev": 1.0, "tev": 1e3, "pev": 1e6}
_TO_DEG = {"deg": 1.0, "arcmin": 1 / 60, "arcsec": 1 / 3600}
_RADII = {"src_error_90": 0.9, "src_error_50": 0.5}


def parse(data: bytes) -> NeutrinoAlert:
    """The neutrino of a notice. NotForUs names whose it is otherwise; NoticeError says what is wrong."""
    if is_xml(data):
        return _from_voevent(parse_voevent(data))
    if is_json(data):
        return _from_json(plain_names(notice_object(data)))
    raise NoticeError("neither JSON nor XML, so not a notice")


def _from_json(notice: Mapping[str, Any]) -> NeutrinoAlert:
    """By the GCN schema `icecube/single_neutrino_alerts`: degrees, TeV."""
    pipeline, takes_back = str(notice.get("pipeline")), _takes_back(notice)
    ours = pipeline in _PIPELINES or (takes_back and _names_one(notice))
    if str(notice.get("mission")).strip().lower() != "icecube" or not ours:
        raise NotForUs(f"a notice of {shown(notice.get('mission'))}, {shown(pipeline)}: no gold or bronze track")
    run, event, revision = _name(notice.get("id"))
    names = notice.get("event_name")
    where = read_localization(notice)
    sigma, told = None, ""
    if where.error is not None:
        # an ellipse counts as the circle of the same area
        radius = math.sqrt(where.error.semi_major * where.error.semi_minor)
        shape = "" if where.error.is_circle else " (of an ellipse)"
        sigma, told = _sigma(radius, where.containment, shape, with_systematic=where.systematic_included)
    written = utc(notice.get("alert_datetime"), "alert_datetime")
    energy = number(notice.get("nu_energy"), "nu_energy", 0.0)
    return NeutrinoAlert(
        run=run,
        event=event,
        name=text(names[0] if isinstance(names, list) and names else names or None, "event_name"),
        revision=int(number(notice.get("record_number"), "record_number", 0) or revision),
        stream=_PIPELINES.get(pipeline, ""),
        gps=gps_from_utc(utc(notice.get("trigger_time"), "trigger_time")),
        ra=where.ra,
        dec=where.dec,
        sigma=sigma,
        error_source=told,
        energy_gev=energy * _TO_GEV["tev"] if energy else None,
        notice_utc=written,
        taken_back=takes_back,
        role="observation" if (notice.get("alert_tense") or "current") in ("current", "archival") else "test",
    )


def _takes_back(notice: Mapping[str, Any]) -> bool:
    return str(notice.get("alert_type")).strip().lower() == "retraction"


def _names_one(notice: Mapping[str, Any]) -> bool:
    """Whether it names a neutrino without a word on its selection, as a retraction may: the name tells which."""
    try:
        return notice.get("pipeline") is None and bool(_name(notice.get("id")))
    except NoticeError:
        return False


def _from_voevent(packet: VOEvent) -> NeutrinoAlert:
    """By AMON's packets 173 and 174, whose parameters carry their units."""
    params = packet.params
    stream = _PACKETS.get(params.get("Packet_Type", ""))
    if stream is None or "/AMON#ICECUBE_" not in packet.ivorn:
        raise NotForUs(f"a notice of {shown(packet.ivorn)}: no gold or bronze track")
    flags = packet.group("Trigger_ID") or {}
    tested = [truth(flags.get(name), name) for name in ("Test", "InternalTest")]
    run, event, _ = _name([f"{params.get('run_id')}_{params.get('event_id')}"])
    sigma, told = _radius(packet)
    ra, dec, _ = packet.position or (None, None, None)
    written = utc(packet.date, "Who/Date")
    return NeutrinoAlert(
        run=run,
        event=event,
        name="",
        revision=int(number(params.get("Rev"), "Rev", 0) or 0),
        stream=stream,
        gps=gps_from_utc(utc(packet.iso_time, "ISOTime")),
        ra=None if ra is None else _right_ascension(ra),
        dec=number(dec, "Dec", -90, 90),
        sigma=sigma,
        error_source=told,
        energy_gev=_in_unit(packet, "energy", _TO_GEV) or None,
        notice_utc=written,
        taken_back=bool(truth(flags.get("Retraction"), "Retraction")) or bool(packet.takes_back),
        role="observation" if packet.role == "observation" and not any(tested) else "test",
    )


def _name(ids: object) -> tuple[int, int, int]:
    """Run, event and revision (0 without), of the first id that has them."""
    for one in ids if isinstance(ids, list) else [ids]:
        if isinstance(one, str) and (found := _NAME.fullmatch(one.strip())):
            return int(found["run"]), int(found["event"]), int(found["revision"] or 0)
    raise NoticeError(f"id is {shown(ids)}, which is not RUN_EVENT or RUN_EVENT_REVISION")


def _radius(packet: VOEvent) -> tuple[float | None, str]:
    """σ of the 90 % radius where there is one, else of the 50 %."""
    for name, share in _RADII.items():
        if radius := _in_unit(packet, name, _TO_DEG):
            return _sigma(radius, share)
    return None, ""


def _sigma(radius_deg: float, share: float, what: str = "", *, with_systematic: bool = False) -> tuple[float, str]:
    sigma_rad = sigma_of_radius(math.radians(radius_deg), share)
    if not LEAST_SIGMA_RAD <= sigma_rad <= math.pi:
        raise NoticeError(f"an error of {radius_deg:g} deg around {share:.0%} of the probability is none that can be")
    error = "statistical and systematic error" if with_systematic else "statistical error only"
    return math.degrees(sigma_rad), f"{share:.0%} radius {radius_deg:.4g} deg{what}, {error}"


def _in_unit(packet: VOEvent, name: str, factors: Mapping[str, float]) -> float | None:
    """A parameter by the unit that it carries; NoticeError for one that there is not."""
    value = number(packet.params.get(name), name, 0.0)
    if value is None:
        return None
    unit = packet.units.get(name, "").strip().lower()
    if unit not in factors:
        raise NoticeError(f"{name} is in the unit {shown(packet.units.get(name))}; there are {', '.join(factors)}")
    return value * factors[unit]


def _right_ascension(stated: object) -> float | None:
    value = number(stated, "RA")
    try:
        return None if value is None else right_ascension_deg(value)
    except ValueError as error:
        raise NoticeError(f"RA: {error}") from error
