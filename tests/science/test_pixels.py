"""Heights and moments of HEALPix pixels, and the means over declination made of them."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
import statistic_reference as slow
from test_coincidence import SEASON, isotropic

from llama.science.detector.response import signal_rows
from llama.science.overlap import overlap_nodes
from llama.science.overlap.declination import Means
from llama.science.sky.pixels import (
    height,
    height_per_sine,
    log_mean_over_centre,
    pixel_moments,
    sine_of_height,
    slopes,
)
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.quadtree import SkyTree, vectors

INSIDE = (np.arange(16) + 0.5) / 16


def points_inside(order, ipix):
    """(256, m, 3) evenly over each pixel."""
    x, y = (mesh.ravel()[:, None] for mesh in np.meshgrid(INSIDE, INSIDE))
    return vectors(order, ipix, x, y)


def test_heights_are_those_of_healpix():
    """Rings of pixel centres are evenly spaced in height."""
    nside = 8
    z = healpy.ringinfo(nside, np.arange(1, 4 * nside))[2]
    assert height(z) == pytest.approx(2 - np.arange(1, 4 * nside) / nside, abs=1e-12)
    assert sine_of_height(height(z)) == pytest.approx(z, abs=1e-12)
    assert sine_of_height(np.array([-3.0, 2.0, 3.0])).tolist() == [-1, 1, 1]
    step = 1e-6
    assert (height(z + step) - height(z - step)) / (2 * step) == pytest.approx(height_per_sine(z), rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("order", [5, 8])
def test_moments_are_those_of_points_spread_over_the_pixel(order):
    ipix = np.random.default_rng(order).integers(0, 12 * 4**order, 3000)
    centre = vectors(order, ipix, 0.5, 0.5)
    away = points_inside(order, ipix) - centre
    cosine = np.sqrt(1 - centre[:, 2] ** 2)
    east = np.stack([-centre[:, 1], centre[:, 0], 0 * cosine], axis=-1) / cosine[:, None]
    north = np.cross(centre, east)
    up, aside = (away * north).sum(axis=-1), (away * east).sum(axis=-1)
    brute = np.stack([up.mean(0), aside.mean(0), (up * up).mean(0), (aside * aside).mean(0), (up * aside).mean(0)])
    found = pixel_moments(np.full(ipix.size, order), centre)
    error = np.abs(found - brute) * 2.0 ** (order * np.array([[1], [1], [2], [2], [2]]))
    assert error.max(axis=1).tolist() == pytest.approx([0] * 5, abs=0.015)  # two pixels from a pole, at worst
    assert np.median(error, axis=1).tolist() == pytest.approx([0] * 5, abs=1e-3)


@pytest.mark.slow
def test_a_mean_over_a_pixel_is_that_of_points_spread_over_it():
    order, ipix = 6, np.arange(0, 12 * 4**6 - 2, 7)
    centre, kappa = vectors(order, ipix, 0.5, 0.5), np.full(ipix.size, 1 / np.radians(3.0) ** 2)
    toward = vectors(order, ipix + 2, 0.1, 0.9)

    def log_psf(where):
        return log_density(np.square(where - toward).sum(axis=-1) / 4, np.radians(3.0))

    near = log_psf(centre) > log_psf(toward) - 2
    mean = np.log(np.exp(log_psf(points_inside(order, ipix)) - log_psf(centre)).mean(axis=0))
    found = log_mean_over_centre(slopes(centre, toward, kappa), pixel_moments(np.full(ipix.size, order), centre))
    assert near.sum() > 1000
    assert found[near] == pytest.approx(mean[near], abs=3e-3)


@pytest.mark.parametrize("sigma_deg", [0.01, 0.5, 2, 5, 10, 15, 20, 30, 60, 90])
def test_a_point_spread_on_an_isotropic_map_integrates_to_one(sigma_deg):
    """From pole to pole, and where belt and caps of the projection meet."""
    dec = np.radians([-90, -89.9, -75, -41.81, -41, -20, 0, 10, 30, 41.5, 41.81, 42.3, 60, 85, 89.5, 90])
    direction = unit_vectors(np.linspace(0.1, 6, dec.size), dec)
    nodes = overlap_nodes(SkyTree.of(isotropic()), direction, np.full(dec.size, np.radians(sigma_deg)))
    assert nodes.log_integral() == pytest.approx(np.full(dec.size, -np.log(4 * np.pi)), abs=3e-4)


def test_means_over_declination_are_sums_over_a_triangle():
    rng = np.random.default_rng(0)
    energy = np.array([2e2, 1e3, 2e4, 1e6])
    means = Means.of(SEASON, signal_rows(SEASON, energy))
    which = rng.integers(0, 4, 300)
    middle = np.concatenate([rng.uniform(-1.95, 1.95, 200), rng.uniform(-0.32, -0.24, 100)])  # and at the step
    reach = 2.0 ** -rng.integers(4, 12, 300)
    per_source, scale = means.over(which, middle, reach)
    for i in range(300):
        mean = slow.over_declinations(SEASON, energy[which[i]], middle[i : i + 1], reach[i : i + 1])
        assert per_source[i] == pytest.approx(mean[0][0], rel=1e-4)
        assert scale[i] == pytest.approx(mean[1][0], rel=1e-4)
