"""The script that makes populations.hdf5: resumable, and none is drawn twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.typed import environment

from llama.formats.populations import PopulationsFile

SCRIPT = Path(__file__).parents[2] / "scripts" / "make_populations.py"
NAMES = [f"{search}/bns/o4/H1L1V1/IC86-2011" for search in ("opa", "subthreshold")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A folder of sky maps as a simulation leaves it."""
    folder = tmp_path_factory.mktemp("populations")
    lists = folder / "sim/skymap-lists/bns-o4"
    lists.mkdir(parents=True)
    maps = [str((data / f"skymaps/mock_and_sim/local_bayestar/{i}.fits").resolve()) for i in range(3)]
    (lists / "H1L1V1.csv").write_text("\n".join(maps) + "\n")
    return folder


def _make(home: Path, out: str, *words: str, status: int = 0) -> str:
    command = [sys.executable, str(SCRIPT), str(home / "sim"), "-o", str(home / out), "-n", "12", "-s", "IC86-2011"]
    done = subprocess.run([*command, *words], env=environment(home), capture_output=True, text=True, timeout=120)
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
def test_it_makes_all_tables_goes_on_and_makes_nothing_twice(home: Path) -> None:
    assert "12 background trials" in _make(home, "one", "-j", "1")
    made = (home / "one/populations.hdf5").read_bytes()
    tables = PopulationsFile().read(home / "one/populations.hdf5").tables
    assert sorted(tables) == NAMES
    assert all(table.events == 12 and table.sky_maps == 3 and table.search_digest for table in tables.values())
    assert all(len(table.map_area_deg2) == len(table.map_distance_mpc) == 7 for table in tables.values())
    blocks = {path: path.stat().st_mtime_ns for path in (home / "one/tables").rglob("*.npz")}
    table = home / "one/tables/opa-bns-o4-H1L1V1-IC86-2011.txt"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:9]))  # cut
    _make(home, "one", "-j", "1")
    assert blocks == {path: path.stat().st_mtime_ns for path in (home / "one/tables").rglob("*.npz")}
    assert (home / "one/populations.hdf5").read_bytes() == made


@pytest.mark.slow
def test_a_list_that_cannot_be_used_is_left_out_and_the_run_is_that_of_the_list(home: Path) -> None:
    (home / "sim/skymap-lists/bns-o4").rename(home / "sim/skymap-lists/bns-o3")
    bad = home / "sim/skymap-lists/bns-o3/H1L1.csv"
    bad.write_text("")
    said = _make(home, "two", "-j", "1", "--maps", "2", status=1)
    assert f"left out: {bad}" in said
    tables = PopulationsFile().read(home / "two/populations.hdf5").tables
    assert sorted(tables) == [name.replace("o4", "o3") for name in NAMES]
    assert all(table.sky_maps == 2 for table in tables.values())
