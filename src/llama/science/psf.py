"""Where a neutrino came from: the von Mises–Fisher density on the sphere with κ = 1/σ².

For small σ it is the two-dimensional Gaussian of the method paper (eq. 23); unlike it, it stays normalised for any σ.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float = NDArray[np.float64]


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


def rings(sigma_rad: ArrayLike, steps: int = 24, turns: int = 24) -> tuple[Float, Float]:
    """Points of equal weight in azimuth, Gauss weights in distance, for averages over the density.

    Returns:
        offsets: (…, steps·turns, 2) ψ and azimuth, rad, for each sigma.
        weights: (steps·turns,) sum to one.
    """
    nodes, weights = legendre(steps)
    kappa = 1 / np.square(np.asarray(sigma_rad, dtype=np.float64))[..., None]
    # u is the probability beyond ψ; in u the density is flat
    beyond = (nodes + 1) / 2
    one_minus_cos = -np.log1p(-beyond * -np.expm1(-2 * kappa)) / kappa
    psi = 2 * np.arcsin(np.sqrt(np.clip(one_minus_cos / 2, 0, 1)))
    psi = np.repeat(psi, turns, axis=-1)
    azimuth = np.tile((np.arange(turns) + 0.5) * (2 * np.pi / turns), steps)
    offsets = np.stack([psi, np.broadcast_to(azimuth, psi.shape)], axis=-1)
    return offsets, np.repeat(weights / 2 / turns, turns)
