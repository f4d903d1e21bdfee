"""Background events: sky maps of simulated signals with neutrinos that have nothing to do with them.

Each event is one sky map and one list from a neutrino source that draws from the observed background (their number
Poisson, real events with scrambled right ascension, times uniform in the window), through the same statistic as a
real event. One pass gives the statistic of every search type. Event i of a study uses map i modulo the number of
maps and the list that its own seed gives, so a table depends neither on how many workers drew it nor on which other
tables were drawn along with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np

import llama
from llama.analyses.result import LIST_STATISTICS, finite_odds, response_digest, search_digest
from llama.formats.background_table import BackgroundRow, Of, TextTable, table_name, write_table
from llama.formats.errors import FormatError
from llama.formats.limits import MAX_RECORD_BYTES, read_text
from llama.formats.skymap import read_skymap
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.products import WINDOW_S
from llama.messengers.icecube.record import from_window
from llama.ports import NeutrinoSource
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.significance import Searches, TableKind
from llama.science.sky import credible_area_deg2, mean_distance
from llama.science.statistic import GWTrigger, NeutrinoLists, list_statistics, prepare
from llama.studies.blocks import Arrays, Blocks, Form, code_digest
from llama.studies.clusters import Start

GPS_S = 1_000_000_000.0
"""The time given to every event; nothing depends on it but the differences to the neutrinos'."""

P_ASTRO = 1.0
"""Maps of simulated signals stand for real mergers."""

_TRIGGER = GWTrigger(GPS_S, None, P_ASTRO)


@dataclass(frozen=True)
class Study:
    """A background study: which maps, whose neutrinos, how many events.

    `label` tells its seeds from those of other studies.
    """

    maps: tuple[Path, ...]
    events: int
    label: str
    season: SeasonTable
    search: Search

    @property
    def distance_mode(self) -> str:
        """How the odds use the distance, which the first map decides and all must share."""
        return prepare(read_skymap(self.maps[0]), _TRIGGER, self.season, self.search).mode

    @property
    def digest(self) -> str:
        """Of all that its events depend on besides their seeds."""
        files = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in self.maps]
        said = (files, search_digest(self.search), response_digest(self.season), code_digest())
        return sha256(repr(said).encode()).hexdigest()

    @property
    def blocks(self) -> list[range]:
        """Event numbers by sky map: a map is read once."""
        return [range(i, self.events, len(self.maps)) for i in range(min(len(self.maps), self.events))]


@dataclass(frozen=True)
class Drawn:
    """One background event.

    Attributes:
        log_odds: ln of its odds by search type, −inf for 0.
        n: how many neutrinos it had. seed: where they came from. skymap: the map's file name.
        map_of: area of its 90 % region, deg², and mean distance, Mpc, NaN without one.
    """

    log_odds: Mapping[str, float]
    n: int
    seed: str
    skymap: str
    map_of: Of

    def row(self, search_type: str) -> BackgroundRow:
        """As a line of the table of one search type."""
        return BackgroundRow(finite_odds(self.log_odds[search_type]), self.n, self.seed, self.skymap)


def draw_block(study: Study, connect: Callable[[], NeutrinoSource], mode: str, block: range) -> list[Drawn]:
    """The events of one sky map; ValueError when its distance mode is not the study's."""
    source = connect()
    path = study.maps[block.start % len(study.maps)]
    skymap = read_skymap(path)
    prepared = prepare(skymap, _TRIGGER, study.season, study.search)
    if prepared.mode != mode:
        raise ValueError(f"{path} has distance mode {prepared.mode}, other maps of the list {mode}; list them apart")
    seeds = [f"{study.label}/{i}" for i in block]
    windows = [source.window(GPS_S - WINDOW_S, GPS_S + WINDOW_S, seed=seed) for seed in seeds]
    lists = NeutrinoLists.of([kernel_arrays(from_window(window, source.name)) for window in windows])
    found = list_statistics(prepared, _TRIGGER, lists, study.season, study.search, quick=True)
    log_odds = {search_type: of(found) for search_type, of in LIST_STATISTICS.items()}
    stated = mean_distance(skymap)
    map_of = (credible_area_deg2(skymap, 0.9), np.nan if stated is None else stated[0])
    return [
        Drawn({search_type: float(odds[k]) for search_type, odds in log_odds.items()}, count, seed, path.name, map_of)
        for k, (seed, count) in enumerate(zip(seeds, np.diff(lists.start).tolist(), strict=True))
    ]


def draw(
    study: Study, connect: Callable[[], NeutrinoSource], executor: Executor, keep: Path | None = None
) -> Iterator[list[Drawn]]:
    """Blocks of events as they come, in order of their maps; in a folder `keep` each stays as soon as it is drawn.

    `connect` gives the source, wherever a block is drawn; it is asked for each, and opens one once per process.

    Raises ValueError for maps of different distance modes, and where an antenna pattern would be needed: the maps do
    not say at which sidereal time they are.
    """
    mode = study.distance_mode
    if mode == "marginal" and study.search.antenna_pattern:
        raise ValueError("no background can be drawn in distance mode marginal with an antenna pattern; turn it off")
    task = functools.partial(draw_block, study, connect, mode)
    blocks = Blocks(executor) if keep is None else Blocks(executor, keep, study.digest)
    yield from blocks.draw(study.label, task, study.blocks, _KEPT)


