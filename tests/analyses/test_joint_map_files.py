"""The joint maps as files: what ligo.skymap and mocpy make of them, and what their headers say in every case."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from ligo.skymap.io import read_sky_map
from ligo.skymap.postprocess import find_greedy_credible_levels
from ligo.skymap.tool.ligo_skymap_stats import main as ligo_skymap_stats
from mocpy import MOC
from significance_examples import INFO as ALERT
from significance_examples import SEARCHES, TABLES, found, neutrino_list, populations, row, statistic, table

from llama.analyses.gw_neutrino import GW_NEUTRINO
from llama.analyses.joint.map import MapInputs, averaged_skymap, most_significant_skymap
from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.science.significance import Populations
from llama.science.sky import SkyMap, centres, credible_area_deg2, has_distance
from llama.science.sky.skymap import density_at

FAINT = table("bns", "H1L1", np.zeros(1000))
"""A background without any odds: every neutrino with some is significant."""
BRIGHT = table("bns", "H1L1", np.full(1000, 1e300))
MAPS = ["events/GW170817_GWTC1.multiorder.fits", "mock_and_sim/MS181101ab_bayestar.multiorder.fits",
        "events/S250319bu_G565155_bayestar.multiorder.fits"]  # fmt: skip


def given(skymap: SkyMap, *rows: Any, tables: Populations | None = None) -> MapInputs:
    neutrinos = neutrino_list(*rows)
    info = replace(ALERT, role="observation")
    result = found(info, skymap, neutrinos, tables=tables or populations(FAINT))
    kept = statistic(info, skymap, neutrinos)
    return MapInputs(result, kept, skymap, neutrinos, TABLES, SEARCHES)


def near_the_peak(skymap: SkyMap, number: int, off_deg: float, sigma: float = 1.0, dt: float = 20.0, **change: Any):
    ra, dec = (float(np.degrees(x[np.argmax(skymap.density)])) for x in centres(skymap))
    return row(number, dt, ra_deg=ra, dec=dec + off_deg, sigma=sigma, **change)


def history(m: SkyMap, tmp_path: Path) -> str:
    path = tmp_path / "map.fits"
    MultiOrderFits().write(m, path)
    return " ".join(" ".join(fits.getheader(path, 1)["HISTORY"]).split())


@pytest.fixture(scope="module", params=MAPS)
def real(request: pytest.FixtureRequest, data: Path) -> SkyMap:
    return read_skymap(data / "skymaps" / request.param)


@pytest.fixture(scope="module")
def nearby(data: Path) -> SkyMap:
    return read_skymap(data / "skymaps" / MAPS[1])


# --- as others read them --------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("make", [averaged_skymap, most_significant_skymap])
@pytest.mark.parametrize("sigma", [0.2, 3.0])
def test_ligo_skymap_and_mocpy_find_the_same_region(real: SkyMap, make: Any, sigma: float, tmp_path: Path) -> None:
    joint = make(given(real, near_the_peak(real, 1, 0.5, sigma), row(2, 100.0, 250.0)), "test", "1.0")
    path = tmp_path / "map.multiorder.fits"
    MultiOrderFits().write(joint, path)
    theirs = read_sky_map(str(path), moc=True)
    area = _areas(theirs["UNIQ"])
    greedy = find_greedy_credible_levels(theirs["PROBDENSITY"] * area, theirs["PROBDENSITY"])
    for level in (0.5, 0.9):
        ours = credible_area_deg2(joint, level)
        # both take whole cells, so they may fall short by one
        assert area[greedy <= level].sum() * math.degrees(1) ** 2 == pytest.approx(ours, rel=0.02)
        moc = MOC.from_multiordermap_fits_file(path, cumul_from=0.0, cumul_to=level)
        assert moc.sky_fraction * 4 * math.pi * math.degrees(1) ** 2 == pytest.approx(ours, rel=0.02)
    assert len(theirs) == joint.ipix.size
    assert theirs.meta["objid"] == ALERT.graceid
    assert theirs.meta["creator"] == "llama 1.0"
    assert theirs.meta["distmean"] == pytest.approx(joint.distmean_mpc)
    assert float(np.sum(theirs["PROBDENSITY"] * _areas(theirs["UNIQ"]))) == pytest.approx(1, abs=1e-9)


def _areas(uniq: np.ndarray) -> np.ndarray:
    order = (np.log2(np.asarray(uniq) // 4) / 2).astype(int)
    return np.pi / 3 / 4.0**order


@pytest.mark.slow
def test_ligo_skymap_stats_prints_our_area(nearby: SkyMap, tmp_path: Path) -> None:
    joint = averaged_skymap(given(nearby, near_the_peak(nearby, 1, 0.3)), "test", "1.0")
    MultiOrderFits().write(joint, tmp_path / "map.fits")
    ligo_skymap_stats([str(tmp_path / "map.fits"), "-o", str(tmp_path / "out.tsv"), "--contour", "90"])
    names, values = (tmp_path / "out.tsv").read_text().splitlines()[1:]
    said = dict(zip(names.split("\t"), values.split("\t"), strict=True))
    assert float(said["area(90)"]) == pytest.approx(credible_area_deg2(joint, 0.9), rel=1e-6)
    assert float(said["distmean"]) == pytest.approx(joint.distmean_mpc, rel=0.02)


@pytest.mark.slow
def test_the_file_is_a_standard_one(nearby: SkyMap, tmp_path: Path) -> None:
    joint = averaged_skymap(given(nearby, near_the_peak(nearby, 1, 0.3)), "observation", "1.0")
    for name in ("one.fits", "two.fits"):
        MultiOrderFits().write(joint, tmp_path / name)
    assert (tmp_path / "one.fits").read_bytes() == (tmp_path / "two.fits").read_bytes()
    with fits.open(tmp_path / "one.fits") as file:
        file.verify("exception")
        header, columns = file[1].header, file[1].columns
        assert columns.names == ["UNIQ", "PROBDENSITY", "DISTMU", "DISTSIGMA", "DISTNORM"]
        assert columns["PROBDENSITY"].unit == "sr-1"
        told = {key: header[key] for key in ("ORDERING", "COORDSYS", "MOCORDER", "OBJECT", "CREATOR")}
        assert told == {
            "ORDERING": "NUNIQ", "COORDSYS": "C", "MOCORDER": int(joint.order.max()), "OBJECT": "S120130a",
            "CREATOR": "llama 1.0",
        }  # fmt: skip
        assert header["DATE-OBS"]
        assert np.isfinite(file[1].data["DISTMU"]).sum() == has_distance(joint).sum()
        assert "DATE" not in header  # when it was made is in the journal; the same inputs give the same bytes
    back = read_skymap(tmp_path / "one.fits")
    assert back.density.tolist() == joint.density.tolist()


# --- what they say --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_coincident_neutrino_narrows_the_map(nearby: SkyMap, tmp_path: Path) -> None:
    there = near_the_peak(nearby, 1, 0.3, energy=2e4)
    inputs = given(nearby, there, row(2, 100.0, 250.0))
    average, conditional = averaged_skymap(inputs, "observation", "1"), most_significant_skymap(inputs, "test", "1")
    areas = [credible_area_deg2(m, 0.9) for m in (conditional, average, nearby)]
    assert areas[0] < areas[1] < areas[2]
    assert "neutrino 1" in history(average, tmp_path)
    assert "TEST" not in history(average, tmp_path)
    told = history(conditional, tmp_path)
    assert told.startswith(
        "TEST, not an observation; SKY MAP IN DOUBT Where the source of S120130a is, if it is a merger and neutrino 1"
    )
    where = f"RA {there.ra:.3f}, Dec {there.dec:.3f}, sigma 1.000 deg"
    assert f"Neutrino 1: event-1, {where}, 20000 GeV, +20.00 s" in told
    assert "Distances: of the GW map, weighted" in told
    assert conditional.distmean_mpc < nearby.distmean_mpc


@pytest.mark.slow
def test_three_neutrinos_are_not_called_unrelated(nearby: SkyMap, tmp_path: Path) -> None:
    """The probability of "none" is that of all sets, as in p_astro after; the alert's own odds stop at pairs."""
    rows = [near_the_peak(nearby, number, 0.3, energy=5e3, dt=20.0 + number) for number in (1, 2, 3)]
    inputs = given(nearby, *rows)
    told = history(averaged_skymap(inputs, "observation", "1"), tmp_path)
    weights = inputs.significance["log_weights"]
    none = float(told.split("Probabilities: ")[1].split(" none of them")[0])
    after = inputs.significance["p_astro"]["after"]
    false = math.exp(weights["noise"]) + math.exp(weights["chance_neutrino"])
    assert none == pytest.approx(math.exp(weights["chance_gw"]) / (false * after / (1 - after)), rel=0.01)
    assert none < 0.01 < 1 / (1 + math.exp(weights["signal"] - weights["chance_gw"]))
    assert "three or more of them, drawn as neutrinos 1 and 2" in told


