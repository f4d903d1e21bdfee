"""What a sky map's header says of who made it and of what, held against the event it is used for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llama.formats.skymap_maker import READ_NOTE, maker
from llama.messengers.gw.record import SkymapInfo
from llama.science.times import gps_from_utc, utc_from_gps

_SAME_TIME_S = 10.0
"""Refined times of one signal differ by less than 0.1 s; nothing else is as near."""
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T?Z?)")
_MINUTE = re.compile(r"[0-9-]{10}[T ][0-9]{2}:[0-9]{2}Z?")
_SUPEREVENT = re.compile(r"[MT]?S([0-9]{6})[a-z]+")
_CATALOGUE = re.compile(r"GW([0-9]{6})(?:_[0-9]{6})?[A-Za-z]?")
_NUMBER_OF_A_TRIGGER = re.compile(r"[GMTE][0-9]+|[0-9]{1,8}|coinc_event:.*|sim_inspiral:.*")
_DETECTORS = re.compile(
    r"(?:[HLVKGIAES][0-9])+|[HLVKG]{2,}|ADVANCED|LIGO|A?LIGO|VIRGO|ADV|KAGRA|LVK|LVC|LSC|IGWN|HANFORD|LIVINGSTON|LHO|LLO|"
    r"GEO|GEO600|INDIA|DETECTORS?|OBSERVATORY|NETWORK|AND"
)
_COLLABORATIONS = re.compile(r"LIGO|VIRGO|KAGRA|\b(?:LVK|LVC|LSC|IGWN)\b", re.IGNORECASE)
_MADE_UP = re.compile(r"simulat|\bmock\b", re.IGNORECASE)
_PROGRAMS = re.compile(
    r"bayestar|lalinference|ligo[-_. ]?skymap|sky_?area|bilby|pesummary|pycbc|gstlal|mbta|spiir|cwb|wave ?burst|"
    r"bayeswave|\bo?lib\b|mly|amplfi|aframe|rapid_?pe|\brift\b|dingo|gwcelery|m4opt|\bligo\b",
    re.IGNORECASE,
)
"""Programs that make maps of gravitational waves. Ours is none of them: a map with neutrinos in it is a result."""


def of_another_event(origin: Mapping[str, str], info: SkymapInfo) -> str:
    """Why the map seems to be of something else, by what its header names; empty when nothing says so.

    A header that says nothing contradicts nothing. An OBJECT like G330561 is a trigger's number, which alerts do not
    give, so it contradicts nothing either.
    """
    told = [
        _other_time(origin.get("DATE-OBS", ""), info),
        _other_name(origin.get("OBJECT", ""), info),
        *(_other_instrument(key, origin.get(key, "")) for key in ("TELESCOP", "INSTRUME")),
        _other_program(origin.get("CREATOR", "")),
        _other_organisation(origin.get("ORIGIN", ""), origin.get("CREATOR", ""), info),
    ]
    said = " and ".join(filter(None, told))
    return f"the sky map may be of another event: its header says {said}" if said else ""


def described(origin: Mapping[str, str]) -> str:
    """Who made the map, of what and when, as one line for people."""
    parts = [f"made by {made}" if (made := maker(origin)) else "its header does not say who made it"]
    parts += [f"{key} {origin[key]}" for key in ("OBJECT", "TELESCOP", "INSTRUME", "DATE-OBS") if key in origin]
    return ", ".join(parts)


def read_remark(origin: Mapping[str, str]) -> str:
    """What was odd in the map's file and how it was read; empty for most maps."""
    return f"the sky map was read so: {origin[READ_NOTE]}" if READ_NOTE in origin else ""


def _other_time(date_obs: str, info: SkymapInfo) -> str:
    if day := _DAY.fullmatch(date_obs):  # of a date alone nothing is known but the day
        at = utc_from_gps(info.gps_time, 3)
        return "" if day[1] == at[:10] else f"DATE-OBS {date_obs}, which is not the day of the event at {at}"
    try:
        away_s = abs(gps_from_utc(date_obs) - info.gps_time)
    except ValueError:
        return ""
    if away_s <= _SAME_TIME_S + 60.0 * bool(_MINUTE.fullmatch(date_obs)):
        return ""
    return f"DATE-OBS {date_obs}, which is {away_s:.4g} s from the event at {utc_from_gps(info.gps_time, 3)}"


def _other_name(given: str, info: SkymapInfo) -> str:
    name = given.replace(" ", "")
    if not name or name in (info.graceid, info.event_id) or _NUMBER_OF_A_TRIGGER.fullmatch(name):
        return ""
    superevent = _SUPEREVENT.fullmatch(name)
    named = superevent or _CATALOGUE.fullmatch(name)
    if superevent and _SUPEREVENT.fullmatch(info.graceid):
        named = None
    same_day = named is not None and named[1] == info.event_time[2:10].replace("-", "")
    return "" if same_day else f"OBJECT {given}, and not {info.graceid}"


def _other_instrument(key: str, given: str) -> str:
    others = [word for word in re.findall(r"[A-Z0-9]+", given.upper()) if not _DETECTORS.fullmatch(word)]
    return f"{key} {given}, which is no detector of gravitational waves" if others else ""


def _other_program(given: str) -> str:
    known = not given or _PROGRAMS.search(given)
    return "" if known else f"CREATOR {given}, which is not known to make maps of gravitational waves"


def _other_organisation(given: str, program: str, info: SkymapInfo) -> str:
    """An organisation that is not of the detectors; anybody may run one of their programs, though."""
    if _MADE_UP.search(f"{given} {program}"):
        return "" if info.role == "test" else f"ORIGIN {given}, and the alert is no simulation"
    if not given or _COLLABORATIONS.search(given) or _PROGRAMS.search(program):
        return ""
    return f"ORIGIN {given}, which is not LIGO, Virgo or KAGRA"
