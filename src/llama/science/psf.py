"""Where a neutrino came from: the von Mises–Fisher density on the sphere with κ = 1/σ².

For small σ it is the two-dimensional Gaussian of the method paper (eq. 23); unlike it, it stays normalised for any σ.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i0e

Float = NDArray[np.float64]

_FAR = 8.0  # sigma


def unit_vectors(ra_rad: ArrayLike, dec_rad: ArrayLike) -> Float:
    """(n, 3) unit vectors of directions."""
    ra, dec = np.asarray(ra_rad, dtype=np.float64), np.asarray(dec_rad, dtype=np.float64)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=-1)


def log_peak(sigma_rad: ArrayLike) -> Float:
    """ln of the density at the centre, per steradian: ln(κ/2π) − ln(1 − e^{−2κ})."""
    kappa = 1 / np.square(np.asarray(sigma_rad, dtype=np.float64))
    return np.asarray(np.log(kappa / (2 * np.pi)) - np.log(-np.expm1(-2 * kappa)))


def log_density(half_chord_squared: ArrayLike, sigma_rad: ArrayLike) -> Float:
    """ln density per steradian at distance ψ, given sin²(ψ/2) = |u − v|²/4.

    The chord keeps its digits where cos ψ has lost them (ψ below 1e-8 rad).
    """
    kappa = 1 / np.square(np.asarray(sigma_rad, dtype=np.float64))
    return np.asarray(log_peak(sigma_rad) - 2 * kappa * np.asarray(half_chord_squared, dtype=np.float64))


@functools.cache
def legendre(points: int) -> tuple[Float, Float]:
    """Nodes and weights of Gauss–Legendre quadrature on [−1, 1], found once."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    nodes.setflags(write=False)
    weights.setflags(write=False)
    return nodes, weights


@functools.cache
def pieces(count: int, points: int = 16) -> tuple[Float, Float]:
    """The same in equal pieces of [−1, 1]: for kinks, and found much faster than so many points at once."""
    nodes, weights = legendre(points)
    middle = (2 * np.arange(count) + 1) / count - 1
    found = (middle[:, None] + nodes / count).ravel(), np.tile(weights / count, count)
    for one in found:
        one.setflags(write=False)
    return found


def declinations(dec_rad: Float, sigma_rad: Float) -> tuple[Float, Float]:
    """Quadrature over the declinations of the density, for averages of what does not depend on right ascension.

    The integral of exp(κ cos ψ) over right ascension is 2π I_0(κ cos δ cos δ₀) exp(κ sin δ sin δ₀).

    Returns:
        sin_dec, weights: (n, 256), the weights of each row sum to one.
    """
    nodes, weights = pieces(16)
    kappa, dec = 1 / np.square(sigma_rad), np.asarray(dec_rad)
    low = np.maximum(dec - _FAR * sigma_rad, -np.pi / 2)[:, None]
    high = np.minimum(dec + _FAR * sigma_rad, np.pi / 2)[:, None]
    there = (low + high) / 2 + (high - low) / 2 * nodes
    kappa, dec = kappa[:, None], dec[:, None]
    log_scale = np.log(kappa) - np.log(-np.expm1(-2 * kappa)) - 2 * kappa * np.square(np.sin((there - dec) / 2))
    density = np.exp(log_scale) * i0e(kappa * np.cos(there) * np.cos(dec)) * np.cos(there)
    share = density * weights * (high - low) / 2
    return np.sin(there), share / share.sum(axis=-1, keepdims=True)
