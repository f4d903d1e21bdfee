"""Every real sky map reads, in little memory, and gives the areas and distances that its publishers give."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import healpy
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy_healpix import healpix_to_lonlat
from ligo.skymap import moc
from ligo.skymap.distance import parameters_to_marginal_moments
from ligo.skymap.io import read_sky_map
from ligo.skymap.postprocess.crossmatch import crossmatch
from ligo.skymap.postprocess.util import interp_greedy_credible_levels
from tests.skymap_examples import read_in_a_fresh_process

from llama.formats.skymap import read_skymap
from llama.science.sky import (
    credible_area_deg2,
    credible_level,
    lookup,
    marginal_distance,
    max_order,
    mean_distance,
    positions,
    probability,
)

# 90 % area in deg², mean distance and its standard deviation in Mpc: data/README.md, section 4
PUBLISHED = {
    "GW150914_LALInference.fits.gz": (616, None),
    "GW150914_bayestar_gstlal_C01.fits.gz": (398, None),
    "GW170814_prelim_bayestar.fits.gz": (97.4, (488, 111)),
    "GW170817_prelim_LALInference.fits.gz": (33.6, (39.2, 7.2)),
    "GW170817_discovery_28deg2.fits.gz": (27.8, (38.6, 7.0)),
    "GW170817_GWTC1.fits.gz": (16.2, (38.0, 7.5)),
    "GW170817_GWTC1.multiorder.fits": (16.2, (38.0, 7.5)),
    "GW190412_PublicationSamples.multiorder.fits": (20.9, (734, 93)),
    "S190425z_bayestar_G330561.fits.gz": (10183, (155, 45)),
    "S190425z_2_LALInference.fits.gz": (7461, (156, 41)),
    "S190814bv_5_LALInference.v1.fits.gz": (23.1, (267, 52)),
    "S231206_G457564_bayestar.multiorder.fits": (462, (1331, 311)),
    "S240513_G483432_bayestar.multiorder.fits": (3926, (9299, 2689)),
    "S240621_G495305_bayestar.multiorder.fits": (34.1, (1181, 249)),
    "S250319bu_G565155_bayestar.multiorder.fits": (2058, (4372, 1308)),
    "MS181101ab_bayestar.fits.gz": (31.0, (39.8, 8.3)),
    "MS181101ab_bayestar.multiorder.fits": (31.0, (39.8, 8.3)),
}

# 50 and 90 % areas by ligo-skymap-stats: data/skymaps/mock_and_sim/local_bayestar/allsky.tsv
STATS = {
    "0.fits": (3.8607826028317667, 13.859738150176518),
    "1.fits": (2.5537452162800496, 11.22509833164634),
    "2.fits": (0.08377418904643077, 0.2818290189725747),
    "3.fits": (0.4372960454478998, 1.5029685591467215),
    "4.fits": (0.36163219384818857, 1.220811940019766),
}


def all_maps(data: Path) -> list[Path]:
    found = [p for p in (data / "skymaps").rglob("*") if p.name.endswith((".fits", ".fits.gz", ".fit"))]
    return sorted(found)


def find(data: Path, name: str) -> Path:
    return next((data / "skymaps").rglob(name))


@pytest.mark.slow
def test_every_map_reads_in_under_500_mb(data: Path) -> None:
    maps = all_maps(data)
    assert len(maps) >= 45
    for result in read_in_a_fresh_process(*maps):
        assert result["peak_mb"] < 500, result
        assert result["sum"] == pytest.approx(1, abs=1e-12)
        area, distance = PUBLISHED.get(Path(result["path"]).name, (None, None))
        if area is not None:
            assert result["area_90"] == pytest.approx(area, rel=2e-3, abs=0.06), result
            assert (result["distance"] is None) == (distance is None)
        if distance is not None:
            assert result["distance"] == pytest.approx(distance, rel=2e-3, abs=0.6), result


@pytest.mark.slow
def test_a_flat_map_of_twelve_million_pixels_with_distances_adds_little_memory(data: Path) -> None:
    (result,) = read_in_a_fresh_process(find(data, "GW170814_prelim_bayestar.fits.gz"))
    assert result["order"] == 10
    assert result["cells"] == 19200
    assert result["peak_mb"] - result["before_mb"] < 100


@pytest.mark.parametrize("name", STATS)
def test_areas_agree_with_ligo_skymap_stats(data: Path, name: str) -> None:
    m = read_skymap(find(data, f"local_bayestar/{name}"))
    assert [credible_area_deg2(m, level) for level in (0.5, 0.9)] == pytest.approx(STATS[name], rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "GW190412_PublicationSamples.multiorder.fits",
        "S240513_G483432_bayestar.multiorder.fits",
        "MS220722v_bayestar.multiorder.fits",
        "GW200216_220804.Mixed.multiorder.fits",
        "S190425z_2_LALInference.fits.gz",
        "F2Y_18951_bayestar.fits.gz",
        "gwcelery_swift_skymap.multiorder.fits",
        "gwcelery_fermi_skymap.fits.gz",
    ],
)
def test_areas_levels_and_distances_agree_with_ligo_skymap(data: Path, name: str) -> None:
    m, table = read_skymap(find(data, name)), read_sky_map(str(find(data, name)), moc=True)
    table = table[np.argsort(-table["PROBDENSITY"], kind="stable")]
    area, density = moc.uniq2pixarea(table["UNIQ"]), np.asarray(table["PROBDENSITY"], dtype=float)
    density /= np.sum(area * density)
    total = np.cumsum(area * density)
    expected = interp_greedy_credible_levels((0.5, 0.9), total, np.degrees(np.degrees(np.cumsum(area))))
    assert [credible_area_deg2(m, level) for level in (0.5, 0.9)] == pytest.approx(expected, rel=1e-9)

    where = lookup(m, *(angle.rad for angle in sky_of(table["UNIQ"])))
    assert np.allclose(m.density[where], density, rtol=2e-7)  # it keeps single precision where the file has it
    distinct = np.diff(density, append=-1.0) < 0
    assert np.allclose(credible_level(m)[where[distinct]], total[distinct], rtol=0, atol=1e-6)
    if "DISTMU" in table.colnames:
        good = np.isfinite(table["DISTMU"])
        weight = (area * density)[good] / (area * density)[good].sum()
        mu, sigma = (np.asarray(table[column], dtype=float)[good] for column in ("DISTMU", "DISTSIGMA"))
        assert marginal_distance(m) == pytest.approx(parameters_to_marginal_moments(weight, mu, sigma), rel=1e-5)


def sky_of(uniq: np.ndarray) -> tuple[Longitude, Latitude]:
    order, ipix = moc.uniq2nest(uniq)
    return healpix_to_lonlat(ipix, 1 << order.astype(int), order="nested")


@pytest.mark.slow
def test_areas_agree_with_crossmatch(data: Path) -> None:
    path = find(data, "GW170817_GWTC1.multiorder.fits")
    expected = crossmatch(read_sky_map(str(path), moc=True), contours=(0.5, 0.9)).contour_areas
    assert [credible_area_deg2(read_skymap(path), level) for level in (0.5, 0.9)] == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
def test_the_flat_and_the_multi_order_file_of_one_posterior_agree(data: Path) -> None:
    flat = read_skymap(find(data, "GW170817_GWTC1.fits.gz"))
    mixed = read_skymap(find(data, "GW170817_GWTC1.multiorder.fits"))
    assert max_order(flat) == max_order(mixed) == 10
    assert len(flat.ipix) == len(mixed.ipix)
    assert (flat.ipix == mixed.ipix).all()
    assert np.allclose(flat.density, mixed.density, rtol=1e-12)
    assert marginal_distance(flat) == pytest.approx(marginal_distance(mixed))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "GW170814_prelim_bayestar.fits.gz",
        "S231206_G457564_bayestar.multiorder.fits",
        "S250319bu_G565155_bayestar.multiorder.fits",
        "F2Y_18951_bayestar.fits.gz",
        "obsscen_101.multiorder.fits",
        "MS190227n_bayestar.fits.gz",
    ],
)
def test_bayestars_own_mean_distance_follows_from_the_cells(data: Path, name: str) -> None:
    m = read_skymap(find(data, name))
    assert marginal_distance(m) == pytest.approx(mean_distance(m), rel=1e-4)


@pytest.mark.slow
def test_where_a_map_came_from_is_kept(data: Path) -> None:
    origin = read_skymap(find(data, "GW170817_GWTC1.fits.gz")).origin
    assert origin["OBJECT"] == "GW170817"
    assert origin["CREATOR"] == "ligo-skymap-from-samples"
    assert origin["DATE-OBS"] == "2017-08-17T12:41:04.429464"
    assert origin["DATE"].startswith("2018-10-29")
    assert read_skymap(find(data, "local_bayestar/0.fits")).origin["OBJECT"] == "0"


def test_probability_of_a_gamma_ray_burst_map_is_where_its_file_says(data: Path) -> None:
    path = find(data, "glg_healpix_all_bn180116026.fit")
    pixels = healpy.read_map(path, nest=True, field=0, dtype=float)
    m = read_skymap(path)
    start, stop = positions(m.order, m.ipix)
    edges = np.append(start, stop[-1]) >> 2 * (29 - 7)
    assert edges[-1] == pixels.size
    assert np.allclose(probability(m), np.add.reduceat(pixels, edges[:-1]) / pixels.sum())


@pytest.mark.parametrize(
    ("notice", "cells", "area"),
    [
        ("igwn_gwalert_preliminary.json", 19200, 7.7),
        ("lfa_S2376-1-preliminary_aframe.json", 12288, None),  # a multi-order map without ORDERING
        ("lfa_S2468-1-initial_cWB_SNEWS.json", None, 52.6),
        ("lfa_S5678-2-update_GW170814map_extcoinc.json", 16896, 61.7),
    ],
)
def test_maps_embedded_in_alerts(data: Path, notice: str, cells: int | None, area: float | None) -> None:
    alert = json.loads(next((data / "notices").rglob(notice)).read_text())
    m = read_skymap(base64.b64decode(alert["event"]["skymap"]))
    assert cells is None or len(m.ipix) == cells
    assert area is None or credible_area_deg2(m, 0.9) == pytest.approx(area, abs=0.05)
