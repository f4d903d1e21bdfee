"""The script that says how like BAYESTAR's the tables of the fast localiser's maps are."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tests.cli.typed import environment

SCRIPT = Path(__file__).parents[2] / "scripts" / "compare_localisers.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """As a module; dataclasses look for theirs among the loaded ones."""
    spec = importlib.util.spec_from_file_location("compare_localisers", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_a_table_that_says_too_little_is_told_with_its_error(script: ModuleType) -> None:
    odds = np.arange(10_000.0)
    twice = np.where(np.arange(10_000) % 2 == 0, odds, 2e4)  # half of all lists are above any threshold
    alike, half = script.Pair(100.0, 110.0, odds, odds), script.Pair(300.0, 310.0, odds, twice)
    lines = script.told([alike, alike])
    assert lines[0] == "2 sources, 10000 lists each"
    assert lines[1] == "90 % areas, quartiles: 100 and 110 deg2; 100 and 110 deg2; 100 and 110 deg2"
    assert all(line.endswith("ratio 1.000 +- 0.000") for line in lines[2:]) and len(lines) == 6
    first = script.told([half, half])[2]
    assert first == "p <= 0.1 by the fast maps: 0.55000 by BAYESTAR's, ratio 5.500 +- 0.000"
    mixed = script.told([alike, half])[2]
    ratio, error = (float(word) for word in mixed.partition("ratio ")[2].split(" +- "))
    assert ratio == 3.25  # one source has 1, the other 5.5: the mean of two draws has a spread of 4.5 / √8
    assert error == pytest.approx(4.5 / 8**0.5, rel=0.1)


def _run(home: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SCRIPT), "fast", "bayestar", "-p", "bns", "-n", "200"]
    return subprocess.run(command, env=environment(home), cwd=home, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_the_same_maps_have_the_same_table(tmp_path: Path, data: Path) -> None:
    for name in ("fast", "bayestar"):
        (tmp_path / name / "allsky").mkdir(parents=True)
        for i in range(3):
            shutil.copy(data / f"skymaps/mock_and_sim/local_bayestar/{i}.fits", tmp_path / name / "allsky")
    lists = tmp_path / "fast/skymap-lists/bns-o4"
    lists.mkdir(parents=True)
    (lists / "H1L1V1.csv").write_text("".join(f"{tmp_path}/fast/allsky/{i}.fits\n" for i in range(2)))
    done = _run(tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "2 sources, 200 lists each"
    assert [line.rpartition("ratio ")[2] for line in lines[2:]] == ["1.000 +- 0.000"] * 2
    (lists / "H1L1V1.csv").write_text("elsewhere.fits\n")
    done = _run(tmp_path)
    assert done.returncode == 1 and "have no map of the same source" in done.stderr
