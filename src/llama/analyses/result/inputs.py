"""What results say of that which they are made from: the alert, the sky map, the neutrinos, the search's window."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TypedDict

from llama.analyses.result.record import AlertSaid, ListSaid, MapHeader, ResultInputs
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.skymap_origin import of_another_event, read_remark
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.science.significance import is_classified
from llama.science.sky import SkyMap, likeliest_distance

_SLACK_S = 1e-3
_UNLIKE = 5.0  # ratio of distances that no real map's header and cells have
_PLACE = re.compile(r"^neutrino ([0-9]+):")


class Identity(TypedDict):
    """The event of a result."""

    event_id: str
    graceid: str
    event_time: str
    gps_time: float


class NeutrinoSeen(TypedDict):
    """One neutrino: `dt` is t_neutrino - t_gw in s, angles in degrees, energy in GeV."""

    i3event: str
    dt: float
    ra: float
    dec: float
    sigma: float
    energy: float
    type: str


def identity(info: SkymapInfo) -> Identity:
    """Which event a result is about."""
    return {
        "event_id": info.event_id,
        "graceid": info.graceid,
        "event_time": info.event_time,
        "gps_time": info.gps_time,
    }


def finite(log: float) -> float | None:
    """A logarithm as JSON can have it: null for that of zero."""
    return float(log) if math.isfinite(log) else None


def observed(row: NeutrinoRow, gps_time: float) -> NeutrinoSeen:
    """What was seen of one neutrino, `dt` seconds after the trigger."""
    return {
        "i3event": row.i3event,
        "dt": row.gps - gps_time,
        "ra": row.ra,
        "dec": row.dec,
        "sigma": row.sigma,
        "energy": row.energy,
        "type": row.type,
    }


def header_of(skymap: SkyMap, info: SkymapInfo) -> MapHeader:
    """What the header of the map says, whether it seems to be another event's, and what was odd in its file."""
    said = skymap.origin
    return MapHeader(
        creator=said.get("CREATOR"),
        origin=said.get("ORIGIN"),
        telescope=said.get("TELESCOP"),
        instruments=said.get("INSTRUME"),
        object=said.get("OBJECT"),
        date_obs=said.get("DATE-OBS"),
        doubt=of_another_event(said, info) or None,
        read=read_remark(said) or None,
    )


def result_inputs(info: SkymapInfo, header: MapHeader | None, neutrinos: NeutrinoList | None) -> ResultInputs:
    """The alert, the header of the map that was used, the neutrinos and what their list covers.

    What is said of neutrinos is null where IceCube was not asked.
    """
    rows = None if neutrinos is None else tuple(asdict(row) for row in neutrinos.neutrinos)
    return ResultInputs(AlertSaid.of(info), header, rows, None if neutrinos is None else _said_of(neutrinos))


def _said_of(neutrinos: NeutrinoList) -> ListSaid:
    return ListSaid(
        complete=neutrinos.complete,
        covered_s=neutrinos.covered_s,
        season=neutrinos.season,
        source=neutrinos.source,
        why=neutrinos.why,
        made_up=neutrinos.invented,
    )


def skymap_notes(skymap: SkyMap, info: SkymapInfo) -> list[str]:
    """Notes when the map seems to be another event's, its header another map's, or its file was odd."""
    told = [of_another_event(skymap.origin, info), read_remark(skymap.origin), _of_another_distance(skymap)]
    return list(filter(None, told))


def _of_another_distance(skymap: SkyMap) -> str:
    """A note when the header's distance, which limits use, is not at all that of the likeliest cells."""
    stated, typical = skymap.distmean_mpc, likeliest_distance(skymap)
    if stated is None or typical is None:
        return ""
    if 1 / _UNLIKE < stated / typical < _UNLIKE:
        return ""
    return (
        f"the sky map's header gives a distance of {stated:.3g} Mpc, its likeliest cells {typical:.3g} Mpc: limits "
        "of energy use the header, odds the cells"
    )


def named_notes(notes: Sequence[str], neutrinos: NeutrinoList | None) -> list[str]:
    """The statistic's notes with the names of neutrinos: it knows but their places in the list, counted from 0."""
    rows = () if neutrinos is None else neutrinos.neutrinos
    return [_PLACE.sub(lambda place: f"neutrino {rows[int(place[1])].i3event}:", note) for note in notes]


def uncovered_window(window_s: tuple[float, float], info: SkymapInfo, neutrinos: NeutrinoList) -> tuple[str, ...]:
    """A note when the list does not reach as far as the search looks; ValueError when they have no time in common."""
    first, last = (info.gps_time + reach for reach in window_s)
    windows = (
        f"the search looks at GPS {first:.2f} to {last:.2f}, the neutrino list covers {neutrinos.start_gps:.2f} to "
        f"{neutrinos.stop_gps:.2f}"
    )
    if not max(first, neutrinos.start_gps) < min(last, neutrinos.stop_gps):
        raise ValueError(f"{windows}: no time in common. Get a list for this event, or change the search's windows")
    reaches = neutrinos.start_gps <= first + _SLACK_S and neutrinos.stop_gps >= last - _SLACK_S
    return () if reaches else (f"{windows}; neutrinos of the rest are not known",)


def unclassified(p_astro: Mapping[str, float | None], info: SkymapInfo, population: str) -> list[str]:
    """A note when the alert's group alone chose the search."""
    if is_classified(p_astro):
        return []
    group = f"its group is {info.group}" if info.group else "nor a group"
    return [f"the alert gives no probability of BNS, NSBH, BBH or MassGap, {group}: searched for as {population}"]


def astrophysical(p_astro: Mapping[str, float | None]) -> float | None:
    """1 - p_terrestrial; None when the alert gives no classification."""
    terrestrial = p_astro.get("Terrestrial")
    return None if terrestrial is None else min(max(1.0 - terrestrial, 0.0), 1.0)  # but for rounding it is in there
