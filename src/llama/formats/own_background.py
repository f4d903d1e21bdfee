"""`background_lvc-i3.h5`: the background of one event's own map, and the p-values read from it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_TABLES_BYTES, read_limited
from llama.science.significance import OwnBackground, OwnMapP

FORMAT, VERSION = "llama-own-background", 1
_SEARCHES = ("event", "ensemble")
_P = tuple(OwnMapP.__dataclass_fields__)
_ATTRIBUTES = ("label", "digest", "expected", "terms")


class OwnBackgroundFile:
    """HDF5: `weight`, and a group for the public-alert statistic (`event`) and the exact one (`ensemble`).

    Each has `statistics`, ln B̃ of every list, `thresholds`, ln B̃ of what was asked about, and for each of those `p`,
    `above` and the errors, see `OwnMapP`. ln of zero is −inf.
    """

    def write(self, value: OwnBackground, path: Path) -> None:
        """The same background gives the same bytes."""
        import h5py

        with h5py.File(path, "w", track_order=False, libver=("v110", "v110")) as file:
            file.attrs["format"], file.attrs["version"] = FORMAT, VERSION
            for name in _ATTRIBUTES:
                file.attrs[name] = getattr(value, name)
            file.attrs["seasons"] = ",".join(value.seasons)
            file.attrs["marks"] = np.bytes_("; ".join(value.marks))
            _write(file, "weight", value.weight.astype(np.float32))
            for search in _SEARCHES:
                group, p_values = file.create_group(search), value.p_values[search]
                _write(group, "statistics", value.statistics[search].astype(np.float32))
                group.create_dataset("thresholds", data=value.thresholds[search], track_times=False)
                for name in _P:
                    group.create_dataset(name, data=[getattr(one, name) for one in p_values], track_times=False)

    def read(self, path: Path) -> OwnBackground:
        """FormatError for what is no such file, whole and of this version."""
        import h5py

        try:
            data = read_limited(path, MAX_TABLES_BYTES, "a background")
            with h5py.File(io.BytesIO(data), "r") as file:
                if (file.attrs.get("format"), file.attrs.get("version")) != (FORMAT, VERSION):
                    raise FormatError(f"{path.name} is no background of version {VERSION}; delete it to draw it anew")
                return _read(file)
        except FormatError:
            raise
        except (OSError, KeyError, ValueError, TypeError) as error:
            raise FormatError(f"{path.name} cannot be read as a background: {error}") from error


def _write(group: Any, name: str, values: Any) -> None:
    group.create_dataset(name, data=values, compression="gzip", shuffle=True, track_times=False)


def _read(file: Any) -> OwnBackground:
    p_values = {
        search: tuple(OwnMapP(*map(float, row)) for row in zip(*(file[search][name][()] for name in _P), strict=True))
        for search in _SEARCHES
    }
    return OwnBackground(
        label=str(file.attrs["label"]),
        digest=str(file.attrs["digest"]),
        seasons=tuple(str(file.attrs["seasons"]).split(",")),
        expected=float(file.attrs["expected"]),
        terms=int(file.attrs["terms"]),
        thresholds={search: np.asarray(file[search]["thresholds"][()], dtype=np.float64) for search in _SEARCHES},
        p_values=p_values,
        statistics={search: np.asarray(file[search]["statistics"][()], dtype=np.float64) for search in _SEARCHES},
        weight=np.asarray(file["weight"][()], dtype=np.float64),
        marks=tuple(filter(None, bytes(file.attrs["marks"]).decode().split("; "))),
    )
