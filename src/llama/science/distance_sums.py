"""Averages over distance of how likely several neutrinos are, as sums over radii that many points share.

A source's posterior in distance is r² N(r; mu, sigma), times k! Q_k(n⁺) when it gave k neutrinos. With k of five and
more they come either from the peak or from the near flank of that product, and its logarithm turns so sharply between
both that no smooth fit follows. But with x = r/sigma all that is needed of a point is m = mu/sigma and A = n⁺x²: on
radii even in ln n⁺ the functions of n⁺ are one table, and the averages a matrix product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from llama.science.fit import integrate_over_distance

Float = NDArray[np.float64]
LogF = Callable[[Float, float], Float]  # (k, …) ln f of (n⁺, L_ν)

# mu/sigma of posteriors that share radii, an octave at a time; beyond both ends they are integrated one by one
_SMALLEST_M, _LEAST_M, _LARGEST_M = -64.0, 4.0, 64.0
_STEP = 1.2  # sigma between radii: a sum over a Gaussian is then good to 2 e^{−2π²/1.2²} = 2e-6
_COARSEST = 0.18  # step in ln x: x² and the functions need it where the posterior is wide
_NOTHING = 18.0  # e-folds below the largest part of an average where radii end
_LOG_X = np.linspace(np.log(1e-10), np.log(1e3), 240)
_LOG_COUNTS = np.linspace(-60, 30, 180)
_PRODUCT = 1 << 18  # products that are too small for the matrix library to start threads, and stay in the cache


def log_means(log_f: LogF, m: Float, log_a: Float, span: float) -> Float:
    """(k, n) ln ⟨f(n⁺ = A/x²)⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, for all of the functions.

    Args:
        log_f: several functions of n⁺ at once, stacked on a first axis.
        m, log_a: (n,) mu/sigma and ln A of each point.
    """
    octave = np.clip(np.ceil(np.log2(np.maximum(m, _LEAST_M))), None, np.log2(_LARGEST_M) + 1)
    octave[m < _SMALLEST_M] = octave[m > _LARGEST_M] = np.inf
    pieces = [np.flatnonzero(octave == one) for one in np.unique(octave)]
    extremes = log_f(np.exp(_LOG_COUNTS), span)[[0, -1]]
    values = [
        _sums(log_f, m[at], log_a[at], span, extremes)
        if np.isfinite(octave[at[0]])
        else integrate_over_distance(log_f, m[at], log_a[at], span)
        for at in pieces
    ]
    return np.concatenate(values, axis=1)[:, np.argsort(np.concatenate(pieces), kind="stable")]


def _sums(log_f: LogF, m: Float, log_a: Float, span: float, extremes: Float) -> Float:
    """The same for points of like m."""
    log_radii = _radii(m, log_a, extremes)
    log_table = np.concatenate([log_f(np.exp(-2 * log_radii), span), np.zeros((1, log_radii.size))])
    log_table += 3 * log_radii  # x² dx
    height = log_table.max(axis=1)
    table = np.exp(log_table - height[:, None]).T
    radii, root, behind = np.exp(log_radii), np.exp(log_a / 2), np.minimum(m, 0.0)
    sums = np.empty((m.size, table.shape[1]))
    block = max(_PRODUCT // table.size, 1)
    for k in range(0, m.size, block):
        part = slice(k, k + block)
        x = np.multiply.outer(root[part], radii)
        x -= m[part, None]
        np.square(x, out=x)
        x -= np.square(behind[part, None])
        x *= -0.5
        np.exp(x, out=x)
        np.matmul(x, table, out=sums[part])
    with np.errstate(divide="ignore"):
        logs = np.log(sums.T) + height[:, None]
    return np.asarray(logs[:-1] - logs[-1])


def _radii(m: Float, log_a: Float, extremes: Float) -> Float:
    """ln(x/√A) of the radii: wherever an average of the first or the last function, or the posterior, has a part."""
    step = min(_COARSEST, _STEP / max(m.max() + 2, 1.0))
    low, high = np.inf, -np.inf
    for sharp in (m.min(), m.max()):
        log_p = 3 * _LOG_X - np.square(np.exp(_LOG_X) - sharp) / 2
        for of_one in (log_a.min(), log_a.max()):
            for log_f in (0.0, *(np.interp(of_one - 2 * _LOG_X, _LOG_COUNTS, one) for one in extremes)):
                part = log_p + log_f
                inside = _LOG_X[part > part.max() - _NOTHING] - of_one / 2
                low, high = min(low, inside[0]), max(high, inside[-1])
    between = _LOG_X[1] - _LOG_X[0]  # the ends may lie anywhere between two places that were tried
    return np.asarray(np.arange(low - between, high + between + step, step))
