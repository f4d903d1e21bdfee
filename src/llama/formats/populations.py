"""Background tables as partners read them: `populations.hdf5`, collated from text tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray

from llama.formats.background_table import BACKGROUND, TextTable, read_table, table_name
from llama.formats.errors import FormatError, InputError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited, too_large
from llama.formats.on_demand import OnDemand
from llama.science.significance import BackgroundTable, Populations, compacted

_OF_MAPS = ("map_area_deg2", "map_distance_mpc")


class PopulationsFile:
    """`populations.hdf5`: the parts of a table's name are its path, the leaf is an ascending array of odds.

    What a table does not say has no attribute. Where not every event has a value of its own, the attribute `weights`
    says for how many each of the first values stands; those after them stand for one.
    """

    def write(self, value: Populations, path: Path) -> None:
        # Timestamps off: the same tables give the same bytes
        with h5py.File(path, "w", track_order=False, libver="latest") as file:
            for name, table in sorted(value.tables.items()):
                leaf = file.create_dataset(name, data=table.statistics, compression="gzip", track_times=False)
                if table.rate_hz is not None:
                    leaf.attrs["rate_hz"] = table.rate_hz
                leaf.attrs["search_digest"] = table.search_digest
                leaf.attrs["response_digest"] = table.response_digest
                leaf.attrs["distance_mode"] = table.distance_mode
                leaf.attrs["provenance"] = table.provenance
                if table.sky_maps is not None:
                    leaf.attrs["sky_maps"] = table.sky_maps
                for key in _OF_MAPS:
                    if quantiles := getattr(table, key):
                        leaf.attrs[key] = quantiles
                if table.weights is not None:
                    leaf.attrs["weights"] = np.trim_zeros(table.weights - 1, "b").astype(np.uint32) + 1

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
    statistics = np.asarray(leaf[()], dtype=np.float64)
    return BackgroundTable(
        name=leaf.name.strip("/"),
        statistics=statistics,
        weights=_weights(leaf.attrs["weights"], statistics.size) if "weights" in leaf.attrs else None,
        rate_hz=float(leaf.attrs["rate_hz"]) if "rate_hz" in leaf.attrs else None,
        search_digest=str(leaf.attrs.get("search_digest", "")),
        response_digest=str(leaf.attrs.get("response_digest", "")),
        distance_mode=str(leaf.attrs.get("distance_mode", "")),
        provenance=str(leaf.attrs.get("provenance", "")),
        sky_maps=int(leaf.attrs["sky_maps"]) if "sky_maps" in leaf.attrs else None,
        **{name: tuple(map(float, np.ravel(leaf.attrs[name]))) for name in _OF_MAPS if name in leaf.attrs},
    )


def _weights(first: object, kept: int) -> NDArray[np.int64]:
    given = np.ravel(np.asarray(first)).astype(np.int64)
    if given.size > kept:
        raise ValueError("a table says of more values than it has for how many events they stand")
    return np.concatenate([given, np.ones(kept - given.size, np.int64)])


@dataclass(frozen=True)
class Said:
    """What somebody says of tables that do not say it themselves: search type and season, empty for nothing."""

    search: str = ""
    season: str = ""


@dataclass(frozen=True)
class Collated:
    """The tables of a folder, and what people should know about them."""

    populations: Populations
    notices: tuple[str, ...]
    refused: int = 0
    """Background tables that were left out for what they say of themselves."""


def collate(
    folder: Path,
    out: Path,
    *,
    overwrite: bool = False,
    said: Said | None = None,
    whole: bool = False,
    others: Path | None = None,
) -> Collated:
    """Every text table of a folder as one `populations.hdf5`, with those of `others`, such a file, that it has not.

    Files that are no such tables or have a name that contradicts them, and rows that are damaged, are left out and
    told. Each table is `compacted`, if not `whole`. FormatError when there is no table, or when two have one name.
    """
    if out.exists() and not overwrite:
        raise FormatError(f"{out} exists already and was left as it is; -c overwrites it")
    notices, tables, files, refused = list[str](), dict[str, BackgroundTable](), dict[str, Path](), 0
    for path in sorted(folder.glob("*.txt")):
        try:
            read = read_table(path)
            if not read.rows:
                raise FormatError(f"{path.name} has no row that can be read")
            if read.kind != BACKGROUND:
                raise FormatError(f"{path.name} is a table of {read.kind} trials, not of background")
        except FormatError as error:
            notices.append(f"left out: {error}")
            continue
        try:
            table = _background(path, read, said or Said(), notices)
        except FormatError as error:
            notices.append(f"left out: {error}")
            refused += 1
            continue
        if table.name in files:
            raise FormatError(f"{files[table.name].name} and {path.name} are both {table.name}; merge or rename one")
        files[table.name], tables[table.name] = path, table if whole else compacted(table)
    if not tables:
        raise FormatError("; ".join([f"no background table (*.txt) in {folder}", *notices]))
    kept = {} if others is None else dict(PopulationsFile().read(others).tables)
    populations = Populations(kept | tables)
    unfinished = out.with_name(f".{out.name}.new")
    PopulationsFile().write(populations, unfinished)
    unfinished.replace(out)
    return Collated(populations, tuple(notices), refused)


def _background(path: Path, read: TextTable, said: Said, notices: list[str]) -> BackgroundTable:
    comments = read.comments
    lacking = [key for key in _NEEDED if not comments.get(key)]
    if lacking:
        notices.append(
            f"{path.name} does not say its {', '.join(lacking)}: no p-value is read from it, for nobody can know "
            "which search it fits; so looks one that was cut too"
        )
    notices.extend(read.told_damaged)
    if read.whole is False:
        notices.append(f"{path.name} does not have as many rows as its last line says; part of it is missing")
    area, distance = read.map_quantiles
    try:
        return BackgroundTable(
            name=table_name(path, comments, {"season": said.season, "search": said.search}, notices.append),
            statistics=np.sort([row.odds_ratio for row in read.rows]),
            rate_hz=float(comments["rate_hz"]) if comments.get("rate_hz") else None,
            search_digest=comments.get("search_digest", ""),
            response_digest=comments.get("response_digest", ""),
            distance_mode=comments.get("distance_mode", ""),
            provenance=_provenance(path, read, lacking),
            sky_maps=len(read.used_maps),
            map_area_deg2=area,
            map_distance_mpc=distance,
        )
    except ValueError as error:
        raise FormatError(f"{path.name}: {error}") from error


_NEEDED = ("rate_hz", "search_digest", "response_digest", "distance_mode", "provenance")


def _provenance(path: Path, read: TextTable, lacking: list[str]) -> str:
    """How it was made, how many events of how many maps, what was left out, what is unknown."""
    told = [read.comments.get("provenance") or f"from {path.name}"]
    told.append(f"{len(read.rows)} events on {len(read.used_maps)} sky maps")
    left_out = {**read.left_out}
    if read.damaged:
        left_out["damaged rows"] = left_out.get("damaged rows", 0) + len(read.damaged)
    told.extend(f"left out: {many} {why}" for why, many in sorted(left_out.items()))
    if read.whole is False:
        told.append("cut: it has fewer or more rows than its last line says")
    if lacking:
        told.append(f"unknown: {', '.join(lacking)}")
    return "; ".join(told)
