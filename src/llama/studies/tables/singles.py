"""Tables of single neutrinos: a row per neutrino of background events, with its own odds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from llama.analyses.gw_neutrino import STATISTIC
from llama.analyses.result import finite_odds
from llama.formats.background_table import SINGLES, TextTable, aligned, ended, told
from llama.formats.errors import InputError
from llama.formats.limits import MAX_RECORD_BYTES, read_limited
from llama.studies.tables.events import add_event, event_folders, result_of
from llama.studies.tables.parts import NO_VALUE, Gathered, TablePlaces, relative

COLUMNS = (SINGLES, "NEUTRINO", "SOURCE-DIRECTORY", "SKYMAP-FILENAME")


@dataclass(frozen=True, slots=True)
class SingleRow:
    """One neutrino of a background event: its odds by itself at p_astro 1, its name, and the event's row."""

    odds_ratio: float
    neutrino: str
    source: str
    skymap: str


def neutrino_rows(sources: TablePlaces, found: Gathered, here: Path) -> list[SingleRow]:
    """All neutrinos of all event folders at the places, in order of the folders; their events are found as well."""
    rows = [row for folder in event_folders(sources) for row in _of_event(folder, sources.search, found, here)]
    return sorted(rows, key=lambda row: (row.source, row.neutrino))


def _of_event(folder: Path, search: str, found: Gathered, here: Path) -> list[SingleRow]:
    content = result_of(folder, search, found, here)
    if content is None:
        return []
    name = relative(folder, here)
    try:
        odds = _odds(folder)
        names = [str(one["i3event"]) for one in content["single_neutrino"]]
        skymap = str(content["inputs"]["gw_skymap_info"]["skymap_filename"])
        rows = [SingleRow(one, who, name, skymap) for one, who in zip(odds, names, strict=True)]
    except (InputError, OSError, ValueError, KeyError, TypeError, msgspec.MsgspecError) as error:
        found.leave_out(NO_VALUE, f"{name} has no odds of single neutrinos at p_astro 1: {error!r}")
        return []
    return rows if add_event(found, folder, content, search, here) else []


def _odds(folder: Path) -> list[float]:
    """Of each neutrino, as p-values of single neutrinos are read from: at p_astro 1."""
    kept: Mapping[str, Any] = msgspec.json.decode(
        read_limited(folder / STATISTIC.filename, MAX_RECORD_BYTES, "a statistic")
    )
    less = float(kept["log_complement"])
    values = [one["log_b_apart"] for one in kept["neutrinos"]]
    return [finite_odds(-math.inf if value is None else float(value) - less) for value in values]


def singles_text(every: list[SingleRow], events: TextTable) -> tuple[str, int]:
    """In the layout of the tables of events, with what is known of these, and how many neutrinos are in it.

    Events that such a table leaves out have no row here either.
    """
    sources = {event.source for event in events.rows}
    rows = [row for row in every if row.source in sources]
    cells = (
        [f"{row.odds_ratio:+.11g}" for row in rows],
        [row.neutrino for row in rows],
        [row.source for row in rows],
        [row.skymap for row in rows],
    )
    about = [f"# events: {len(events.rows)}", *told(events), ended(len(rows))]
    return "\n".join([*aligned(COLUMNS, cells, "><<>"), *about]) + "\n", len(rows)
