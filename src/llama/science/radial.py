"""Poisson factors averaged over how far away the merger is: one direction at a time, for any α.

Each distance mode is a posterior p(r|Ω) (SCIENCE 1.6): `map` has one per sky-map cell, `pinned` a single distance,
`marginal` the volume in which the merger could have been seen. All give ⟨Q_1(αn)⟩, the probability that exactly one
neutrino is detected, and ⟨Q_{≥1}(αn)⟩ for the complement c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from llama.science.poisson import log_j1, log_j1_between, log_q1, q_some
from llama.science.search import Search
from llama.science.skymap import SkyMap

Float = NDArray[np.float64]
Index = NDArray[np.int64]

_FITTED_M = (-6.0, 60.0)  # mu/sigma that the fit covers; beyond it every value is integrated by itself
_FITTED_LOG_A = (-40.0, 8.0)
_ORDER_M, _ORDER_A, _RADII = 20, 40, 48


class Radial(Protocol):
    """Averages over distance for directions given by their α and, in `map` mode, their sky-map cell."""

    def log_q1(self, cell: Index, alpha: Float) -> Float:
        """ln ⟨Q_1(αn)⟩."""
        ...

    def q_some(self, cell: Index, alpha: Float) -> Float:
        """⟨Q_{≥1}(αn)⟩."""
        ...


@dataclass(frozen=True, eq=False)
class Pinned:
    """Every direction at one distance."""

    search: Search
    distance_mpc: float

    def log_q1(self, cell: Index, alpha: Float) -> Float:
        return log_q1(alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)

    def q_some(self, cell: Index, alpha: Float) -> Float:
        return q_some(alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)


@dataclass(frozen=True, eq=False)
class Marginal:
    """Wherever a merger of the E_gw prior is seen with this SNR (or with any above threshold, when it is None)."""

    search: Search
    snr: float | None

    def log_volume(self) -> float:
        """ln of K_gw in Mpc³ per unit SNR, or of its integral over SNR in Mpc³, f_A ≡ 1."""
        low, high = self._radii()
        span = self.search.log_gw_span
        if self.snr is None:
            return float(np.log(2 * (high**3 - low**3) / (9 * span)))
        return float(np.log(2 / (self.snr * span) * (high**3 - low**3) / 3))

    def log_q1(self, cell: Index, alpha: Float) -> Float:
        return _along_log_alpha(self.exact_log_q1, alpha)

    def q_some(self, cell: Index, alpha: Float) -> Float:
        return np.exp(_along_log_alpha(self._exact_log_q_some, alpha))

    def exact_log_q1(self, alpha: Float) -> Float:
        """ln of ∫ r² S(r) Q_1 dr over ∫ r² S(r) dr, S = 1 between r_lo and r_hi for a known SNR."""
        low, high = self._radii()
        span, a_max = self.search.log_nu_span, np.asarray(alpha) * self.search.count_max_mpc2
        if self.snr is not None:
            return log_j1_between(low, high, a_max, span) - np.log((high**3 - low**3) / 3)
        radii, weights = self._shells(low, high)
        outer = _log_sum(log_q1(a_max[..., None] / radii**2, span) + np.log(weights))
        return np.logaddexp(log_j1(low, a_max, span), outer) - self.log_volume()

    def _exact_log_q_some(self, alpha: Float) -> Float:
        low, high = self._radii()
        nodes, weights = np.polynomial.legendre.leggauss(64)
        inner = (nodes + 1) / 2 * low
        radii, weights = np.concatenate([inner]), low / 2 * weights * inner**2
        if self.snr is not None:
            radii, weights = _log_grid(low, high)
        else:
            outer = self._shells(low, high)
            radii, weights = np.concatenate([radii, outer[0]]), np.concatenate([weights, outer[1]])
        counts = np.asarray(alpha)[..., None] * self.search.count_max_mpc2 / radii**2
        return np.asarray(np.log((q_some(counts, self.search.log_nu_span) * weights).sum(axis=-1) / weights.sum()))

    def _radii(self) -> tuple[float, float]:
        """r_lo and r_hi for a known SNR; R₋ and R₊ at threshold without one."""
        snr = self.search.snr_min if self.snr is None else self.snr
        low, high = self.search.e_gw_min_eu, self.search.e_gw_max_eu
        return self.search.k0_mpc * low**0.5 / snr, self.search.k0_mpc * high**0.5 / snr

    def _shells(self, low: float, high: float) -> tuple[Float, Float]:
        """Radii beyond R₋ and weights r² S(r) dr, S = 2 ln(R₊/r)/L_gw."""
        radii, weights = _log_grid(low, high)
        return radii, weights * 2 * np.log(high / radii) / self.search.log_gw_span


@dataclass(frozen=True, eq=False)
class PerCell:
    """Each sky-map cell with its own posterior r² N(r; mu, sigma).

    Attributes:
        mu, sigma: (cells,) Mpc; NaN where the map has no valid distance.
        probability: (cells,) of the map; cells without a distance take the mean over those with one.
    """

    search: Search
    mu: Float
    sigma: Float
    probability: Float

    @classmethod
    def of(cls, search: Search, skymap: SkyMap) -> PerCell:
        """Of a map with distances; ValueError when no cell with probability has a valid one."""
        if skymap.distmu is None or skymap.distsigma is None:
            raise ValueError("the sky map has no distances; use distance_mode marginal")
        with np.errstate(invalid="ignore"):
            valid = np.isfinite(skymap.distmu) & np.isfinite(skymap.distsigma) & (skymap.distsigma > 0)
            if skymap.distnorm is not None:
                valid &= np.isfinite(skymap.distnorm) & (skymap.distnorm > 0)
        probability = skymap.density * np.pi / 3 / 4.0 ** skymap.order.astype(np.float64)
        if not probability[valid].sum() > 0:
            raise ValueError("no cell of the sky map has a valid distance; use distance_mode marginal")
        mu, sigma = np.where(valid, skymap.distmu, np.nan), np.where(valid, skymap.distsigma, np.nan)
        return cls(search, mu, sigma, probability)

    def without_distance(self) -> float:
        """Probability of the cells whose distance is not valid."""
        return float(self.probability[np.isnan(self.mu)].sum())

    def log_q1(self, cell: Index, alpha: Float) -> Float:
        return self._fill(log_q1, cell, alpha)

    def q_some(self, cell: Index, alpha: Float) -> Float:
        return np.exp(self._fill(_log_q_some, cell, alpha))

    def _fill(self, log_f: Callable[[Float, float], Float], cell: Index, alpha: Float) -> Float:
        valid = np.isfinite(self.mu[cell])
        own = cell[valid]
        result = np.empty(cell.size)
        result[valid] = self._average(log_f, self.mu[own], self.sigma[own], alpha[valid])
        if not valid.all():
            result[~valid] = _along_log_alpha(lambda a: self._mean(log_f, a), alpha[~valid])
        return result

    def _mean(self, log_f: Callable[[Float, float], Float], alpha: Float) -> Float:
        """The map's mean of the average, for each α."""
        cell = np.flatnonzero(np.isfinite(self.mu) & (self.probability > 0))
        log_p = np.log(self.probability[cell] / self.probability[cell].sum())
        each = [
            _log_sum(self._average(log_f, self.mu[cell], self.sigma[cell], np.full(cell.size, a)) + log_p)
            for a in alpha
        ]
        return np.array(each)

    def _average(self, log_f: Callable[[Float, float], Float], mu: Float, sigma: Float, alpha: Float) -> Float:
        m, log_a = mu / sigma, np.log(alpha * self.search.count_max_mpc2) - 2 * np.log(sigma)
        return average_over_distance(log_f, m, log_a, self.search.log_nu_span)


