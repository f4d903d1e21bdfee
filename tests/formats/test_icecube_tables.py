"""The HDF5 file of IceCube's tables: exact round trip, same bytes again, clear words for anything else."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest

import llama.data
from llama.formats.errors import TableError
from llama.formats.tables import IceCubeTablesFile

SHIPPED = Path(llama.data.__file__).parent / "icecube_tables.h5"


@pytest.mark.slow
def test_round_trip_and_same_bytes(tmp_path):
    tables = IceCubeTablesFile().read(SHIPPED)
    IceCubeTablesFile().write(tables, tmp_path / "a.h5")
    IceCubeTablesFile().write(tables, tmp_path / "b.h5")
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes() == SHIPPED.read_bytes()
    again = IceCubeTablesFile().read(tmp_path / "a.h5")
    for name, season in tables.seasons.items():
        for field in dataclasses.fields(season):
            assert np.array_equal(getattr(season, field.name), getattr(again.seasons[name], field.name))


def test_shipped_file_is_small():
    assert SHIPPED.stat().st_size < 1_000_000


@pytest.mark.parametrize("content", [b"", b"not HDF5", SHIPPED.read_bytes()[:3000]])
def test_broken_files(tmp_path, content):
    path = tmp_path / "tables.h5"
    path.write_bytes(content)
    with pytest.raises(TableError, match=r"tables\.h5"):
        IceCubeTablesFile().read(path)


def test_other_hdf5_files(tmp_path):
    path = tmp_path / "tables.h5"
    with h5py.File(path, "w") as file:
        file.create_group("IC40")
    with pytest.raises(TableError, match="derive_icecube_tables"):
        IceCubeTablesFile().read(path)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_declination_without_response_is_refused(tmp_path, value):
    """The statistic divides by it: beside a map that lies there odds would be no number."""
    path = tmp_path / "tables.h5"
    path.write_bytes(SHIPPED.read_bytes())
    with h5py.File(path, "a") as file:
        file["IC40/signal_per_dex"][:, :5] = value
    with pytest.raises(TableError, match=r"tables\.h5 .*IC40 has no response .*declination -81\.9°"):
        IceCubeTablesFile().read(path).season("IC40")


def test_missing_column(tmp_path):
    path = tmp_path / "tables.h5"
    path.write_bytes(SHIPPED.read_bytes())
    with h5py.File(path, "a") as file:
        del file["IC40/counts"]
    tables = IceCubeTablesFile().read(path)
    assert tables.season("IC86-2012").name == "IC86-2012"
    with pytest.raises(TableError, match="counts"):
        tables.season("IC40")
