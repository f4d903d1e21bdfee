"""The O2 statistic: its own checks, none of which knows the main statistic."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.science.sky.cells import from_cells, split
from llama.science.sky.psf import unit_vectors
from llama.science.sky.skymap import SkyMap, credible_area_deg2, density_at
from llama.science.statistic import o2
from llama.studies.synthetic import gaussian_skymap


def isotropic(order: int = 2) -> SkyMap:
    n = 12 * 4**order
    return from_cells(np.full(n, order), np.arange(n), np.full(n, 1 / (4 * np.pi)))


@pytest.mark.parametrize("sigma_deg", [0.2, 1.0, 5.0])
@pytest.mark.parametrize("dec_deg", [-90.0, -41.8, 0.0, 30.0, 89.9])
def test_an_isotropic_map_integrates_to_two_pi(sigma_deg: float, dec_deg: float) -> None:
    skymap, centre, sigma = isotropic(), unit_vectors(1.0, math.radians(dec_deg)), math.radians(sigma_deg)
    at = o2.samples(o2.Cells.of(skymap, skymap.density), centre, sigma)
    integral = float(np.sum(o2.likelihood(at, centre, sigma) * at.area_sr))
    # a flat Gaussian on the sphere loses σ²/6 of itself to curvature
    assert integral == pytest.approx(2 * np.pi * (1 - sigma**2 / 3), rel=2e-3)


def test_points_cover_the_sky_once() -> None:
    skymap = isotropic()
    at = o2.samples(o2.Cells.of(skymap, skymap.density), unit_vectors(0.1, 0.2), math.radians(0.5))
    assert at.area_sr.sum() == pytest.approx(4 * np.pi, rel=1e-12)


def test_threshold_radius() -> None:
    assert math.degrees(o2.threshold_radius_rad(math.radians(0.5)) or 0) == pytest.approx(2.1, abs=0.03)
    assert o2.threshold_radius_rad(math.radians(39.8)) is not None
    assert o2.threshold_radius_rad(math.radians(39.95)) is None


@given(sigma_deg=st.floats(0.05, 39.0))
def test_the_density_at_the_threshold_radius_is_the_threshold(sigma_deg: float) -> None:
    sigma = math.radians(sigma_deg)
    radius = o2.threshold_radius_rad(sigma)
    assert radius is not None
    assert float(o2.neutrino_density(radius, sigma)) / o2.DEG2_PER_SR == pytest.approx(1e-4, rel=1e-9)


def test_truncation_keeps_ninety_per_cent_and_does_not_renormalise() -> None:
    skymap = gaussian_skymap(1.0, 0.5, math.radians(5), 100.0, 20.0)
    region = o2.truncated(skymap)
    area = np.pi / 3 / 4.0**skymap.order
    assert float(np.sum(region * area)) == pytest.approx(0.9, abs=0.01)
    assert float(np.sum(area[region > 0])) * o2.DEG2_PER_SR == pytest.approx(
        credible_area_deg2(skymap, 0.9), rel=0.01
    )
    assert set(np.flatnonzero(region)) <= set(np.flatnonzero(skymap.density == region))


def test_likelihood_of_a_sharp_neutrino_is_that_of_its_own_place() -> None:
    skymap = gaussian_skymap(1.0, 0.5, math.radians(5), 100.0, 20.0)
    sigma = math.radians(0.2)
    found, best = o2.o2_search(skymap, 0.0, np.zeros(1), np.array([1.02]), np.array([0.49]), np.array([sigma]))
    expected = 8 * np.pi**2 * float(density_at(skymap, 1.02, 0.49)) / (2 * np.pi * sigma**2)
    assert best == 0
    assert found[0].likelihood == pytest.approx(expected, rel=0.02)
    assert found[0].ra_rad == pytest.approx(1.02, abs=0.005)
    assert found[0].dec_rad == pytest.approx(0.49, abs=0.005)


def test_cuts_in_time_and_position() -> None:
    skymap = gaussian_skymap(1.0, 0.5, math.radians(3), 100.0, 20.0)
    gps = np.array([0.0, 500.0, 500.1, 0.0])
    ra = np.array([1.0, 1.0, 1.0, 3.5])
    dec = np.array([0.5, 0.5, 0.5, -0.5])
    found, best = o2.o2_search(skymap, 0.0, gps, ra, dec, np.full(4, 0.01))
    assert [one.coincident for one in found] == [True, True, False, False]
    assert [one.upgoing for one in found] == [True, True, True, False]
    assert best in (0, 1)
    assert found[3].likelihood == pytest.approx(0, abs=1e-30)


def test_no_neutrino_wider_than_forty_degrees_is_coincident() -> None:
    skymap = gaussian_skymap(1.0, 0.5, math.radians(3), 100.0, 20.0)
    found, best = o2.o2_search(skymap, 0.0, np.zeros(1), np.ones(1), np.full(1, 0.5), np.radians([45.0]))
    assert best is None and not found[0].in_region


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000))
def test_splitting_cells_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    skymap = gaussian_skymap(1.0, 0.5, math.radians(10), 100.0, 20.0)
    finer = split(skymap, rng.random(skymap.order.size) < 0.5)
    ra, dec = 1.0 + rng.normal(0, 0.2), 0.5 + rng.normal(0, 0.2)
    one, other = (o2.o2_search(m, 0.0, *np.array([[0.0], [ra], [dec], [0.02]]))[0][0] for m in (skymap, finer))
    assert one.coincident == other.coincident
    assert other.likelihood == pytest.approx(one.likelihood, rel=1e-2, abs=1e-3)  # beyond 6σ cells stay whole


def test_bad_neutrinos_are_named() -> None:
    with pytest.raises(ValueError, match="neutrino 1"):
        o2.o2_search(isotropic(), 0.0, np.zeros(2), np.zeros(2), np.zeros(2), np.array([0.1, 0.0]))


def test_an_empty_list_has_no_best_neutrino() -> None:
    none = np.empty(0)
    assert o2.o2_search(isotropic(), 0.0, none, none, none, none) == ((), None)
