"""Averages over distance as Chebyshev fits: a few hundred integrals, then any number of cells and directions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.distance.poisson import log_q1, q_some
from llama.science.quadrature import legendre, log_sum

LogF = Callable[[Float, float], Float]  # ln f of (n⁺, L_ν)

_FITTED_M = (-20.0, 60.0)  # mu/sigma that the fit covers; beyond it every value is integrated by itself
_FITTED_V = (-40.0, 12.0)
_MARGIN = 0.2  # of the fit in ln α: points of a cell may have more or less than its centre
_SOME_ERROR, _SLOPE_ERROR = 1e-6, 1e-3  # terms below these are left out
_RADII = 32
_NEAREST, _NEAR_RADII, _FAR_RADII = 1e-4, 48, 64  # sigma; of functions with many neutrinos and edges in distance
_LEFT_OUT = 0.01  # of its error the terms of a fit that are left out
_POINTS, _PRODUCT = 1 << 12, 1 << 18
_BAND = 3.0  # in ln α; what one Chebyshev fit of functions of α covers well


@dataclass(frozen=True, eq=False)
class DistanceFit:
    """⟨Q_1⟩ and ⟨Q_{≥1}⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, n⁺ = A/x²: distance in units of sigma, m = mu/sigma.

    Both are smooth in u = asinh(m/√8) and v = ln A − 2u, so a Chebyshev fit over the range that a map needs serves
    any number of points in microseconds; points outside it are integrated one by one. p peaks at x = √2 e^u: v is
    the logarithm of the counts there but for a constant, which varies little over a map.

    Attributes:
        low, high: corners of the box of the fit in (u, v).
        values: (i, j) ln ⟨Q_1⟩ at its Chebyshev points.
        span: L_ν.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    values: Float
    span: float

    @classmethod
    def of(cls, m: Float, log_a: Float, span: float) -> DistanceFit:
        """Fit around these values of m and ln A."""
        u, v = sheared(m, log_a)
        usual = (m > _FITTED_M[0]) & (m < _FITTED_M[1]) & (v > _FITTED_V[0]) & (v < _FITTED_V[1])
        u, v = (u[usual], v[usual]) if usual.any() else (np.zeros(1), np.zeros(1))
        low = float(u.min()) - 1e-9, float(v.min()) - _MARGIN
        high = float(u.max()) + 1e-9, float(v.max()) + _MARGIN
        # this many terms leave errors of 1e-5; the first variable needs more per unit, the second is all but linear
        orders = int(10 + 4.4 * (high[0] - low[0])), int(12 + 1.3 * (high[1] - low[1]))
        mesh_u, mesh_v = (mesh.ravel() for mesh in np.meshgrid(*_grids(low, high, orders), indexing="ij"))
        values = _mean_log_q1(np.sinh(mesh_u) * np.sqrt(8), mesh_v + 2 * mesh_u, span)
        return cls(low, high, values.reshape(orders), span)

    @cached_property
    def log_q1_terms(self) -> Float:
        """Chebyshev coefficients of ln ⟨Q_1⟩."""
        left, right = (chebyshev_transform(n) for n in self.values.shape)
        return np.asarray(left @ self.values @ right.T)

    @cached_property
    def _slope_terms(self) -> Float:
        """Of its slope in ln A."""
        slope = chebyshev.chebder(self.log_q1_terms, scl=2 / (self.high[1] - self.low[1]), axis=1)
        return _trimmed(slope, _SLOPE_ERROR)

    @cached_property
    def _some_terms(self) -> Float:
        """Of ⟨Q_{≥1}⟩, which is the integral of Q_1 over ln A, since Ein′(z) = (1 − e^{−z})/z."""
        left, right = (chebyshev_transform(n) for n in self.values.shape)
        rise = left @ np.exp(self.values) @ right.T
        some = chebyshev.chebint(rise, lbnd=-1, scl=(self.high[1] - self.low[1]) / 2, axis=1)
        u = _grids(self.low, self.high, self.values.shape)[0]
        some[:, 0] += left @ _mean_q_some(np.sinh(u) * np.sqrt(8), self.low[1] + 2 * u, self.span)
        return _trimmed(some, _SOME_ERROR)

    def log_q1(self, m: Float, log_a: Float) -> Float:
        """ln ⟨Q_1⟩ at each point."""
        return self._evaluate(self.log_q1_terms, _mean_log_q1, m, log_a)

    def slope(self, m: Float, log_a: Float) -> Float:
        """d ln ⟨Q_1⟩/d ln A at each point, good to 2e-3."""
        return self._evaluate(self._slope_terms, _mean_slope, m, log_a)

    def q_some(self, m: Float, log_a: Float) -> Float:
        """⟨Q_{≥1}⟩ at each point, good to 1e-5."""
        return self._evaluate(self._some_terms, _mean_q_some, m, log_a)

    def _evaluate(
        self, terms: Float, direct: Callable[[Float, Float, float], Float], m: Float, log_a: Float
    ) -> Float:
        """The fit inside its box, the integral beyond; NaN stays NaN."""
        x, y = (
            (2 * value - a - b) / (b - a) for value, a, b in zip(sheared(m, log_a), self.low, self.high, strict=True)
        )
        beyond = np.flatnonzero((np.abs(x) > 1) | (np.abs(y) > 1))
        x[beyond] = y[beyond] = 0.0
        result = _bilinear(terms, x, y)
        if beyond.size:
            result[beyond] = direct(m[beyond], log_a[beyond], self.span)
        return result


