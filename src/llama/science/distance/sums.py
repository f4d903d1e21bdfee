"""Averages over distance of how likely several neutrinos are, as sums over radii that many points share.

A source's posterior in distance is r² N(r; mu, sigma), times k! Q_k(n⁺) when it gave k neutrinos. With k of five and
more they come either from the peak or from the near flank of that product, and its logarithm turns so sharply between
both that no smooth fit follows. But with x = r/sigma all that is needed of a point is m = mu/sigma and A = n⁺x²: on
radii even in ln n⁺ the functions of n⁺ are one table, made once, and the averages a matrix product.
"""

from __future__ import annotations

from functools import lru_cache, partial

import numpy as np

from llama.science.arrays import Float
from llama.science.distance.fit import integrate_from_the_observer
from llama.science.distance.poisson import log_counts

# mu/sigma of posteriors that share radii, an octave at a time; beyond both ends they are integrated one by one
_SMALLEST_M, _LEAST_M, _LARGEST_M = -64.0, 4.0, 64.0
_STEP = 1.2  # sigma between radii: a sum over a Gaussian is then good to 2 e^{−2π²/1.2²} = 2e-6
_COARSEST = 0.18  # step in ln x: x² and the functions need it where the posterior is wide
_NOTHING = 18.0  # e-folds below the largest part of an average where radii end
_LOG_X = np.linspace(np.log(1e-10), np.log(1e3), 240)
_LOG_COUNTS = np.linspace(-60, 30, 180)
_BLOCK = 64  # radii
_PRODUCT = 1 << 18  # products that are too small for the matrix library to start threads, and stay in the cache


def log_mean_counts(most: int, m: Float, log_a: Float, span: float) -> Float:
    """(most, n) ln ⟨k! Q_k(n⁺ = A/x²)⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, for k = 1 … most.

    Args:
        m, log_a: (n,) mu/sigma and ln A of each point.
        span: L_ν.
    """
    octave = np.clip(np.ceil(np.log2(np.maximum(m, _LEAST_M))), None, np.log2(_LARGEST_M) + 1)
    octave[m < _SMALLEST_M] = octave[m > _LARGEST_M] = np.inf
    result = np.empty((most, m.size))
    for one in np.unique(octave):
        at = np.flatnonzero(octave == one)
        if np.isfinite(one):
            step = min(_COARSEST, _STEP / (2**one + 2))
            result[:, at] = _sums(most, m[at], log_a[at], span, float(step))
        else:
            result[:, at] = integrate_from_the_observer(partial(log_counts, most), m[at], log_a[at], span)
    return result


def _sums(most: int, m: Float, log_a: Float, span: float, step: float) -> Float:
    """The same for points of like m, on radii at multiples of a step in ln(x/√A)."""
    low, high = _range(most, m, log_a, span)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    blocks = range(first // _BLOCK, last // _BLOCK + 1)
    log_table = np.concatenate([_log_counts_at(most, span, step, block) for block in blocks], axis=1)
    log_table = log_table[:, first - blocks[0] * _BLOCK :][:, : last - first + 1]
    log_radii = step * np.arange(first, last + 1)
    log_table = np.concatenate([log_table, np.zeros((1, log_radii.size))]) + 3 * log_radii  # x² dx
    height = log_table.max(axis=1)
    table = np.exp(log_table - height[:, None]).T
    radii, root, behind = np.exp(log_radii), np.exp(log_a / 2), np.minimum(m, 0.0)
    sums = np.empty((m.size, table.shape[1]))
    piece = max(_PRODUCT // table.size, 1)
    for k in range(0, m.size, piece):
        part = slice(k, k + piece)
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


@lru_cache(maxsize=1024)
def _log_counts_at(most: int, span: float, step: float, block: int) -> Float:
    """(most, _BLOCK) ln k! Q_k at some of the radii, where ln n⁺ = −2 ln(x/√A)."""
    radii = np.arange(block * _BLOCK, (block + 1) * _BLOCK) * step
    return log_counts(most, np.exp(-2 * radii), span)


@lru_cache
def _extremes(most: int, span: float) -> Float:
    """(2, 180) the first and the last function at `_LOG_COUNTS`."""
    return log_counts(most, np.exp(_LOG_COUNTS), span)[[0, -1]]


def _range(most: int, m: Float, log_a: Float, span: float) -> tuple[float, float]:
    """ln(x/√A) between which the posterior, or an average of the first or the last function, has all of its parts."""
    ends = np.array([log_a.min(), log_a.max()])[:, None]
    log_f = np.stack([np.interp(ends - 2 * _LOG_X, _LOG_COUNTS, one) for one in _extremes(most, span)])
    log_f = np.concatenate([np.zeros_like(log_f[:1]), log_f])[:, :, None]
    sharp = np.array([m.min(), m.max()])[:, None]
    part = log_f + (3 * _LOG_X - np.square(np.exp(_LOG_X) - sharp) / 2)  # (functions, ln A, m, x)
    inside = part > part.max(axis=-1, keepdims=True) - _NOTHING
    low = _LOG_X[inside.argmax(axis=-1)] - ends / 2
    high = _LOG_X[_LOG_X.size - 1 - inside[..., ::-1].argmax(axis=-1)] - ends / 2
    between = _LOG_X[1] - _LOG_X[0]  # the ends may lie anywhere between two places that were tried
    return float(low.min() - between), float(high.max() + between)
