"""Rows of event folders: any tree that holds some, as they were pulled from servers or fetched from a store."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from llama.analyses.gw_neutrino import NEUTRINOS, SIGNIFICANCE, SIGNIFICANCE_SUBTHRESHOLD, STATISTIC
from llama.formats.background_table import BackgroundRow, Of
from llama.formats.errors import InputError
from llama.formats.limits import MAX_RECORD_BYTES, read_limited
from llama.messengers.gw.products import SKYMAP_INFO
from llama.studies.tables.parts import (
    DAMAGED_FILE,
    NO_EVENT,
    NO_RESULT,
    NO_VALUE,
    TWICE,
    Gathered,
    TablePlaces,
    relative,
)
from llama.studies.trials import EVENT_FOLDERS

RESULTS = {"opa": SIGNIFICANCE.filename, "subthreshold": SIGNIFICANCE_SUBTHRESHOLD.filename}
_RECEIVED = (SKYMAP_INFO.filename, NEUTRINOS.filename)
NOT_KNOWN = (float("nan"), float("nan"))


def event_parts(sources: TablePlaces, found: Gathered, here: Path) -> int:
    """Read all event folders below the places; returns how many folders looked like one."""
    many = 0
    for folder in event_folders(sources):
        many += 1
        result = result_of(folder, sources.search, found, here)
        if result is not None:
            add_event(found, folder, result, sources.search, here)
    return many


def event_folders(sources: TablePlaces) -> Iterator[Path]:
    """Folders with a result of any search, and those in a folder called as events of this kind are."""
    wanted = EVENT_FOLDERS[sources.kind]
    others, walked = set(EVENT_FOLDERS.values()) - {wanted}, set[Path]()
    for place in sources.places:
        if not place.is_dir():
            continue
        for folder, folders, files in os.walk(place):
            folders[:] = sorted(name for name in folders if name not in others and not name.startswith("."))
            path = Path(folder)
            if path.resolve() in walked:  # one place may lie in another
                folders.clear()
                continue
            walked.add(path.resolve())
            if path.resolve().parent.name == wanted if path == place else path.parent.name == wanted:
                folders.clear()
                yield path
            elif set(RESULTS.values()) & set(files):
                yield path


def result_of(folder: Path, search: str, found: Gathered, here: Path) -> Mapping[str, Any] | None:
    """The significance file of an event as plain values; None when there is none to use, which is told."""
    name, path = relative(folder, here), folder / RESULTS[search]
    if not path.exists():
        if any((folder / file).exists() for file in (*_RECEIVED, *RESULTS.values())):
            found.leave_out(NO_RESULT, f"{name} has no {path.name}")
        else:
            found.leave_out(NO_EVENT, f"{name} is no event")
        return None
    try:
        content = msgspec.json.decode(read_limited(path, MAX_RECORD_BYTES, "a result"))
        if not isinstance(content, dict) or not isinstance(content["single_neutrino"], list):
            raise ValueError("it has no list of neutrinos")
    except (InputError, OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
        found.leave_out(DAMAGED_FILE, f"{name}/{path.name} is damaged: {error}")
        return None
    if not found.is_new(_identity(content)):
        found.leave_out(TWICE, f"{name} is there twice: another event has its sky map, its neutrinos and its block")
        return None
    return content


def _identity(content: Mapping[str, Any]) -> object:
    """What tells an event from all others: what it was given. Events without neutrinos may be alike by chance."""
    inputs = content.get("inputs") or {}
    given = (inputs.get("gw_skymap_info"), inputs.get("neutrino_info"))
    drawn = "trial of a study" in str(_of(inputs, "gw_skymap_info").get("search", ""))
    alike = drawn or bool(given[1])
    return sha256(msgspec.json.encode((content.get("search_type"), given))).digest() if alike else object()


def add_event(found: Gathered, folder: Path, content: Mapping[str, Any], search: str, here: Path) -> bool:
    """Its row, to those that were made alike; whether it has one."""
    name, odds = relative(folder, here), content.get("p_value_odds_ratio")
    if not isinstance(odds, int | float) or not 0 <= odds < float("inf"):
        found.leave_out(NO_VALUE, f"{name} has no odds at p_astro 1 (p_value_odds_ratio)")
        return False
    statistic = _statistic(folder)
    inputs = _of(content, "inputs")
    neutrinos = _of(inputs, "neutrino_list").get("source") or "not recorded"
    part = found.of(
        facts_of(content, statistic, search), f"event folders, neutrinos {neutrinos}, odds at p_astro 1", name
    )
    skymap = str(_of(inputs, "gw_skymap_info").get("skymap_filename") or "unknown")
    part.rows.append(BackgroundRow(float(odds), len(content["single_neutrino"]), name, skymap))
    part.maps[skymap] = _map_of(statistic)
    return True


def _of(content: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = content.get(key)
    return found if isinstance(found, dict) else {}


def _statistic(folder: Path) -> Mapping[str, Any]:
    """The event's statistic file, where the digests are; nothing when it is missing or damaged."""
    try:
        found = msgspec.json.decode(read_limited(folder / STATISTIC.filename, MAX_RECORD_BYTES, "a statistic"))
    except (InputError, OSError, ValueError, msgspec.MsgspecError):
        return {}  # then its row does not say how it was made, which is told
    return found if isinstance(found, dict) else {}


def facts_of(content: Mapping[str, Any], statistic: Mapping[str, Any], search: str) -> dict[str, str]:
    """What an event says of how it was made, by `FACTS`."""
    inputs = _of(content, "inputs")
    parameters = _of(inputs, "search_parameters")
    table = _of(_of(content, "p_value_population"), "table")
    used, rate = _of(statistic, "search"), parameters.get("ratebgnu")
    facts = {
        "search": search,
        "population": content.get("population"),
        "run": parameters.get("sensitivity"),
        "detectors": "".join(sorted(map(str, _of(inputs, "gw_skymap_info").get("instruments") or ()))) or "unknown",
        "season": _of(inputs, "neutrino_list").get("season"),
        "rate_hz": "" if rate is None else repr(rate),
        "search_digest": used.get("search_digest") or table.get("search_digest"),
        "response_digest": used.get("response_digest") or table.get("response_digest"),
        "distance_mode": content.get("distance_mode"),
    }
    return {key: str(value or "") for key, value in facts.items()}


def _map_of(statistic: Mapping[str, Any]) -> Of:
    """Area and mean distance of its sky map."""
    said = _of(statistic, "skymap")
    area, distance = said.get("area_deg2"), said.get("distance_mpc")
    if not isinstance(area, int | float):
        return NOT_KNOWN
    return float(area), float(distance[0]) if isinstance(distance, list) and distance else NOT_KNOWN[1]