def _grids(low: tuple[float, float], high: tuple[float, float], orders: tuple[int, ...]) -> list[Float]:
    """Chebyshev points along each side of a box."""
    return [(a + b) / 2 + (b - a) / 2 * chebyshev.chebpts1(n) for a, b, n in zip(low, high, orders, strict=True)]


def sheared(m: Float, log_a: Float) -> tuple[Float, Float]:
    """u and v of `DistanceFit`."""
    u = np.arcsinh(m / np.sqrt(8))
    return u, log_a - 2 * u


def _trimmed(terms: NDArray[np.floating[Any]], error: float) -> Float:
    """Coefficients without the last rows and columns, of which each matters less than an error."""
    size = np.abs(terms)
    rows, columns = (int(np.max(np.flatnonzero(size.sum(axis=k) > error), initial=0)) + 1 for k in (1, 0))
    return np.asarray(terms[: max(rows, 2), : max(columns, 2)], dtype=np.float64)


def integrate_over_distance(log_f: LogF, m: Float, log_a: Float, span: float) -> Float:
    """ln ⟨f(n⁺ = A/x²)⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, by Gauss–Legendre quadrature."""
    nodes, weights = legendre(_RADII)
    peak, width = _peak(m)
    low, high = np.maximum(peak - 7 * width, 0), peak + 8 * width
    # f turns flat within √A of the observer: where that is in reach, x = high·t² has nodes there
    near, t = (low == 0)[:, None], (nodes + 1) / 2
    x = np.where(near, high[:, None] * t * t, low[:, None] + (high - low)[:, None] * t)
    log_dx = np.where(near, np.log(2 * t * weights), np.log(weights))
    return _log_mean(log_f, x, log_dx, m, log_a, span)


def integrate_from_the_observer(log_f: LogF, m: Float, log_a: Float, span: float) -> Float:
    """The same for functions as steep as many neutrinos': in ln x up to the foot of the posterior, then in x.

    All of such an average may come from sources a hundred times nearer than the posterior's peak.
    """
    (near, near_weights), (far, far_weights) = legendre(_NEAR_RADII), legendre(_FAR_RADII)
    peak, width = _peak(m)
    high = peak + 8 * width
    foot = np.maximum(peak - 7 * width, np.minimum(peak, 1.0) / 2)
    octaves, between = np.log(foot / _NEAREST)[:, None] / 2, (high - foot)[:, None] / 2
    log_x = np.log(_NEAREST) + octaves * (near + 1)
    x = np.concatenate([np.exp(log_x), foot[:, None] + between * (far + 1)], axis=1)
    log_dx = np.concatenate([log_x + np.log(octaves * near_weights), np.log(between * far_weights)], axis=1)
    return _log_mean(log_f, x, log_dx, m, log_a, span)


def _peak(m: Float) -> tuple[Float, Float]:
    """Where x² exp(−(x − m)²/2) is largest, without cancellation, and how wide it is there."""
    root = np.sqrt(m * m + 8)
    peak = np.where(m > 0, m + root, 8 / (root - np.minimum(m, 0))) / 2
    return peak, 1 / np.sqrt(1 + 2 / peak**2)


def _log_mean(log_f: LogF, x: Float, log_dx: Float, m: Float, log_a: Float, span: float) -> Float:
    """ln ⟨f⟩ as a sum over radii (n, r) with weights."""
    peak = _peak(m)[0][:, None]
    log_p = 2 * np.log(x) - (x - peak) * (x + peak - 2 * m[:, None]) / 2 + log_dx
    return log_sum(log_p + log_f(np.exp(log_a)[:, None] / x**2, span)) - log_sum(log_p)


