"""The point-spread function: normalised for any σ, a Gaussian for small ones, exact in its tails."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import i0e

from llama.science.sky import psf

X, W = np.polynomial.legendre.leggauss(120)


@settings(deadline=None)
@given(st.floats(-5, 0.5))
def test_integrates_to_one(log10_sigma):
    sigma = 10**log10_sigma
    top = min(12 * sigma, np.pi)
    psi = top * (X + 1) / 2
    total = np.sum(W * top / 2 * 2 * np.pi * np.sin(psi) * np.exp(psf.log_density(np.sin(psi / 2) ** 2, sigma)))
    assert total == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("degrees", [1e-4, 0.2, 1.0])
def test_small_errors_are_gaussian(degrees):
    sigma = np.radians(degrees)
    psi = 2 * sigma
    gauss = np.log(1 / (2 * np.pi * sigma**2)) - psi**2 / (2 * sigma**2)
    assert float(psf.log_density(np.sin(psi / 2) ** 2, sigma)) == pytest.approx(gauss, abs=3 * sigma**2)


def test_deep_tails_stay_finite():
    log_density = psf.log_density(np.sin(np.radians(75) / 2) ** 2, np.radians(0.2))
    assert np.isfinite(log_density) and log_density < -6e4


@pytest.mark.parametrize("degrees", [1e-5, 0.01, 0.2, 2.0, 30.0, 90.0])
@pytest.mark.parametrize("dec", [-90.0, -89.9, -20.0, 0.0, 60.0, 90.0])
def test_declinations_average(degrees, dec):
    """The means of sin δ and sin² δ are known: L sin δ₀, and 1/3 + (1 − 3L/κ)(sin² δ₀ − 1/3), L = coth κ − 1/κ."""
    sigma = np.radians(degrees)
    _, sin_dec, weights = psf.declinations(np.radians([dec]), np.array([sigma]), np.array([-0.3, 0.1]))
    kappa, own = 1 / sigma**2, np.sin(np.radians(dec))
    langevin = 1 / np.tanh(kappa) - 1 / kappa
    assert (weights @ sin_dec) == pytest.approx(langevin * own, abs=1e-9)
    square = 1 / 3 + (1 - 3 * langevin / kappa) * (own**2 - 1 / 3)
    assert (weights @ np.square(sin_dec)) == pytest.approx(square, abs=1e-9)


@pytest.mark.parametrize("degrees", [0.3, 2.0, 8.0, 40.0])
@pytest.mark.parametrize("dec", [-80.0, -11.0, 5.0])
def test_declinations_average_what_has_kinks(degrees, dec):
    """A function that is a straight line between points of a grid and jumps a hundredfold, by adaptive quadrature."""
    grid = np.linspace(-1, 1, 101)
    values = np.where(grid > -0.2, 100.0, 1.0) * np.random.default_rng(1).uniform(1, 2, grid.size)
    sigma, own = np.radians(degrees), np.radians(dec)
    neutrino, sin_dec, weights = psf.declinations(np.array([0.4, own]), np.array([0.1, sigma]), grid)
    mine = neutrino == 1
    found = weights[mine] @ np.interp(sin_dec[mine], grid, values)

    def density(z):
        away = 1 - z * np.sin(own) - np.sqrt(1 - z * z) * np.cos(own)  # 1 − cos ψ at the same right ascension
        return np.exp(-away / sigma**2) * i0e(np.sqrt(1 - z * z) * np.cos(own) / sigma**2)

    pieces = list(pairwise(grid))
    top, norm = (
        sum(quad(lambda z, f=f: density(z) * f(z), *piece, epsabs=0, epsrel=1e-11)[0] for piece in pieces)
        for f in (lambda z: np.interp(z, grid, values), lambda z: 1.0)
    )
    assert found == pytest.approx(top / norm, rel=1e-6)
