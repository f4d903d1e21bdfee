"""A stretch of a release as a small CSV file, for a demonstration without any download.

    # source: icecube-3yr
    # window_gps: START STOP
    season,row,mjd,log10_energy_gev,ang_err_deg,ra_deg,dec_deg,azimuth_deg,zenith_deg
    IC86-2011,17,55695.12345678,3.2,0.4,…

Numbers are as released: floor and checks are applied while reading, as for the whole release. Other lines that start
with `#` are for people. Its livetime comes from the packaged good-run lists, inside the window only.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.advice import INSTALL_ICECUBE
from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.services.errors import ArchiveError
from llama.services.icecube.archive import ASK_AGAIN, IceCubeArchive, clipped
from llama.services.icecube.sample import (
    COLUMNS,
    UPTIME_NAMES,
    Sample,
    Season,
    event_columns,
    packaged_uptime,
    runs_in_gps,
)

FIELDS = (
    "season", "row", "mjd", "log10_energy_gev", "ang_err_deg", "ra_deg", "dec_deg", "azimuth_deg", "zenith_deg",
)  # fmt: skip
ADVICE = f"; for the rest run {INSTALL_ICECUBE}, then {ASK_AGAIN}"


def read_excerpt(path: Path) -> IceCubeArchive:
    """The excerpt as a source of its own, which says so outside its window. Raises ArchiveError."""
    try:
        lines = read_text(path, MAX_RECORD_BYTES, "an excerpt").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArchiveError(f"the excerpt {path} cannot be read ({error})") from error
    notes = dict(_note(line) for line in lines if line.startswith("#") and ":" in line)
    try:
        start, stop = (float(word) for word in notes["window_gps"].split())
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        tables = _by_season(rows)
        sample = Sample(notes["source"], _seasons(tables, start, stop, path.name))
    except (KeyError, ValueError, TypeError) as error:
        raise ArchiveError(f"{path} is not an excerpt of a neutrino release ({error!r})") from error
    return IceCubeArchive(sample, within=(start, stop), advice=ADVICE)


def _note(line: str) -> tuple[str, str]:
    name, _, value = line[1:].partition(":")
    return name.strip(), value.strip()


def _by_season(rows: list[dict[str, str]]) -> dict[str, NDArray[np.float64]]:
    """By season, (n, 8): the row in the release and its seven columns."""
    tables: dict[str, list[list[float]]] = {}
    for row in rows:
        tables.setdefault(row["season"], []).append([float(row[field]) for field in FIELDS[1:]])
    return {season: np.array(table) for season, table in tables.items()}


def _seasons(tables: dict[str, NDArray[np.float64]], start: float, stop: float, name: str) -> tuple[Season, ...]:
    """Every season of the 3-year release with a good run in the window, whether or not it has an event there."""
    packaged = packaged_uptime()
    if unknown := set(tables) - set(UPTIME_NAMES):
        raise ValueError(f"no season {', '.join(sorted(unknown))} in {name}")
    seasons = []
    for season, uptime in UPTIME_NAMES.items():
        runs = clipped(runs_in_gps(packaged[uptime]), start, stop)
        if season in tables or len(runs):
            seasons.append(Season(season, runs, _columns(tables.get(season), name)))
    return tuple(seasons)


def _columns(table: NDArray[np.float64] | None, name: str) -> NDArray[np.float64]:
    if table is None:
        return np.empty((len(COLUMNS), 0))
    columns = event_columns(table[:, 1:], name)
    columns[-1] = table[columns[-1].astype(int), 0]  # from row of the excerpt to row of the release
    return columns
