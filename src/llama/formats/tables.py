"""HDF5 files of IceCube, one group per season: response and background tables, and real events to draw from."""

from __future__ import annotations

import dataclasses
import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.formats.errors import FormatError, InputError, TableError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited, too_large
from llama.formats.on_demand import OnDemand
from llama.science.detector import IceCubeEvents, IceCubeTables, SeasonEvents, SeasonTable

FORMAT = "llama-icecube-tables"
VERSION = 2
EVENTS_FORMAT = "llama-icecube-events"
EVENTS_VERSION = 1

_TABLES, _EVENTS = "IceCube tables", "IceCube events"
_DECIMALS = 1e4  # releases give four decimals or fewer, of degrees and of log10 energy: as whole numbers exactly
_COLUMNS = {"dec": "degrees", "log10_energy": "log10 GeV", "sigma": "degrees"}  # in order of importance when sorted


class IceCubeTablesFile:
    """Arrays are datasets, numbers and words are attributes, both named as in `SeasonTable`."""

    def write(self, value: IceCubeTables, path: Path) -> None:
        import h5py

        with h5py.File(path, "w", libver=("v110", "v110")) as file:
            file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
            for name in sorted(value.seasons):
                _write_season(file.create_group(name), value.seasons[name])

    def read(self, path: Path) -> IceCubeTables:
        """The tables, each season read when it is asked for; TableError then or now when something is wrong."""
        data = _content(path, _TABLES)

        def season(name: str) -> SeasonTable:
            with _opened(data, path, _TABLES) as file:
                return _read_season(file[name])

        with _opened(data, path, _TABLES) as file:
            _check_kind(file, path, _TABLES, (FORMAT, VERSION), "scripts/derive_icecube_tables.py")
            return IceCubeTables(OnDemand(list(file), season))


class IceCubeEventsFile:
    """Columns are whole numbers in units of the releases' last decimal, 1e-4, sorted; what is read is exact.

    A season's digest is of its name and columns: written with them, and compared when they are read.
    """

    def write(self, value: IceCubeEvents, path: Path) -> None:
        """Rounds to four decimals of degrees and of log10 energy; a season's `digest` is taken anew."""
        import h5py

        with h5py.File(path, "w", libver=("v110", "v110")) as file:
            file.attrs["format"], file.attrs["version"] = EVENTS_FORMAT, EVENTS_VERSION
            for name in sorted(value.seasons):
                _write_events(file.create_group(name), value.seasons[name])

    def read(self, path: Path) -> IceCubeEvents:
        """The events, each season read when it is asked for; TableError then or now when something is wrong."""
        data = _content(path, _EVENTS)

        def season(name: str) -> SeasonEvents:
            with _opened(data, path, _EVENTS) as file:
                return _read_events(name, file[name])

        with _opened(data, path, _EVENTS) as file:
            made_by = "scripts/derive_icecube_events.py"
            _check_kind(file, path, _EVENTS, (EVENTS_FORMAT, EVENTS_VERSION), made_by)
            return IceCubeEvents(OnDemand(list(file), season))


def _content(path: Path, what: str) -> bytes:
    try:
        return read_limited(path, MAX_TABLES_BYTES, f"a file of {what}")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise TableError(f"{path} cannot be read as {what}: {error}") from error


@contextmanager
def _opened(data: bytes, path: Path, what: str) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except FormatError:
        raise
    except (OSError, KeyError, ValueError) as error:
        raise TableError(f"{path} cannot be read as {what}: {error}") from error


def _check_kind(file: Any, path: Path, what: str, kind: tuple[str, int], script: str) -> None:
    if (file.attrs.get("format"), file.attrs.get("version")) != kind:
        raise TableError(f"{path} is not a file of {what} of version {kind[1]}; make it again with {script}")


def _write_season(group: Any, season: SeasonTable) -> None:
    for field in dataclasses.fields(season):
        value = getattr(season, field.name)
        if isinstance(value, np.ndarray):
            small = value if value.dtype == np.uint16 or value.ndim == 1 else value.astype(np.float32)
            group.create_dataset(field.name, data=small, compression="gzip", compression_opts=9, shuffle=True)
        else:
            group.attrs[field.name] = value


def _read_season(group: Any) -> SeasonTable:
    columns: dict[str, Any] = {}
    for field in dataclasses.fields(SeasonTable):
        if field.name in group:
            data = _array(group, field.name)
            columns[field.name] = data if data.dtype == np.uint16 else data.astype(np.float64)
        else:
            value = group.attrs[field.name]
            columns[field.name] = value if isinstance(value, str) else value.item()
    season = SeasonTable(**columns)
    if not (there := season.alpha > 0).all():  # also of NaN; the statistic divides by it
        blind = np.degrees(np.arcsin(season.sin_dec[~there][0]))
        raise ValueError(f"{season.name} has no response at declination {blind:+.1f}°, where there must be some")
    return season


def _array(group: Any, name: str) -> Any:
    found = group[name]
    size = getattr(found, "nbytes", None)
    if size is None:
        raise ValueError(f"{found.name} is a group, not an array")
    if size > MAX_TABLES_BYTES:
        raise InputError(too_large(name, size, MAX_TABLES_BYTES, "a table"))
    return found[()]


def _write_events(group: Any, season: SeasonEvents) -> None:
    exact = (np.degrees(season.dec_rad), np.log10(season.energy_gev), np.degrees(season.sigma_rad))
    rounded = [np.rint(column * _DECIMALS).astype(np.int32) for column in exact]
    order = np.lexsort(rounded[::-1])
    columns = [column[order] for column in rounded]
    for (name, unit), column in zip(_COLUMNS.items(), columns, strict=True):
        data = group.create_dataset(name, data=column, compression="gzip", compression_opts=9, shuffle=True)
        data.attrs["unit"] = f"1e-4 {unit}"
    group.attrs["digest"], group.attrs["source"] = _digest(season.name, columns), season.source


def _read_events(name: str, group: Any) -> SeasonEvents:
    columns = [_array(group, column) for column in _COLUMNS]
    for column, data in zip(_COLUMNS, columns, strict=True):
        if not (isinstance(data, np.ndarray) and data.dtype == np.int32):
            raise ValueError(f"season {name}: {column} does not consist of whole numbers of 32 bits")
    digest = _digest(name, columns)
    if digest != group.attrs["digest"]:
        raise ValueError(f"season {name}: its events are not those that its digest is of; get or make the file again")
    dec, log10_energy, sigma = (column / _DECIMALS for column in columns)
    with np.errstate(over="ignore"):
        energy_gev = 10.0**log10_energy  # what overflows is refused with what is too much
    return SeasonEvents(
        name=name,
        dec_rad=np.radians(dec),
        sigma_rad=np.radians(sigma),
        energy_gev=energy_gev,
        digest=digest,
        source=str(group.attrs["source"]),
    )


def _digest(name: str, columns: Sequence[NDArray[np.int32]]) -> str:
    """SHA-256 of a season's name and columns."""
    content = b"".join(column.astype("<i4").tobytes() for column in columns)
    return hashlib.sha256(name.encode() + b"\0" + content).hexdigest()
