"""Where a neutrino came from: the von Mises–Fisher density on the sphere with κ = 1/σ².

For small σ it is the two-dimensional Gaussian of the method paper (eq. 23); unlike it, it stays normalised for any σ.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i0e

from llama.science.arrays import Float
from llama.science.quadrature import legendre

_FAR = 8.0  # sigma
_POINTS = 5  # in each piece of declination


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


def declinations(dec_rad: Float, sigma_rad: Float, sin_dec: Float) -> tuple[NDArray[np.int64], Float, Float]:
    """Quadrature over the declinations of the density, for averages of what does not depend on right ascension.

    The integral of exp(κ cos ψ) over right ascension is 2π I_0(κ cos δ cos δ₀) exp(κ sin δ sin δ₀).

    Args:
        sin_dec: (d,) where what is averaged has kinks.

    Returns:
        neutrino, sin_dec, weights: (m,) points, of which the weights sum to one for each neutrino.
    """
    nodes, weights = legendre(_POINTS)
    dec, kappa, reach = np.asarray(dec_rad), 1 / np.square(sigma_rad), _FAR * sigma_rad
    low, high = (np.clip(dec + k * reach, -np.pi / 2, np.pi / 2)[:, None] for k in (-1, 1))
    # in pieces of one sigma and less, from kink to kink; those beyond the reach have no width
    even = low + (high - low) * np.linspace(0, 1, int(2 * _FAR) + 1)
    edges = np.sort(np.concatenate([even, np.clip(np.arcsin(sin_dec), low, high)], axis=1), axis=1)
    width = np.diff(edges, axis=1)
    neutrino, piece = np.nonzero(width)
    half = width[neutrino, piece, None] / 2
    there, width = (edges[neutrino, piece, None] + half * (nodes + 1)).ravel(), (half * weights).ravel()
    neutrino = np.repeat(neutrino, _POINTS)
    dec, kappa = dec[neutrino], kappa[neutrino]
    log_scale = np.log(kappa) - np.log(-np.expm1(-2 * kappa)) - 2 * kappa * np.square(np.sin((there - dec) / 2))
    share = np.exp(log_scale) * i0e(kappa * np.cos(there) * np.cos(dec)) * np.cos(there) * width
    return neutrino, np.sin(there), share / np.bincount(neutrino, share)[neutrino]
