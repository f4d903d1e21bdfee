"""Background studies: the same table however many workers drew it, and p-values that are uniform under it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from llama.formats.populations import PopulationsFile, read_table

LLAMA = Path(sys.executable).parent / "llama"
MAPS = ("0.fits", "1.fits", "2.fits")


def llama(*words: str | Path, home: Path, status: int = 0) -> str:
    env = os.environ | {"LLAMA_DATA_DIR": str(home), "LLAMA_CACHE_DIR": str(home / "cache")}
    done = subprocess.run([LLAMA, *map(str, words)], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A data folder with the archive installed and a list of three sky maps."""
    folder = tmp_path_factory.mktemp("study")
    llama("install", "icecube-3yr", "--from", data / "neutrinos/icecube_3yr_ps/3year-data-release.zip", home=folder)
    paths = [str((data / "skymaps/mock_and_sim/local_bayestar" / name).resolve()) for name in MAPS]
    (folder / "H1L1V1.csv").write_text("\n".join(paths) + "\n")
    return folder


def test_the_table_does_not_depend_on_the_workers(home: Path) -> None:
    one, two = home / "one" / "opa-bns-o4-H1L1V1-IC86-2011.txt", home / "two" / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    for path, workers in ((one, 1), (two, 2)):
        path.parent.mkdir()
        llama("dev", "background", "draw", home / "H1L1V1.csv", "-o", path, "-n", "60", "-j", workers, home=home)
    assert one.read_bytes() == two.read_bytes()
    comments, rows = read_table(one)
    assert comments["season"] == "IC86-2011"
    assert [row.skymap for row in rows[:4]] == ["0.fits", "1.fits", "2.fits", "0.fits"]
    assert np.mean([row.n for row in rows]) == pytest.approx(4.74, abs=1.0)
    assert all(row.odds_ratio == 0 for row in rows if row.n == 0)


def test_tables_collate_and_serve(home: Path) -> None:
    folder = home / "serve"
    folder.mkdir()
    table = folder / "opa-bns-o4-H1L1V1-IC86-2011.txt"
    llama("dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "30", "-j", "1", home=home)
    assert "overwrites" in llama(
        "dev", "background", "draw", home / "H1L1V1.csv", "-o", table, "-n", "30", home=home, status=1
    )
    assert "30 events" in llama("dev", "background", "pvalue", folder, home=home)
    populations = PopulationsFile().read(folder / "populations.hdf5")
    assert list(populations.tables) == ["opa/bns/o4/H1L1V1/IC86-2011"]
    assert "overwrites" in llama("dev", "background", "pvalue", folder, home=home, status=1)
    llama("dev", "background", "pvalue", folder, "-c", home=home)


def test_a_list_that_names_a_missing_map_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "maps.csv").write_text("/no/such/map.fits\n")
    said = llama("dev", "background", "draw", tmp_path / "maps.csv", "-o", tmp_path / "t.txt", home=home, status=1)
    assert "/no/such/map.fits" in said
    assert not (tmp_path / "t.txt").exists()
