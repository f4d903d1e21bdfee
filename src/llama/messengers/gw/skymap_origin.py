"""What a sky map's header says of its event, held against the event it is used for."""

from __future__ import annotations

import re
from collections.abc import Mapping

from llama.messengers.gw.record import SkymapInfo
from llama.science.times import gps_from_utc, utc_from_gps

_SAME_TIME_S = 10.0
"""Refined times of one signal differ by less than 0.1 s; nothing else is as near."""
_SUPEREVENT = re.compile(r"[MT]?S[0-9]{6}[a-z]+")
_CATALOGUE = re.compile(r"GW([0-9]{6})(?:_[0-9]{6})?[a-z]?")


def of_another_event(origin: Mapping[str, str], info: SkymapInfo) -> str:
    """Why the map seems to be another event's, by DATE-OBS and OBJECT of its header; empty when nothing says so.

    An OBJECT like G330561 is a trigger's number, which alerts do not give, so it can contradict nothing.
    """
    told = [_other_time(origin.get("DATE-OBS", ""), info.gps_time), _other_name(origin.get("OBJECT", ""), info)]
    said = " and ".join(filter(None, told))
    return f"the sky map may be of another event: its header says {said}" if said else ""


def _other_time(date_obs: str, gps_time: float) -> str:
    try:
        away_s = abs(gps_from_utc(date_obs) - gps_time)
    except ValueError:
        return ""
    if away_s <= _SAME_TIME_S:
        return ""
    return f"DATE-OBS {date_obs}, which is {away_s:.4g} s from the event at {utc_from_gps(gps_time, 3)}"


def _other_name(name: str, info: SkymapInfo) -> str:
    if _SUPEREVENT.fullmatch(name) and _SUPEREVENT.fullmatch(info.graceid):
        differs = name != info.graceid
    else:
        named = _CATALOGUE.fullmatch(name)
        differs = named is not None and named[1] != info.event_time[2:10].replace("-", "")
    return f"OBJECT {name}, and not {info.graceid}" if differs else ""