def average_over_distance(log_f: Callable[[Float, float], Float], m: Float, log_a: Float, span: float) -> Float:
    """ln ⟨f(n⁺ = A/x²)⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0: distance in units of sigma, m = mu/sigma.

    Smooth in (asinh(m/√8), ln A), so a Chebyshev fit over the range asked for serves any number of points.
    """
    if m.size < 200:
        return integrate_over_distance(log_f, m, log_a, span)
    u, v = np.arcsinh(m / np.sqrt(8)), log_a
    fits = (m > _FITTED_M[0]) & (m < _FITTED_M[1]) & (v > _FITTED_LOG_A[0]) & (v < _FITTED_LOG_A[1])
    result = np.empty(m.size)
    if fits.any():
        result[fits] = _fit_plane(log_f, u[fits], v[fits], span)
    if not fits.all():
        result[~fits] = integrate_over_distance(log_f, m[~fits], log_a[~fits], span)
    return result


def integrate_over_distance(log_f: Callable[[Float, float], Float], m: Float, log_a: Float, span: float) -> Float:
    """The same by Gauss–Legendre quadrature over x, one point at a time."""
    nodes, weights = np.polynomial.legendre.leggauss(_RADII)
    peak = np.where(m > 0, m + np.sqrt(m * m + 8), 8 / (np.sqrt(m * m + 8) - np.minimum(m, 0))) / 2
    width = 1 / np.sqrt(1 + 2 / peak**2)
    low, high = np.maximum(peak - 8 * width, 0), peak + 9 * width
    x = low[:, None] + (high - low)[:, None] * (nodes + 1) / 2
    log_p = 2 * np.log(x) - (x - peak[:, None]) * (x + peak[:, None] - 2 * m[:, None]) / 2 + np.log(weights)
    return np.asarray(_log_sum(log_p + log_f(np.exp(log_a)[:, None] / x**2, span)) - _log_sum(log_p))