def over_their_box(log_means: Callable[[Float, Float], Float], m: Float, log_a: Float, error: float) -> Float:
    """(k, n) several functions of m and ln A at many points, by a Chebyshev fit over the box they fill.

    Args:
        error: largest last term of the fit.
    """
    u, v = sheared(m, log_a)
    low, high = (u.min() - 1e-9, v.min() - 1e-9), (u.max() + 1e-9, v.max() + 1e-9)
    orders = int(6 + 4.4 * (high[0] - low[0])), int(7 + 1.3 * (high[1] - low[1]))
    while m.size > orders[0] * orders[1]:
        mesh_u, mesh_v = (mesh.ravel() for mesh in np.meshgrid(*_grids(low, high, orders), indexing="ij"))
        values = log_means(np.sinh(mesh_u) * np.sqrt(8), mesh_v + 2 * mesh_u)
        terms = chebyshev_transform(orders[0]) @ values.reshape(-1, *orders) @ chebyshev_transform(orders[1]).T
        # many neutrinos come from the near flank of a posterior or from its peak: a logarithm bends sharply between
        ends = np.abs(terms[:, -2:]).max(), np.abs(terms[:, :, -2:]).max()
        if max(ends) < error:
            x, y = ((2 * at - a - b) / (b - a) for at, a, b in zip((u, v), low, high, strict=True))
            return np.stack([_bilinear(_trimmed(one, error * _LEFT_OUT), x, y) for one in terms])
        orders = _more(orders[0], ends[0], error), _more(orders[1], ends[1], error)
    return log_means(m, log_a)


def _more(order: int, end: float, error: float) -> int:
    """A larger order of a fit whose last terms matter."""
    return order if end < error else order + order // 2 + 1


def along_log_alpha(log_f: Callable[[Float], Float], alpha: Float, order: int = 20) -> Float:
    """(…, n) functions of α alone at many points, by Chebyshev fits in ln α over bands of it.

    The bands are the same for all points, so that no value depends on which others are asked for.
    """
    band = np.floor(np.log(alpha) / _BAND)
    parts = [(at, _along_band(log_f, alpha[at], one, order)) for one, at in _members(band)]
    if not parts:
        return log_f(alpha)
    result = np.empty((*parts[0][1].shape[:-1], alpha.size))
    for at, values in parts:
        result[..., at] = values
    return result


def _members(band: Float) -> list[tuple[float, NDArray[np.int64]]]:
    """Each value and where it stands."""
    return [(float(one), np.flatnonzero(band == one)) for one in np.unique(band)]


def _along_band(log_f: Callable[[Float], Float], alpha: Float, band: float, order: int) -> Float:
    """The same for points of one band."""
    grid = _BAND * (band + (chebyshev.chebpts1(order) + 1) / 2)
    values = log_f(np.exp(grid))
    if not np.isfinite(values).all():  # zero somewhere: not smooth
        return log_f(alpha)
    coefficients = chebyshev_transform(order) @ values.T
    return np.asarray(chebyshev.chebval(2 * (np.log(alpha) / _BAND - band) - 1, coefficients))


@cache
def chebyshev_transform(order: int) -> Float:
    """(order, order) matrix from values at the points to coefficients."""
    rows = 2 / order * chebyshev.chebvander(chebyshev.chebpts1(order), order - 1).T
    rows[0] /= 2
    rows.setflags(write=False)
    return np.asarray(rows)


def polynomials(x: Float, order: int) -> Float:
    """(order, n) Chebyshev polynomials at each x."""
    rows = np.empty((order, x.size))
    rows[0], rows[1] = 1, x
    twice = 2 * x
    for k in range(2, order):
        np.multiply(rows[k - 1], twice, out=rows[k])
        rows[k] -= rows[k - 2]
    return rows


def _bilinear(terms: Float, x: Float, y: Float) -> Float:
    """(…, n) Σ terms[…, i, j] T_i(x) T_j(y).

    In blocks: the polynomials stay in the cache, and the products are too small for the matrix library to start
    threads, which on a busy machine wait for each other longer than the product takes.
    """
    result = np.empty((*terms.shape[:-2], x.size))
    step = max(_PRODUCT // (terms.shape[-2] * terms.shape[-1]), 1)
    for k in range(0, x.size, _POINTS):
        part = slice(k, k + _POINTS)
        rows, columns = polynomials(x[part], terms.shape[-2]), polynomials(y[part], terms.shape[-1])
        for one in np.ndindex(terms.shape[:-2]):
            across, sums = terms[one].T, result[(*one, part)]
            for j in range(0, sums.size, step):
                at = slice(j, j + step)
                np.einsum("jn,jn->n", across @ rows[:, at], columns[:, at], out=sums[at])
    return result


def _mean_log_q1(m: Float, log_a: Float, span: float) -> Float:
    return integrate_over_distance(log_q1, m, log_a, span)


def _mean_slope(m: Float, log_a: Float, span: float) -> Float:
    return (_mean_log_q1(m, log_a + 0.01, span) - _mean_log_q1(m, log_a - 0.01, span)) / 0.02


def _mean_q_some(m: Float, log_a: Float, span: float) -> Float:
    return np.asarray(np.exp(integrate_over_distance(lambda n, span: np.log(q_some(n, span)), m, log_a, span)))
