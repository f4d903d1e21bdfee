"""What a sky map's header says of who made it and of what, held against the event it is used for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from llama.formats.skymap_header import INSTRUMENT_KEYS, NAME_KEYS, NEUTRINO_KEYS, TEXT_KEYS
from llama.formats.skymap_maker import READ_NOTE, maker
from llama.formats.skymap_times import HeaderTime, header_times
from llama.messengers.gw.record import SkymapInfo
from llama.science.times import utc_from_gps

_SAME_TIME_S = 10.0
"""Refined times of one signal differ by less than 0.1 s; nothing else is as near."""
_SUPEREVENT = re.compile(r"[MT]?S([0-9]{6})[a-z]+")
_CATALOGUE = re.compile(r"GW([0-9]{6})(?:_[0-9]{6})?[A-Za-z]?")
_ORGANISATIONS = ("ORIGIN", "SENDER")
_NUMBER_OF_A_TRIGGER = re.compile(r"[GMTE][0-9]+|[0-9]{1,8}|coinc_event:.*|sim_inspiral:.*")
_DETECTORS = re.compile(
    r"(?:[HLVKGIAES][0-9])+|[HLVKG]{2,}|ADVANCED|LIGO|A?LIGO|VIRGO|ADV|KAGRA|LVK|LVC|LSC|IGWN|HANFORD|LIVINGSTON|LHO|LLO|"
    r"GEO|GEO600|INDIA|DETECTORS?|OBSERVATORY|NETWORK|AND"
)
_NAMES = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:GRB|XRF|FRB|SN|SGR|IC|AT|EP|bn)[ _-]?[0-9]{4,}[A-Za-z0-9]*|[MT]?S[0-9]{6}[a-z]+|"
    r"GW[0-9]{6}(?:_[0-9]{6})?)(?![A-Za-z0-9])"
)
"""Names of events in a text about other things: of bursts, transients, neutrinos and mergers."""
_OTHERS = re.compile(
    r"(?<![A-Z])(?:ICE ?CUBE|ANTARES|KM3 ?NET|BAIKAL|SUPER-?K(?:AMIOKANDE)?|AUGER|HAWC|LHAASO|FERMI|GLAST|GBM|SWIFT|"
    r"NEIL GEHRELS|INTEGRAL|IPN|KONUS|CHIME|ZTF|SVOM|EINSTEIN PROBE|MAXI|CALET|HXMT|GECAM|AGILE|ASTROSAT)(?![A-Z])",
    re.IGNORECASE,
)
"""Observatories of other messengers that send maps."""
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
        *_other_times(header_times(origin)[0], info),
        *(_other_name(key, origin[key], info) for key in NAME_KEYS if key in origin),
        *(_other_instrument(key, origin[key]) for key in INSTRUMENT_KEYS if key in origin),
        *(_other_in_text(key, origin[key], info) for key in TEXT_KEYS if key in origin),
        *(f"{key} {origin[key]}, which only neutrino detectors write" for key in NEUTRINO_KEYS if key in origin),
        _other_program(origin.get("CREATOR", ""), info),
        *(_other_organisation(key, origin.get(key, ""), origin.get("CREATOR", ""), info) for key in _ORGANISATIONS),
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


def _other_times(times: list[HeaderTime], info: SkymapInfo) -> list[str]:
    """One remark of each time that is another: DATE-OBS and MJD-OBS mostly say the same."""
    other = [time for time in times if _other_time(time, info)]
    new = [
        time for k, time in enumerate(other) if all(time.away_s(one.first_gps) > _SAME_TIME_S for one in other[:k])
    ]
    return [_other_time(time, info) for time in new]


def _other_time(said: HeaderTime, info: SkymapInfo) -> str:
    if (away_s := said.away_s(info.gps_time)) <= _SAME_TIME_S:
        return ""
    at = utc_from_gps(info.gps_time, 3)
    if said.is_day:  # of a date alone nothing is known but the day
        return f"{said.key} {said.said}, which is not the day of the event at {at}"
    return f"{said.key} {said.said}, which is {away_s:.4g} s from the event at {at}"


def _other_name(key: str, given: str, info: SkymapInfo) -> str:
    name = given.replace(" ", "")
    return "" if not name or _is_named(name, info) else f"{key} {given}, and not {info.graceid}"


def _is_named(name: str, info: SkymapInfo) -> bool:
    """Whether a name may be that of the event; a trigger's number may be of any, unless it is another day's date."""
    if name in (info.graceid, info.event_id):
        return True
    if _NUMBER_OF_A_TRIGGER.fullmatch(name):
        return not _is_date(name) or name == info.event_time[:10].replace("-", "")
    superevent = _SUPEREVENT.fullmatch(name)
    named = superevent or _CATALOGUE.fullmatch(name)
    if superevent and _SUPEREVENT.fullmatch(info.graceid):
        return False
    return named is not None and named[1] == info.event_time[2:10].replace("-", "")


def _is_date(name: str) -> bool:
    try:
        return re.fullmatch(r"20[0-9]{6}", name) is not None and date.fromisoformat(name) > date.min
    except ValueError:  # eight digits that are no day of the calendar
        return False


def _other_in_text(key: str, given: str, info: SkymapInfo) -> str:
    """Of another event by a name, or an observatory, in a text that may be about anything."""
    names = [name for name in _NAMES.findall(given) if not _is_named(name, info)]
    if found := _OTHERS.search(given):
        names.append(found[0])
    return f"{key} {given}, which names {names[0]}" if names else ""


def _other_instrument(key: str, given: str) -> str:
    others = [word for word in re.findall(r"[A-Z0-9]+", given.upper()) if not _DETECTORS.fullmatch(word)]
    return f"{key} {given}, which is no detector of gravitational waves" if others else ""


def _other_program(given: str, info: SkymapInfo) -> str:
    if _MADE_UP.search(given) and info.role != "test":
        return f"CREATOR {given}, and the alert is no simulation"
    known = not given or _PROGRAMS.search(given)
    return "" if known else f"CREATOR {given}, which is not known to make maps of gravitational waves"


def _other_organisation(key: str, given: str, program: str, info: SkymapInfo) -> str:
    """An organisation that is not of the detectors; anybody may run one of their programs, though."""
    if _MADE_UP.search(given):
        return "" if info.role == "test" else f"{key} {given}, and the alert is no simulation"
    known = not given or _COLLABORATIONS.search(given) or _PROGRAMS.search(program) or _MADE_UP.search(program)
    if known and not _OTHERS.search(given):
        return ""
    return f"{key} {given}, which is not LIGO, Virgo or KAGRA"