def _fit_plane(log_f: Callable[[Float, float], Float], u: Float, v: Float, span: float) -> Float:
    """Chebyshev fit in both variables over the box that holds the points."""
    scaled_u, grid_u = _chebyshev_axis(u, _ORDER_M)
    scaled_v, grid_v = _chebyshev_axis(v, _ORDER_A)
    mesh_u, mesh_v = (mesh.ravel() for mesh in np.meshgrid(grid_u, grid_v, indexing="ij"))
    values = integrate_over_distance(log_f, np.sinh(mesh_u) * np.sqrt(8), mesh_v, span).reshape(_ORDER_M, _ORDER_A)
    coefficients = _chebyshev_transform(_ORDER_M) @ values @ _chebyshev_transform(_ORDER_A).T
    return np.asarray(
        np.einsum("kn,kn->n", coefficients.T @ _polynomials(scaled_u, _ORDER_M), _polynomials(scaled_v, _ORDER_A))
    )


def _along_log_alpha(log_f: Callable[[Float], Float], alpha: Float) -> Float:
    """A function of α alone at many points, by a Chebyshev fit in ln α over their range."""
    if alpha.size <= _ORDER_A:
        return log_f(alpha)
    scaled, grid = _chebyshev_axis(np.log(alpha), _ORDER_M)
    coefficients = _chebyshev_transform(_ORDER_M) @ log_f(np.exp(grid))
    return np.asarray(chebyshev.chebval(scaled, coefficients))


def _chebyshev_axis(values: Float, order: int) -> tuple[Float, Float]:
    """Values scaled to [−1, 1] over their range, and the Chebyshev points of that range."""
    low, high = float(values.min()), float(values.max())
    half = max((high - low) / 2, 1e-9)
    return (values - (low + high) / 2) / half, (low + high) / 2 + half * chebyshev.chebpts1(order)


def _chebyshev_transform(order: int) -> Float:
    """(order, order) matrix from values at the points to coefficients."""
    rows = 2 / order * chebyshev.chebvander(chebyshev.chebpts1(order), order - 1).T
    rows[0] /= 2
    return np.asarray(rows)


def _polynomials(x: Float, order: int) -> Float:
    """(order, n) Chebyshev polynomials at each x."""
    rows = np.empty((order, x.size))
    rows[0], rows[1] = 1, x
    for k in range(2, order):
        np.multiply(rows[k - 1], 2 * x, out=rows[k])
        rows[k] -= rows[k - 2]
    return rows


def _log_grid(low: float, high: float) -> tuple[Float, Float]:
    """Radii between two distances and weights r² dr, Gauss–Legendre in ln r."""
    nodes, weights = np.polynomial.legendre.leggauss(64)
    half = np.log(high / low) / 2
    radii = low * np.exp(half * (nodes + 1))
    return radii, half * weights * radii**3


def _log_q_some(n_max: Float, span: float) -> Float:
    return np.log(q_some(n_max, span))


def _log_sum(values: Float) -> Float:
    """ln Σ exp over the last axis."""
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