def _arrays(drawn: list[Drawn]) -> Arrays:
    return {
        **{name: np.array([one.log_odds[name] for one in drawn]) for name in LIST_STATISTICS},
        "n": np.array([one.n for one in drawn]),
        "seed": np.array([one.seed for one in drawn]),
        "skymap": np.array([one.skymap for one in drawn]),
        "map_of": np.array([one.map_of for one in drawn]),
    }


def _drawn(arrays: Arrays) -> list[Drawn]:
    odds = {name: arrays[name].tolist() for name in LIST_STATISTICS}
    rest = (arrays[name].tolist() for name in ("n", "seed", "skymap", "map_of"))
    return [
        Drawn({name: odds[name][k] for name in odds}, n, seed, skymap, (of[0], of[1]))
        for k, (n, seed, skymap, of) in enumerate(zip(*rest, strict=True))
    ]


_KEPT: Form[list[Drawn]] = Form(_arrays, _drawn)


def in_order(study: Study, blocks: Sequence[list[Drawn]]) -> list[Drawn]:
    """All events by number."""
    events = dict(
        zip((i for block in study.blocks for i in block), (e for block in blocks for e in block), strict=True)
    )
    return [events[i] for i in range(study.events)]


def listed_maps(path: Path) -> tuple[Path, ...]:
    """The sky maps of a list, one path per line; FormatError when there is none or one is not there."""
    maps = tuple(Path(line) for line in read_text(path, MAX_RECORD_BYTES, "a list of sky maps").split())
    missing = [one for one in maps if not one.is_file()]
    if missing or not maps:
        what = f"a sky map that is not there: {missing[0]}" if missing else "no sky maps"
        raise FormatError(f"{path} lists {what}")
    return maps


def tables_by_type(tables: Sequence[Path], season: str, *, overwrite: bool) -> tuple[TableKind, dict[str, Path]]:
    """What tables of one draw have in common, with the search type of the first, and each table by search type.

    Raises FormatError for one that is there already, and for names that do not belong together.
    """
    kinds = [TableKind.named(table_name(table, {}, {"season": season})) for table in tables]
    for table, kind in zip(tables, kinds, strict=True):
        if table.exists() and not overwrite:
            raise FormatError(f"{table} exists already and was left as it is; -c overwrites it")
        if kind.search_type not in LIST_STATISTICS:
            there = ", ".join(LIST_STATISTICS)
            raise FormatError(f"{table.name} is named for search type {kind.search_type}; there are {there}")
        if replace(kind, search_type=kinds[0].search_type) != kinds[0]:
            raise FormatError(f"{table.name} and {tables[0].name} may differ in nothing but the search type")
    by_type = {kind.search_type: table for kind, table in zip(kinds, tables, strict=True)}
    if len(by_type) < len(tables):
        raise FormatError(f"two tables of one search type: {', '.join(table.name for table in tables)}")
    return kinds[0], by_type


def write_tables(study: Study, drawn: Sequence[Drawn], tables: Mapping[str, Path]) -> None:
    """One table per search type."""
    maps = {event.skymap: event.map_of for event in drawn}
    for search_type, table in tables.items():
        kind = TableKind.named(table_name(table, {"season": study.season.name}))
        rows = [event.row(search_type) for event in drawn]
        write_table(table, TextTable(rows, comments_of(study, kind), maps))


def comments_of(study: Study, kind: TableKind) -> dict[str, str]:
    """What a table of the study was made with."""
    season = study.season
    return {
        "search": kind.search_type,
        "population": kind.population,
        "run": kind.run,
        "detectors": kind.detectors,
        "season": season.name,
        "rate_hz": repr(season.rate_hz),
        "search_digest": search_digest(study.search),
        "response_digest": response_digest(season),
        "distance_mode": study.distance_mode,
        "provenance": f"scrambled neutrinos of {season.name}, p_astro {P_ASTRO:g}, llama {llama.__version__}",
    }


def search_of_table(out: Path, kind: TableKind, season: str, searches: Searches) -> Search:
    """The search of the population in a table's name; FormatError when the name contradicts it or the season."""
    try:
        search = searches[kind.population].search
    except ValueError as error:
        raise FormatError(f"{out.name}: {error}") from error
    for what, said, meant in (("season", kind.season, season), ("run", kind.run, search.run)):
        if said != meant:
            raise FormatError(f"{out.name} is named for {what} {said}, but would be of {meant}; rename it")
    return search


@dataclass(frozen=True)
class Outside:
    """What a study needs that is not in its sky maps.

    `season` gives the table of a season, `connect` what gives each worker process the source that draws from it.
    """

    searches: Callable[[], Searches]
    season: Callable[[str], SeasonTable]
    connect: Callable[[str], Callable[[], NeutrinoSource]]


def draw_tables(
    maps: Path,
    tables: Sequence[Path],
    outside: Outside,
    *,
    season: str,
    events: int,
    start: Start,
    overwrite: bool = False,
) -> int:
    """Write background tables, one per search type, from a list of sky maps; returns how many events each has."""
    from tqdm import tqdm

    paths = listed_maps(maps)
    kind, by_type = tables_by_type(tables, season, overwrite=overwrite)
    search = search_of_table(tables[0], kind, season, outside.searches())
    # Not the search type: events are the same for all
    label = f"{kind.population}-{kind.run}-{kind.detectors}-{season}"
    study = Study(paths, events, label, outside.season(season), search)
    try:
        with start() as executor:
            drawn = draw(study, outside.connect(season), executor)
            blocks = list(tqdm(drawn, total=len(study.blocks), unit="map", leave=False))
    except ValueError as error:
        raise FormatError(str(error)) from error
    write_tables(study, in_order(study, blocks), by_type)
    return events
