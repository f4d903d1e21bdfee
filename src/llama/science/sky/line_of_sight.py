"""The distance along one line of sight: p(r) = norm · r² N(r; mu, sigma) for r ≥ 0 (Singer et al. 2016, eq. 2).

With x = mu/sigma and I_k = ∫_0^∞ t^k exp(−(t−x)²/2) dt, every moment is a ratio of I's, and the ratios
R_k = I_k/I_{k−1} obey R_{k+1} = x + k/R_k, R_1 = x + φ(x)/Φ(x). That recurrence is stable upwards unless x is
well below zero; there the same relation, read downwards as R_k = k/(R_{k+1} − x), is a continued fraction of
positive terms.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erfcx

from llama.science.arrays import Float

_SMALLEST_MPC, _LARGEST_MPC = 1e-9, 1e9
_LEAST_X, _LARGEST_X = -50.0, 1e9  # real maps have -19 to 534
_DOWNWARDS_BELOW = -3.0
_DEPTH = 60  # terms of the continued fraction; at x = -3 it has converged to 1e-15


def is_distance(mu: ArrayLike, sigma: ArrayLike) -> NDArray[np.bool_]:
    """Whether mu and sigma (Mpc) are a posterior that a sky map can mean, not what is written for none.

    Far below zero, as −9999 or the −1.6e30 of HEALPix software would be, it has all of its mass at the observer.
    """
    mu, sigma = np.asarray(mu, dtype=np.float64), np.asarray(sigma, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        x = mu / sigma
        sized = (sigma > _SMALLEST_MPC) & (sigma < _LARGEST_MPC) & (mu < _LARGEST_MPC)
        return np.asarray(np.isfinite(mu) & sized & (x > _LEAST_X) & (x < _LARGEST_X))


def conditional_moments(mu: ArrayLike, sigma: ArrayLike) -> tuple[Float, Float]:
    """Mean and standard deviation of r for finite mu and positive sigma, in their unit."""
    mu, sigma = np.broadcast_arrays(np.asarray(mu, dtype=np.float64), np.asarray(sigma, dtype=np.float64))
    x = mu / sigma
    mean, variance = np.where(x < _DOWNWARDS_BELOW, _downwards(x), _upwards(x))
    return sigma * mean, sigma * np.sqrt(variance)


def _upwards(x: Float) -> Float:
    """R_3 and R_3 (R_4 − R_3): mean and variance for sigma = 1."""
    x = np.maximum(x, _DOWNWARDS_BELOW)
    second = x + 1 / (x + np.sqrt(2 / np.pi) / erfcx(-x / np.sqrt(2)))
    third = x + 2 / second
    return np.stack([third, 3 - 2 * third / second])


def _downwards(x: Float) -> Float:
    x = np.minimum(x, _DOWNWARDS_BELOW)
    ratio = (x + np.sqrt(x * x + 4 * _DEPTH)) / 2  # where the recurrence would stand still
    for k in range(_DEPTH, 3, -1):
        ratio = k / (ratio - x)
    third = 3 / (ratio - x)
    return np.stack([third, third * (ratio - third)])
