"""Circles, maps of others and no direction at all, as sky maps: against closed forms and real GBM maps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.formats.skymap import read_skymap
from llama.science.overlap import overlap_nodes
from llama.science.sky.localisation import anywhere, circle, radius_of, sigma_of_radius, thinned
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.quadtree import SkyTree
from llama.science.sky.skymap import area_sr, centres, credible_area_deg2, density_at, probability

DEG2_PER_SR = np.degrees(1.0) ** 2
DIRECTIONS = [(1.0, 0.3), (0.0, math.pi / 2), (0.0, -0.7), (2 * math.pi, -math.pi / 2)]


def cap_deg2(sigma_rad: float, p: float) -> float:
    """Area that holds probability p of a von Mises–Fisher density."""
    kappa = 1 / sigma_rad**2
    return -2 * math.pi * math.log1p(p * math.expm1(-2 * kappa)) / kappa * DEG2_PER_SR


@pytest.mark.parametrize("where", DIRECTIONS)
@pytest.mark.parametrize("sigma_rad", [5e-6, math.radians(0.2), math.radians(3.7), 0.3, 1.0, 3.0])
def test_a_circle_has_the_areas_of_its_density(where, sigma_rad):
    m = circle(*where, {sigma_rad: 1.0}, {})
    assert np.sum(probability(m)) == pytest.approx(1, abs=1e-12)
    assert len(m.order) < 20_000
    for p in (0.5, 0.9):
        assert credible_area_deg2(m, p) == pytest.approx(cap_deg2(sigma_rad, p), rel=0.04)


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [0.01, 0.5, 4.0, 20.0])
@pytest.mark.parametrize("ratio", [0.5, 1.25, 5.0])
@pytest.mark.parametrize("distance", [0.0, 1.5, 3.0])
def test_a_circle_overlaps_others_as_the_closed_form_says(sigma_deg, ratio, distance):
    """∫ vMF₁ vMF₂ = C₁C₂ 4π sinh K/K, K = |κ₁μ₁ + κ₂μ₂| (SCIENCE 8)."""
    sigma = math.radians(sigma_deg)
    second, psi = ratio * sigma, distance * sigma
    m = circle(1.0, 0.3, {sigma: 1.0}, {})
    found = overlap_nodes(SkyTree.of(m), unit_vectors([1.0], [0.3 + psi]), np.array([second])).log_integral()[0]
    k1, k2 = 1 / sigma**2, 1 / second**2
    joint = math.sqrt((k1 - k2) ** 2 + 4 * k1 * k2 * math.cos(psi / 2) ** 2)
    log_c = sum(math.log(k / (4 * math.pi)) - math.log(-math.expm1(-2 * k) / 2) for k in (k1, k2))
    lost = -4 * k1 * k2 * math.sin(psi / 2) ** 2 / (joint + k1 + k2)  # joint − κ₁ − κ₂, without cancellation
    expected = log_c + math.log(4 * math.pi / joint) + lost + math.log(-math.expm1(-2 * joint) / 2)
    assert found == pytest.approx(expected, abs=0.02)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 6.28), st.floats(-1.57, 1.57), st.floats(0.5, 20), st.floats(1.2, 6), st.floats(0.05, 0.95))
@pytest.mark.slow
def test_core_and_tail_mix(ra, dec, core_deg, ratio, share):
    widths = {math.radians(core_deg): share, math.radians(core_deg * ratio): 1 - share}
    m = circle(ra, dec, widths, {})
    centre = unit_vectors(ra, dec)
    peak = sum(w * math.exp(log_density(0.0, s)) for s, w in widths.items())
    assert density_at(m, ra, dec) == pytest.approx(peak, rel=0.1)
    assert radius_of(m, centre, 0.68) > 1.3 * math.radians(core_deg)


def test_radii_and_sigmas():
    assert math.radians(10) / sigma_of_radius(math.radians(10), 0.68) == pytest.approx(1.5096, abs=1e-4)
    assert math.radians(10) / sigma_of_radius(math.radians(10), 0.9) == pytest.approx(2.145966, abs=1e-6)
    for bad in (0.0, 1.0, -0.1):
        with pytest.raises(ValueError, match="between 0 and 1"):
            sigma_of_radius(0.1, bad)


@pytest.mark.parametrize("widths", [{}, {0.0: 1.0}, {4.0: 1.0}, {0.1: -1.0}, {0.1: 0.0}, {math.nan: 1.0}])
def test_widths_that_cannot_be_are_refused(widths):
    with pytest.raises(ValueError, match="widths of a circle"):
        circle(0.0, 0.0, widths, {})


def test_nothing_known_is_the_whole_sky():
    m = anywhere({})
    assert len(m.order) == 12
    assert credible_area_deg2(m, 1.0) == pytest.approx(4 * math.pi * DEG2_PER_SR)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["glg_healpix_all_bn180116026.fit", "gbm_subthresh_546126856_healpix.fits"])
def test_a_real_map_is_thinned_without_loss(data: Path, name):
    m = read_skymap(data / "skymaps" / "grb" / name)
    thin = thinned(m)
    assert len(thin.order) < len(m.order) / 8
    assert np.sum(thin.density * area_sr(thin)) == pytest.approx(1, abs=1e-9)
    for p in (0.5, 0.9, 0.99):
        assert credible_area_deg2(thin, p) == pytest.approx(credible_area_deg2(m, p), rel=2e-3)
    peak, (ra, dec) = np.argmax(m.density), centres(m)
    assert density_at(thin, ra[peak], dec[peak]) == pytest.approx(m.density[peak], rel=0.06)
    tree = [SkyTree.of(one) for one in (m, thin)]
    at = unit_vectors([3.7, 4.6, 1.0], [0.47, 0.34, -1.0])
    whole, less = (overlap_nodes(one, at, np.radians([1.0, 3.0, 8.0])).log_integral() for one in tree)
    assert np.all(np.abs(less - whole) < 0.02 + 0.05 * np.abs(whole))  # the far tail may be coarse


def test_gbm_maps_hold_the_systematic_error(data: Path):
    """The header's statistical radius is 5.2°; with Connaughton's core and tail the map has what it should."""
    m = read_skymap(data / "skymaps" / "grb" / "glg_healpix_all_bn180116026.fit")
    centre = unit_vectors(math.radians(212.77), math.radians(27.05))
    r68 = math.degrees(radius_of(m, centre, 0.68))
    assert r68 == pytest.approx(9.0, abs=0.2)
    assert r68 > 1.5 * 5.2
