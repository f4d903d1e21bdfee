"""Where the detector's selection changes, a/α falls by e⁶ within 10°: odds of neutrinos beside that edge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import statistic_reference as slow
from ensemble_reference import ensemble_b
from test_coincidence import CBC, GPS, SEASON, TRIGGER, one

from llama.science.coincidence import coincidence
from llama.science.declination import Steepness
from llama.science.observed import Neutrinos
from llama.science.psf import log_density, unit_vectors
from llama.science.response import alpha, interpolate_sin_dec, signal_rows
from llama.science.skymap import SkyMap, directions

PINNED = replace(CBC, distance_mode="pinned")


def round_map(dec_deg: float, sigma_deg: float) -> SkyMap:
    n = 12 * 4**5
    blank = SkyMap(np.full(n, 5, np.uint8), np.arange(n), np.ones(n))
    chord = np.square(directions(blank) - unit_vectors(1.0, np.radians(dec_deg))).sum(axis=-1)
    density = np.exp(log_density(chord / 4, np.radians(sigma_deg)))
    return replace(blank, density=density / density.sum() * n / (4 * np.pi), distmean_mpc=150.0)


@pytest.mark.parametrize(
    ("map_dec", "dec", "sigma_deg", "map_sigma", "order"),
    [(-20, -15, 3.0, 8.0, 8), (-40, -12, 8.0, 8.0, 7), (-30, -9, 8.0, 8.0, 7), (-8, -10, 3.0, 1.0, 9)],
)
def test_the_flank_beyond_the_edge_counts(map_dec, dec, sigma_deg, map_sigma, order):
    skymap, dec = round_map(map_dec, map_sigma), np.radians(dec)
    result = coincidence(skymap, TRIGGER, one(1.0, dec, sigma_deg, 1e3), SEASON, PINNED)
    integral = slow.log_overlap(skymap, SEASON, PINNED, (1.0, dec, np.radians(sigma_deg)), 1e3, order, 150.0)
    expected = integral - np.log(500 * 10 * SEASON.rate_hz * slow.background_density(SEASON, PINNED, dec, 1e3))
    assert result.log_b[0] == pytest.approx(expected, abs=1.5e-3)


def test_the_flank_of_a_pair_counts():
    pair = Neutrinos(
        GPS + np.array([20.0, -30.0]),
        np.array([1.0, 1.02]),
        np.radians([-15.0, -14.0]),
        np.radians([4.0, 3.0]),
        np.full(2, 1e3),
    )
    skymap = round_map(-20, 8.0)
    result = coincidence(skymap, TRIGGER, pair, SEASON, PINNED)
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda)
    expected = np.log(ensemble_b(skymap, SEASON, PINNED, GPS, pair, against, 8, 150.0))
    assert result.ensemble.log_b == pytest.approx(expected, abs=1.5e-3)


@pytest.mark.parametrize("order", [0, 3, 6, 10])
def test_bounds_hold_inside_pixels(order):
    dec, energy = np.radians([-40.0, -6.0, 3.0, 60.0]), np.array([1e3, 5e2, 1e5, 2e4])
    rows = signal_rows(SEASON, energy)
    steepness = Steepness.of(SEASON, rows, np.sin(dec))
    rng = np.random.default_rng(order)
    ipix, which = rng.integers(0, 12 * 4**order, 4000), rng.integers(0, 4, 4000)
    z = directions(SkyMap(np.full(4000, order, np.uint8), ipix, np.ones(4000)))[:, 2]
    inside = 4 * ipix + rng.integers(0, 4, 4000)
    z_inside = directions(SkyMap(np.full(4000, order + 1, np.uint8), inside, np.ones(4000)))[:, 2]
    low, high, _ = steepness.within(order, which, z)
    for power in (0.0, 1.0):  # a/α and a
        own = np.log(interpolate_sin_dec(SEASON, rows, np.arange(4), np.sin(dec)))
        own -= (1 - power) * np.log(alpha(SEASON, np.sin(dec)))
        there = np.log(interpolate_sin_dec(SEASON, rows, which, z_inside))
        there -= (1 - power) * np.log(alpha(SEASON, z_inside))
        ratio = there - own[which]
        # the value at the neutrino is that of the nearest point of the grid
        assert (ratio <= high + 0.7).all()
        assert (ratio >= low - 0.7).all()
