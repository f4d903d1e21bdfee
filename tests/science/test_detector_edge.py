"""Where the detector's selection changes, a/α falls by e⁶ within 10°: odds of neutrinos beside that edge."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import statistic_reference as slow
from ensemble_reference import ensemble_b
from scipy.special import ive
from test_coincidence import CBC, GPS, SEASON, TRIGGER, isotropic, one

from llama.science.detector.response import alpha, interpolate_sin_dec, signal_rows
from llama.science.overlap.declination import Steepness
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.skymap import SkyMap, directions
from llama.science.statistic.against import AgainstBackground
from llama.science.statistic.ensemble import single_terms
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.lists import merger_host
from llama.science.statistic.observed import Neutrinos
from llama.science.statistic.prepared import prepare

PINNED = replace(CBC, distance_mode="pinned")


def round_map(dec_deg: float, sigma_deg: float) -> SkyMap:
    n = 12 * 4**5
    blank = SkyMap(np.full(n, 5, np.uint8), np.arange(n), np.ones(n))
    chord = np.square(directions(blank) - unit_vectors(1.0, np.radians(dec_deg))).sum(axis=-1)
    density = np.exp(log_density(chord / 4, np.radians(sigma_deg)))
    return replace(blank, density=density / density.sum() * n / (4 * np.pi), distmean_mpc=150.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("map_dec", "dec", "sigma_deg", "map_sigma", "order"),
    [(-20, -15, 3.0, 8.0, 10), (-40, -12, 8.0, 8.0, 10), (-30, -9, 8.0, 8.0, 9), (-8, -10, 3.0, 1.0, 10)],
)
def test_the_flank_beyond_the_edge_counts(map_dec, dec, sigma_deg, map_sigma, order):
    skymap, dec = round_map(map_dec, map_sigma), np.radians(dec)
    result = coincidence(skymap, TRIGGER, one(1.0, dec, sigma_deg, 1e3), SEASON, PINNED)
    integral = slow.log_overlap(skymap, SEASON, PINNED, (1.0, dec, np.radians(sigma_deg)), 1e3, order, 150.0)
    expected = integral - np.log(500 * 10 * SEASON.rate_hz * slow.background_density(SEASON, PINNED, dec, 1e3))
    assert result.log_b[0] == pytest.approx(expected, abs=5e-4)


def exact_log_integral(dec: float, sigma: float, energy: float, distance: float) -> float:
    """ln ∫ (1/4π) (a/α) PSF ⟨Q_1⟩ dΩ: a von Mises–Fisher density around a parallel is a Bessel function."""
    x, w = np.polynomial.legendre.leggauss(24)
    edges = np.concatenate([[-1], SEASON.sin_dec, [1]])  # between which a and α are straight lines
    edges = np.unique(np.concatenate([np.linspace(a, b, 5) for a, b in pairwise(edges)]))
    half = np.diff(edges)[:, None] / 2
    z, weight = (edges[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()
    scale, kappa = slow.alpha(SEASON, z), 1 / sigma**2
    signal = slow.signal_density(SEASON, energy, z) / scale * slow.q_one(PINNED, scale, np.full(z.size, distance))
    across = kappa * np.cos(dec) * np.sqrt(1 - z * z)
    around = kappa * (np.sin(dec) * z - 1) + across + np.log(ive(0, across))
    with np.errstate(divide="ignore"):
        return float(np.logaddexp.reduce(np.log(signal * weight / 2) + log_density(0.0, sigma) + around))


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [0.2, 0.7, 2.0, 5.0, 10.0, 14.0, 20.0, 40.0])
@pytest.mark.parametrize("depth_deg", [-20, -8, -4, -1, 0, 1, 3, 8, 15, 25, 35, 45, 55, 65, 75])
def test_odds_from_the_flank_are_the_exact_integral(sigma_deg, depth_deg):
    """North of the detector's edge and up to 75° deep in the dark sky, at energies with and without a step."""
    dec, sigma = np.radians(-10.0 - depth_deg), np.radians(sigma_deg)
    energy = np.array([2e2, 1e3, 3e3, 1.2e4, 1e5])
    same = np.ones(energy.size)
    list_ = Neutrinos(GPS * same, np.linspace(0.3, 6, energy.size), dec * same, sigma * same, energy)
    skymap = replace(isotropic(), distmean_mpc=150.0)
    ready = prepare(skymap, TRIGGER, SEASON, PINNED)
    rows = signal_rows(SEASON, energy)
    flat = np.zeros(energy.size)
    known = AgainstBackground.of(list_, unit_vectors(list_.ra_rad, list_.dec_rad), GPS, flat, rows, PINNED)
    found = single_terms(merger_host(ready, PINNED), known, SEASON)
    expected = [exact_log_integral(dec, sigma, one, 150.0) for one in energy]
    assert found.nodes.log_integral(found.log_integrand) == pytest.approx(expected, abs=5e-4)


@pytest.mark.slow
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
    expected = np.log(ensemble_b(skymap, SEASON, PINNED, GPS, pair, against, 9, 150.0))
    assert result.ensemble.log_b == pytest.approx(expected, abs=5e-4)


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
    minus_low, high, _, _ = steepness.within(order, which, z)
    for power in (0.0, 1.0):  # a/α and a
        own = np.log(interpolate_sin_dec(SEASON, rows, np.arange(4), np.sin(dec)))
        own -= (1 - power) * np.log(alpha(SEASON, np.sin(dec)))
        there = np.log(interpolate_sin_dec(SEASON, rows, which, z_inside))
        there -= (1 - power) * np.log(alpha(SEASON, z_inside))
        ratio = there - own[which]
        # the value at the neutrino is that of the nearest point of the grid
        assert (ratio <= high + 0.7).all()
        assert (ratio >= -minus_low - 0.7).all()
