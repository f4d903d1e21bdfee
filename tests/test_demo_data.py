"""The packaged demo: a notice that reads, a map that opens, and the real events of its window, unchanged."""

from __future__ import annotations

import base64
import importlib
import io
import json
import re
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.formats.skymap import read_skymap
from llama.science.sky import SkyMap
from llama.science.sky import skymap as maps
from llama.science.times import gps_from_mjd, gps_from_utc, mjd_from_gps
from llama.services.icecube.excerpt import read_excerpt

DEMO = Path(str(resources.files("llama.data"))) / "demo"
SEASONS = {"IC79-2010": "IC79", "IC86-2011": "IC86_I", "IC86-2012": "IC86_II"}
TRUE_RA_DEG, TRUE_DEC_DEG = 328.3697, 45.5602  # where the simulated source is (docs/science/demo-alert.md)


@pytest.fixture(scope="module")
def alert() -> dict[str, Any]:
    notice: dict[str, Any] = json.loads((DEMO / "igwn_alert.json").read_text(encoding="utf-8"))
    return notice


@pytest.fixture(scope="module")
def skymap(alert: dict[str, Any]) -> SkyMap:
    return read_skymap(base64.b64decode(alert["event"]["skymap"], validate=True))


@pytest.fixture(scope="module")
def gps(alert: dict[str, Any]) -> float:
    return gps_from_utc(alert["event"]["time"])


def rows() -> list[list[str]]:
    lines = (DEMO / "icecube_excerpt.csv").read_text(encoding="utf-8").splitlines()
    return [line.split(",") for line in lines if not line.startswith("#")][1:]


def test_nothing_else_is_packaged() -> None:
    assert sorted(path.name for path in DEMO.iterdir()) == ["icecube_excerpt.csv", "igwn_alert.json"]
    assert (DEMO / "igwn_alert.json").stat().st_size < 1.2e6


def test_has_the_shape_of_a_real_notice(alert: dict[str, Any], data: Path) -> None:
    real = json.loads((data / "notices" / "igwn_json" / "igwn_gwalert_preliminary.json").read_text())
    for ours, theirs in ((alert, real), (alert["event"], real["event"])):
        assert list(ours) == list(theirs)
        for key, value in theirs.items():
            if key != "far" and value is not None:
                assert type(ours[key]) is type(value), key
    for key in ("classification", "properties"):
        assert alert["event"][key].keys() == real["event"][key].keys()


def test_says_that_it_is_a_mock_of_its_date(alert: dict[str, Any]) -> None:
    name = re.fullmatch(r"MS(\d\d)(\d\d)(\d\d)[a-z]+", alert["superevent_id"])
    assert name
    assert alert["event"]["time"].startswith("20" + "-".join(name.groups()))
    assert alert["urls"] == {}
    assert alert["event"]["search"] == "MDC"
    assert sum(alert["event"]["classification"].values()) == pytest.approx(1, abs=1e-12)
    assert gps_from_utc(alert["time_created"]) > gps_from_utc(alert["event"]["time"])


def test_the_map_opens_and_has_distances(skymap: SkyMap) -> None:
    assert maps.probability(skymap).sum() == pytest.approx(1, abs=1e-6)
    assert maps.credible_area_deg2(skymap, 0.9) == pytest.approx(23.2, abs=0.3)
    distance = maps.mean_distance(skymap)
    assert distance is not None
    assert distance[0] == pytest.approx(316.8, abs=1)
    assert distance[1] == pytest.approx(64.4, abs=1)


def test_the_map_is_about_the_simulated_source(skymap: SkyMap) -> None:
    cell = maps.lookup(skymap, np.radians(TRUE_RA_DEG), np.radians(TRUE_DEC_DEG))
    assert maps.credible_level(skymap)[cell] < 0.99


