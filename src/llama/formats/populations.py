"""Background tables: `populations.hdf5`, and the text tables it is collated from."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from llama.formats.errors import FormatError, InputError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited, read_text, too_large
from llama.formats.on_demand import OnDemand
from llama.science.significance import BackgroundTable, Populations

COLUMNS = ("EVENT-ODDS-RATIO", "N", "SOURCE-DIRECTORY", "SKYMAP-FILENAME")
_OF_MAPS = ("map_area_deg2", "map_distance_mpc")


class PopulationsFile:
    """`populations.hdf5`: the parts of a table's name are its path, the leaf is an ascending array of odds."""

    def write(self, value: Populations, path: Path) -> None:
        # Timestamps off: the same tables give the same bytes
        with h5py.File(path, "w", track_order=False, libver="latest") as file:
            for name, table in sorted(value.tables.items()):
                leaf = file.create_dataset(name, data=table.statistics, compression="gzip", track_times=False)
                leaf.attrs["rate_hz"] = table.rate_hz
                leaf.attrs["search_digest"] = table.search_digest
                leaf.attrs["response_digest"] = table.response_digest
                leaf.attrs["distance_mode"] = table.distance_mode
                leaf.attrs["provenance"] = table.provenance
                if table.sky_maps is not None:
                    leaf.attrs["sky_maps"] = table.sky_maps
                for name in _OF_MAPS:
                    if quantiles := getattr(table, name):
                        leaf.attrs[name] = quantiles

    def read(self, path: Path) -> Populations:
        """The tables, each of which is read when it is asked for; FormatError then or now when something is wrong."""
        # From memory: HDF5's own file locks would let one reader keep out another
        try:
            data = read_limited(path, MAX_TABLES_BYTES, "a file of tables")
        except OSError as error:
            raise FormatError(f"{path.name} is not a table of populations: {error}") from error

        def table(name: str) -> BackgroundTable:
            with _opened(data, path.name) as file:
                return _table(file[name])

        with _opened(data, path.name) as file:
            return Populations(OnDemand(_names(file), table))


@contextmanager
def _opened(data: bytes, name: str) -> Iterator[h5py.File]:
    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except (OSError, KeyError, ValueError) as error:
        raise FormatError(f"{name} is not a table of populations: {error}") from error


def _names(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visit(found.append)
    groups = {name.rpartition("/")[0] for name in found}
    return [name for name in found if name not in groups]


def _table(leaf: h5py.Dataset) -> BackgroundTable:
    if leaf.nbytes > MAX_TABLES_BYTES:  # a few bytes packed can be any number unpacked
        raise InputError(too_large(leaf.name, leaf.nbytes, MAX_TABLES_BYTES, "a background table"))
    return BackgroundTable(
        name=leaf.name.strip("/"),
        statistics=np.asarray(leaf[()], dtype=np.float64),
        rate_hz=float(leaf.attrs["rate_hz"]),
        search_digest=str(leaf.attrs["search_digest"]),
        response_digest=str(leaf.attrs.get("response_digest", "")),
        distance_mode=str(leaf.attrs["distance_mode"]),
        provenance=str(leaf.attrs["provenance"]),
        sky_maps=int(leaf.attrs["sky_maps"]) if "sky_maps" in leaf.attrs else None,
        **{name: tuple(map(float, np.ravel(leaf.attrs[name]))) for name in _OF_MAPS if name in leaf.attrs},
    )


@dataclass(frozen=True, slots=True)
class BackgroundRow:
    """One background event: its odds, how many neutrinos it had, where they came from, which sky map."""

    odds_ratio: float
    n: int
    source: str
    skymap: str


def write_table(path: Path, rows: Iterable[BackgroundRow], *, comments: dict[str, str]) -> None:
    """A text table: `#` lines with what it was made with, the header, a rule, then aligned rows."""
    lines = [f"# {key}: {value}" for key, value in comments.items()]
    lines.append(f"{COLUMNS[0]:<23}  {COLUMNS[1]:>4}  {COLUMNS[2]:<32}  {COLUMNS[3]}")
    lines.append("-" * len(lines[-1]))
    lines.extend(f"{row.odds_ratio:<+23.16e}  {row.n:>4}  {row.source:<32}  {row.skymap}" for row in rows)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_table(path: Path) -> tuple[dict[str, str], list[BackgroundRow]]:
    """Comments and rows of a text table; FormatError names the line that is wrong."""
    comments, rows = {}, []
    for number, line in enumerate(read_text(path, MAX_TABLES_BYTES, "a background table").splitlines(), start=1):
        if line.startswith("#"):
            key, _, value = line[1:].partition(":")
            comments[key.strip()] = value.strip()
        elif line.strip() and not line.startswith((COLUMNS[0], "--", "==")):
            rows.append(_row(path, number, line))
    return comments, rows


def _row(path: Path, number: int, line: str) -> BackgroundRow:
    words = line.split(maxsplit=3)
    try:
        row = BackgroundRow(float(words[0]), int(words[1]), words[2], words[3])
    except (ValueError, IndexError) as error:
        raise FormatError(f"{path.name}, line {number}: expected {' '.join(COLUMNS)}: {error}") from error
    if not np.isfinite(row.odds_ratio) or row.odds_ratio < 0:
        raise FormatError(f"{path.name}, line {number}: an odds ratio of {words[0]}")
    return row


def table_name(path: Path, comments: dict[str, str]) -> str:
    """The table's name from its file's: SEARCH-POPULATION-RUN-DETECTORS-SEASON, joined by "/".

    Three parts mean search `opa`; without a season in the name it is taken from the comments.
    """
    parts = path.stem.split("-", 4)
    if len(parts) == 3:
        parts.insert(0, "opa")
    if len(parts) == 4 and comments.get("season"):
        parts.append(comments["season"])
    if len(parts) != 5:
        raise FormatError(f"{path.name}: a background table is called SEARCH-POPULATION-RUN-DETECTORS-SEASON.txt")
    return "/".join(parts)


def collate(folder: Path, out: Path, *, overwrite: bool = False) -> Populations:
    """Every text table of a folder as one `populations.hdf5`; FormatError when there is none or one is wrong."""
    if out.exists() and not overwrite:
        raise FormatError(f"{out} exists already and was left as it is; -c overwrites it")
    tables = [_background(path) for path in sorted(folder.glob("*.txt"))]
    if not tables:
        raise FormatError(f"no background table (*.txt) in {folder}")
    populations = Populations({table.name: table for table in tables})
    unfinished = out.with_name(f".{out.name}.new")
    PopulationsFile().write(populations, unfinished)
    unfinished.replace(out)
    return populations


def _background(path: Path) -> BackgroundTable:
    comments, rows = read_table(path)
    try:
        return BackgroundTable(
            name=table_name(path, comments),
            statistics=np.sort([row.odds_ratio for row in rows]),
            rate_hz=float(comments["rate_hz"]),
            search_digest=comments["search_digest"],
            response_digest=comments.get("response_digest", ""),
            distance_mode=comments["distance_mode"],
            provenance=comments["provenance"],
            sky_maps=len({row.skymap for row in rows}),
        )
    except KeyError as error:
        raise FormatError(f"{path.name} does not say its {error.args[0]} in a comment line") from error
