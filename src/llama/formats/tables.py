"""HDF5 file of IceCube's response and background tables, one group per season."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.errors import TableError
from llama.formats.on_demand import OnDemand
from llama.science.detector import IceCubeTables, SeasonTable

FORMAT = "llama-icecube-tables"
VERSION = 2


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
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise
        except OSError as error:
            raise TableError(f"{path} cannot be read as IceCube tables: {error}") from error

        def season(name: str) -> SeasonTable:
            with _opened(data, path) as file:
                return _read_season(file[name])

        with _opened(data, path) as file:
            if file.attrs.get("format") != FORMAT or file.attrs.get("version") != VERSION:
                raise TableError(
                    f"{path} is not a file of IceCube tables of version {VERSION}; make it again with "
                    "scripts/derive_icecube_tables.py"
                )
            return IceCubeTables(OnDemand(list(file), season))


@contextmanager
def _opened(data: bytes, path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(io.BytesIO(data), "r") as file:
            yield file
    except (OSError, KeyError) as error:
        raise TableError(f"{path} cannot be read as IceCube tables: {error}") from error


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
            data = group[field.name][()]
            columns[field.name] = data if data.dtype == np.uint16 else data.astype(np.float64)
        else:
            value = group.attrs[field.name]
            columns[field.name] = value if isinstance(value, str) else value.item()
    return SeasonTable(**columns)