def test_the_map_carries_no_clock_and_no_machine(alert: dict[str, Any]) -> None:
    from astropy.io import fits

    with fits.open(io.BytesIO(base64.b64decode(alert["event"]["skymap"]))) as hdus:
        header = hdus[1].header
    assert header["OBJECT"] == alert["superevent_id"]
    assert header["INSTRUME"].split(",") == alert["event"]["instruments"]
    assert header["DATE"].startswith(alert["time_created"].removesuffix("Z"))
    assert header["ORIGIN"] == "simulation"
    assert "RUNTIME" not in header
    assert "/" not in str(header["HISTORY"]).replace("\n", "")


def test_the_window_lies_in_one_good_run(gps: float, data: Path) -> None:
    text = (DEMO / "icecube_excerpt.csv").read_text(encoding="utf-8")
    season, first, last = re.findall(r"of season (\S+), in MJD, (\S+) to (\S+)", text)[0]
    runs = (data / "neutrinos" / "icecube_10yr_ps" / "uptime" / f"{SEASONS[season]}_exp.csv").read_text()
    assert [first, last] in [line.split() for line in runs.splitlines()]
    assert float(first) <= mjd_from_gps(gps - 500)
    assert mjd_from_gps(gps + 500) <= float(last)


@pytest.mark.slow
def test_the_excerpt_is_every_released_event_of_the_window(gps: float, data: Path) -> None:
    expected = []
    with zipfile.ZipFile(data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip") as archive:
        for season in SEASONS:
            lines = archive.read(f"3year-data-release/{season}-events.txt").decode().splitlines()[1:]
            offset = gps_from_mjd(np.array([float(line.split(None, 1)[0]) for line in lines])) - gps
            inside = np.flatnonzero((offset >= -500) & (offset < 500))
            expected += [[season, str(row), *lines[row].split()] for row in inside]
    assert expected
    assert rows() == sorted(expected, key=lambda row: float(row[2]))


def test_the_excerpt_is_a_source_of_neutrinos(gps: float) -> None:
    window = read_excerpt(DEMO / "icecube_excerpt.csv").window(gps - 500, gps + 500)
    assert window.complete
    assert window.covered_s == pytest.approx(1000, abs=1e-3)
    found = {(neutrino.season, neutrino.event) for neutrino in window.neutrinos}
    assert found == {(row[0], int(row[1])) for row in rows()}
    assert {f"{neutrino.mjd:.8f}" for neutrino in window.neutrinos} == {row[2] for row in rows()}


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # the script sets it; so that it does not stay
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "scripts"))
    return importlib.import_module("make_demo_alert")


@pytest.mark.slow
def test_the_recipe_gives_the_packaged_excerpt(recipe: Any, alert: dict[str, Any], gps: float, data: Path) -> None:
    release, time = data / recipe.RELEASE, alert["event"]["time"]
    text = recipe.excerpt(release, time, recipe.good_run(data, gps), recipe.excerpt_rows(release, gps))
    assert text.encode() == (DEMO / "icecube_excerpt.csv").read_bytes()


def test_the_recipe_gives_the_packaged_notice(recipe: Any, alert: dict[str, Any], gps: float, data: Path) -> None:
    """All but the map itself, which takes a minute of BAYESTAR."""
    source = recipe.read_injections(data / recipe.INJECTIONS)[10]
    assert abs(source.gps - gps) < 0.022  # light crosses the Earth's radius in 21 ms
    assert np.degrees([source.ra_rad, source.dec_rad]) == pytest.approx([TRUE_RA_DEG, TRUE_DEC_DEG], abs=1e-4)
    trigger = recipe.Trigger(0, gps, 12.75, recipe.DETECTORS, (7.71, 7.99, 6.28))
    fits = base64.b64decode(alert["event"]["skymap"])
    notice = recipe.notice(recipe.superevent_name(gps), alert["event"]["time"], source, trigger, fits)
    assert json.dumps(notice) + "\n" == (DEMO / "igwn_alert.json").read_text(encoding="utf-8")