def test_the_average_is_of_the_odds(nearby: SkyMap) -> None:
    """The density far from a single neutrino falls by the probability that it comes from there: B/(c + B)."""
    inputs = given(nearby, near_the_peak(nearby, 1, 0.3, sigma=0.3, energy=5e3))
    joint = averaged_skymap(inputs, "test", "1")
    single = inputs.significance["single_neutrino"][0]["log_weights"]
    unrelated = 1 / (1 + math.exp(single["signal"] - single["chance_gw"]))
    assert 0.01 < unrelated < 0.99
    ra, dec = centres(nearby)
    far = np.argsort(-nearby.density)[: ra.size // 4]
    far = far[np.hypot(ra[far] - math.radians(inputs.neutrinos.neutrinos[0].ra), dec[far] - dec[far[0]]) > 0.1]
    assert density_at(joint, ra[far], dec[far]) == pytest.approx(unrelated * nearby.density[far], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    "rows, tables, said",
    [
        ((), FAINT, "There is no neutrino that could come from the source."),
        ((row(1, 100.0, 250.0),), BRIGHT, "No neutrino is significant: nothing coincides with p < 0.1."),
        ((row(1, 100.0, 250.0, type="blinded"),), FAINT, "No neutrino is significant: right ascensions are"),
        ((row(1, 100.0, 250.0),), None, "There is no p-value, and no neutrino comes from the source"),
        ((row(1, 500.0, 250.0),), None, "There is no p-value, and no neutrino comes from the source"),
    ],
)  # fmt: skip
def test_without_a_coincidence_it_is_the_map_that_came(nearby, rows, tables, said, tmp_path) -> None:
    inputs = given(nearby, *rows, tables=populations(*filter(None, [tables])))
    for make in (averaged_skymap, most_significant_skymap):
        joint = make(inputs, "observation", "1")
        told = history(joint, tmp_path)
        assert joint.density is nearby.density
        assert joint.distmu is nearby.distmu
        assert "This is the gravitational wave's own map, unchanged." in told
        assert "Distances" not in told
    assert said in told


@pytest.mark.slow
def test_without_a_p_value_the_likeliest_neutrino_is_shown(nearby: SkyMap, tmp_path: Path) -> None:
    inputs = given(nearby, row(1, 100.0, 250.0), near_the_peak(nearby, 2, 0.3), tables=populations())
    told = history(most_significant_skymap(inputs, "observation", "1"), tmp_path)
    assert "if it is a merger and neutrino 2 comes from it." in told
    assert "How often chance does as well is not known: there is no p-value." in told


def test_a_map_without_distances_gets_none(nearby: SkyMap, tmp_path: Path) -> None:
    flat = SkyMap(nearby.order, nearby.ipix, nearby.density)
    inputs = given(flat, near_the_peak(flat, 1, 0.3), tables=populations())
    joint = most_significant_skymap(inputs, "observation", "1")
    assert joint.distmu is None
    assert joint.distmean_mpc is None
    assert "Distances" not in history(joint, tmp_path)
    assert joint.origin["DATE-OBS"] == ALERT.event_time.removesuffix("Z")


def test_the_numbers_do_not_wait_for_the_maps() -> None:
    order = [product.name for product in GW_NEUTRINO]
    made_from_maps = [p.name for p in GW_NEUTRINO for item in p.all_inputs if item.product.name.startswith("JOINT")]
    assert made_from_maps == []
    assert order.index("JOINT_SKYMAP") > order.index("CIRCULAR") > order.index("SIGNIFICANCE")
    assert GW_NEUTRINO.find("JointSkymapI3Lvc").filename == "skymap_lvc-i3.multiorder.fits"


def test_signs_beyond_ascii_are_written_out_in_headers(nearby: SkyMap, tmp_path: Path) -> None:
    text = history(averaged_skymap(given(nearby, near_the_peak(nearby, 1, 0.5)), "test", "1.0"), tmp_path)
    assert "within +-500 s" in text and "?" not in text
