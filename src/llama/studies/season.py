"""A season of one's own: from files in the public formats to response tables and events to draw from, one digest.

The scripts that make the packaged files use the same. `SeasonFiles` is what goes in, `make_season` what comes out.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from llama.analyses.result import response_digest
from llama.formats.errors import TableError
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.messengers.icecube.blinding import withheld_in
from llama.science.arrays import Float
from llama.science.detector import (
    IceCubeEvents,
    IceCubeTables,
    SeasonEvents,
    SeasonSample,
    SeasonTable,
    season_events,
    season_table,
)
from llama.studies.season_files import (
    check_one_sample,
    find,
    inside,
    joined,
    livetime_s,
    read_area,
    read_events,
    read_runs,
    read_smearing,
)

LEAST_SIGMA_DEG = 0.2
"""As in the 10-year release, and as everywhere in the search (`llama.services.icecube`)."""

TABLES_FILENAME, EVENTS_FILENAME = "icecube_tables.h5", "icecube_events.h5"
_DECIMALS = 4  # of the file of events: tables must count just those
_MOST_OUTSIDE = 0.01


@dataclass(frozen=True)
class SeasonFiles:
    """What a season is made from.

    Attributes:
        events, livetime: tables of events and lists of good runs, all of one detector configuration and selection.
        smearing: None leaves it out.
        label: how the source begins that results quote; empty for the names of the files alone.
    """

    name: str
    events: tuple[Path, ...]
    livetime: tuple[Path, ...]
    area: Path
    smearing: Path | None = None
    label: str = ""


@dataclass(frozen=True, eq=False)
class MadeSeason:
    """A season's table, and its events; `outside` is how many of them no good run holds."""

    table: SeasonTable
    events: SeasonEvents
    outside: int


def read_sample(files: SeasonFiles) -> tuple[SeasonSample, int]:
    """What the files hold, and how many events no good run holds. TableError says what is wrong with them."""
    events, runs, area = [*map(find, files.events)], [*map(find, files.livetime)], find(files.area)
    table, good = joined([read_events(one) for one in events]), joined([read_runs(one) for one in runs])
    livetime = livetime_s(good, ", ".join(str(one.path) for one in runs))
    outside = int(np.count_nonzero(~inside(table[:, 0], good)))
    if outside > _MOST_OUTSIDE * len(table):
        raise TableError(
            f"{outside} of {len(table)} events of {files.name} lie in no good run: are these lists of one sample?"
        )
    check_one_sample(table, good, files.name)
    used = [*([find(files.smearing)] if files.smearing else []), *runs, *events, area]
    sample = SeasonSample(
        name=files.name,
        log10_energy=_as_written(table[:, 1]),
        dec_deg=_as_written(table[:, 4]),
        sigma_deg=_as_written(table[:, 2]),
        livetime_s=livetime,
        area_cm2=read_area(area),
        source="; ".join(filter(None, [files.label, *dict.fromkeys(one.told for one in used)])),
    )
    return sample, outside


def reference(tables: IceCubeTables, events: IceCubeEvents, name: str) -> SeasonSample:
    """A season that is there already, to compare the energies of another with."""
    table, drawn = tables.season(name), events.season(name)
    return SeasonSample(
        name=name,
        log10_energy=_as_written(np.log10(drawn.energy_gev)),
        dec_deg=np.degrees(drawn.dec_rad),
        sigma_deg=np.degrees(drawn.sigma_rad),
        livetime_s=table.livetime_s,
        area_cm2=table.effective_area_cm2,
        source=table.source,
    )


def make_season(files: SeasonFiles, own: SeasonSample | None) -> MadeSeason:
    """The season of these files. TableError for what gives none.

    Args:
        own: whose the smearing is, where it is not the season's own; ignored without smearing.
    """
    sample, outside = read_sample(files)
    smearing = None if files.smearing is None else read_smearing(find(files.smearing))
    try:
        table = season_table(sample, smearing, own)
        events = season_events(sample, _told(files), LEAST_SIGMA_DEG)
    except ValueError as error:
        raise TableError(str(error)) from error
    return MadeSeason(table, events, outside)


def _told(files: SeasonFiles) -> str:
    digests = (f"{one.container.name} sha256 {one.digest}" for one in map(find, files.events))
    how = f"all events; the last column at least {LEAST_SIGMA_DEG} deg; made from these files by the code of LLAMA"
    return "; ".join([*dict.fromkeys(digests), how])


@dataclass(frozen=True, eq=False)
class AddedSeason:
    """A season as it stands in its two files, with one digest of both; `outside` as in MadeSeason."""

    table: SeasonTable
    digest: str
    outside: int
    tables_path: Path
    events_path: Path


def add_season(
    files: SeasonFiles,
    there: tuple[IceCubeTables, IceCubeEvents],
    folder: Path,
    *,
    smearing_of: str,
    alone: bool = False,
    overwrite: bool = False,
) -> AddedSeason:
    """Make a season and write both files, with the seasons that are `there` unless it is to stand alone.

    Raises TableError for files that are none, do not fit together or give no season; what was in the folder stays
    then.
    """
    tables, events = there
    if hidden := withheld_in(files.name):
        raise TableError(
            f"blinded events would not tell {hidden} in the name {files.name}, as it might be a place; numbers that "
            "follow a letter, or a letter or digit and a hyphen, may stay: IC86-2012"
        )
    paths = folder / TABLES_FILENAME, folder / EVENTS_FILENAME
    if not overwrite:
        _refuse_overwriting(files.name, paths, () if alone else (*tables.seasons, *events.seasons))
    own = None if files.smearing is None or smearing_of == files.name else _reference(tables, events, smearing_of)
    made = make_season(files, own)
    others = () if alone else tuple(set(tables.seasons) & set(events.seasons) - {files.name})
    all_tables = {name: tables.season(name) for name in others} | {files.name: made.table}
    all_events = {name: events.season(name) for name in others} | {files.name: made.events}
    folder.mkdir(parents=True, exist_ok=True)
    _replace(paths[0], lambda path: IceCubeTablesFile().write(IceCubeTables(all_tables), path))
    _replace(paths[1], lambda path: IceCubeEventsFile().write(IceCubeEvents(all_events), path))
    table = IceCubeTablesFile().read(paths[0]).season(files.name)
    drawn = IceCubeEventsFile().read(paths[1]).season(files.name)
    return AddedSeason(table, season_digest(table, drawn), made.outside, *paths)


def _refuse_overwriting(name: str, paths: tuple[Path, ...], seasons: tuple[str, ...]) -> None:
    if there := next((path for path in paths if path.exists()), None):
        raise TableError(f"{there} is there already; give another folder, or -c to overwrite it")
    if name in seasons:
        raise TableError(f"there is a season {name} already; give another name, -c to replace it, or --alone")


def _reference(tables: IceCubeTables, events: IceCubeEvents, name: str) -> SeasonSample:
    try:
        return reference(tables, events, name)
    except ValueError as error:
        raise TableError(f"--smearing-of {name}: {error}") from error


def _as_written(values: Float) -> Float:
    """With as many decimals as the file of events has."""
    return np.asarray(np.round(values, _DECIMALS), dtype=np.float64)


def season_digest(table: SeasonTable, events: SeasonEvents) -> str:
    """One name for both: of all numbers of the table and of all events (SHA-256), as files hold them."""
    content = f"{table.name}\0{response_digest(table)}\0{events.digest}"
    return hashlib.sha256(content.encode()).hexdigest()


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
