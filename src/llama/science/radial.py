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

from llama.science.overlap import Nodes
from llama.science.poisson import log_j1, log_j1_between, log_q1, q_some
from llama.science.psf import legendre
from llama.science.quadtree import SkyTree
from llama.science.search import Search
from llama.science.skymap import SkyMap

Float = NDArray[np.float64]
LogF = Callable[[Float, float], Float]  # ln f of (n⁺, L_ν)

_FITTED_M = (-20.0, 60.0)  # mu/sigma that the fit covers; beyond it every value is integrated by itself
_FITTED_V = (-40.0, 12.0)
_MARGIN = 0.2  # of the fit in ln α: points of a cell may have more or less than its centre
_SOME_ERROR, _SLOPE_ERROR = 1e-6, 1e-4  # terms below these are left out
_RADII = 32
_STRAIGHT = 0.02  # in ln α: the second derivative is 0.3 at most, so a line is good to 1e-4
_SAMPLE = 1000
_PRODUCT = 1 << 18

class Radial(Protocol):
    """Averages over distance in one mode."""

    def log_q1(self, nodes: Nodes, alpha: Float) -> Float:
        """ln ⟨Q_1(αn)⟩ at nodes of the overlap integrals, whose α is given."""
        ...

    def mean_q_some(self) -> float:
        """⟨Q_{≥1}(αn)⟩ over the whole sky map."""
        ...


@dataclass(frozen=True, eq=False)
class Likely:
    """Where the merger may be: α and probability of every cell of the sky map that has any."""

    alpha: Float
    probability: Float

    @classmethod
    def of(cls, tree: SkyTree, node_alpha: Float) -> Likely:
        leaf = tree.cell >= 0
        return cls(node_alpha[leaf], np.exp(tree.log_probability[leaf]))

    def mean(self, values: Float) -> float:
        return float(np.sum(self.probability * values) / self.probability.sum())


@dataclass(frozen=True, eq=False)
class Pinned:
    """Every direction at one distance; α and probability are those of the map's likely cells."""

    search: Search
    distance_mpc: float
    likely: Likely

    def log_q1(self, nodes: Nodes, alpha: Float) -> Float:
        return log_q1(alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)

    def mean_q_some(self) -> float:
        counts = self.likely.alpha * self.search.count_max_mpc2 / self.distance_mpc**2
        return self.likely.mean(q_some(counts, self.search.log_nu_span))


@dataclass(frozen=True, eq=False)
class Marginal:
    """Wherever a merger of the E_gw prior is seen with this SNR (or with any above threshold, when it is None)."""

    search: Search
    snr: float | None
    likely: Likely

    def log_volume(self) -> float:
        """ln of K_gw in Mpc³ per unit SNR, or of its integral over SNR in Mpc³, f_A ≡ 1."""
        low, high = self._radii()
        span = self.search.log_gw_span
        if self.snr is None:
            return float(np.log(2 * (high**3 - low**3) / (9 * span)))
        return float(np.log(2 / (self.snr * span) * (high**3 - low**3) / 3))

    def log_q1(self, nodes: Nodes, alpha: Float) -> Float:
        return along_log_alpha(self.exact_log_q1, alpha)

    def mean_q_some(self) -> float:
        return self.likely.mean(np.exp(along_log_alpha(self._exact_log_q_some, self.likely.alpha)))

    def exact_log_q1(self, alpha: Float) -> Float:
        """ln of ∫ r² S(r) Q_1 dr over ∫ r² S(r) dr, S = 1 between r_lo and r_hi for a known SNR."""
        low, high = self._radii()
        span, a_max = self.search.log_nu_span, np.asarray(alpha) * self.search.count_max_mpc2
        if self.snr is not None:
            return np.asarray(log_j1_between(low, high, a_max, span) - np.log((high**3 - low**3) / 3))
        radii, weights = self._shells(low, high)
        outer = _log_sum(log_q1(a_max[..., None] / radii**2, span) + np.log(weights))
        return np.logaddexp(log_j1(low, a_max, span), outer) - self.log_volume()

    def _exact_log_q_some(self, alpha: Float) -> Float:
        low, high = self._radii()
        nodes, weights = legendre(64)
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
        tree: the sky map.
        log_a: (cells,) ln of a⁺/sigma²; NaN where the map has no valid distance. m: (cells,) mu/sigma.
        fit: averages for any of the cells and any α.
        log_alpha: (nodes,) ln α at the centre of each node of the tree.
        q_some: ⟨Q_{≥1}⟩ over the map; cells without a distance are left out of the mean.
        without_distance: probability of the cells whose distance is not valid.
    """

    tree: SkyTree
    m: Float
    log_a: Float
    fit: DistanceFit
    log_alpha: Float
    q_some: float
    without_distance: float

    @classmethod
    def of(cls, search: Search, skymap: SkyMap, tree: SkyTree, node_alpha: Float) -> PerCell:
        """Of a map with distances, α given at every node of the tree.

        Raises ValueError when the map has no distances, or no cell with probability has a valid one.
        """
        m, log_a = _cell_parameters(search, skymap)
        log_alpha = np.log(node_alpha)
        leaf = np.flatnonzero(tree.cell >= 0)
        known = np.isfinite(m[tree.cell[leaf]])
        total = np.exp(tree.log_probability[leaf])
        if not total[known].sum() > 0:
            raise ValueError("no cell of the sky map has a valid distance")
        cell, weight = tree.cell[leaf[known]], total[known]
        log_n = log_a[cell] + log_alpha[leaf[known]]
        fit = DistanceFit.of(m[cell], log_n, search.log_nu_span)
        heavy = weight * weight.size > 1e-8 * weight.sum()  # all others together do not matter
        some = (weight[heavy] * fit.q_some(m[cell[heavy]], log_n[heavy])).sum() / weight[heavy].sum()
        return cls(tree, m, log_a, fit, log_alpha, float(some), float(total[~known].sum()))

    def log_q1(self, nodes: Nodes, alpha: Float) -> Float:
        value, slope = self._at_nodes(nodes.node)
        away = np.log(alpha) - self.log_alpha[nodes.node]
        result = value[nodes.node] + np.where(nodes.part, away * slope[nodes.node], 0.0)
        cell = self.tree.cell[nodes.node]
        # where α is much unlike the cell's own a straight line is not enough
        own = np.flatnonzero(nodes.part & (np.abs(away) > _STRAIGHT) & np.isfinite(result))
        if own.size:
            result[own] = self._log_q1_within(cell[own], np.log(alpha[own]))
        missing = np.flatnonzero(np.isnan(result))
        if missing.size:
            result[missing] = along_log_alpha(self._anywhere_log_q1, alpha[missing], order=8)
        return result

    def _at_nodes(self, wanted: NDArray[np.int64]) -> tuple[Float, Float]:
        """(nodes,) ln ⟨Q_1⟩ of the wanted nodes, each cell at the α of its centre, and d/d ln α of those that are cells.

        NaN where the map has no distance.
        """
        leaf = self.tree.cells_below(wanted)
        cell = self.tree.cell[leaf]
        at = self.m[cell], self.log_a[cell] + self.log_alpha[leaf]
        q1, slope = np.full((2, self.tree.cell.size), np.nan)
        q1[leaf], slope[leaf] = np.exp(self.fit.log_q1(*at)), self.fit.slope(*at)
        return np.log(self.tree.means(q1)), slope

    def _log_q1_within(self, cell: NDArray[np.int64], log_alpha: Float) -> Float:
        """ln ⟨Q_1⟩ at points inside cells: four values per cell over its points' range of ln α, and a cubic."""
        by = np.argsort(cell, kind="stable")
        first = np.flatnonzero(np.diff(cell[by], prepend=-1))
        low, high = np.minimum.reduceat(log_alpha[by], first), np.maximum.reduceat(log_alpha[by], first)
        middle, half = (low + high) / 2, np.maximum((high - low) / 2, 1e-9)
        each = cell[by][first]
        values = [self.fit.log_q1(self.m[each], self.log_a[each] + middle + t * half) for t in chebyshev.chebpts1(4)]
        terms = _chebyshev_transform(4) @ np.stack(values)
        at = np.empty(cell.size, np.int64)
        at[by] = np.repeat(np.arange(each.size), np.diff(first, append=cell.size))
        return np.asarray((terms.take(at, axis=1) * _polynomials((log_alpha - middle[at]) / half[at], 4)).sum(axis=0))

    def mean_q_some(self) -> float:
        return self.q_some

    def _anywhere_log_q1(self, alpha: Float) -> Float:
        """ln of the map's mean ⟨Q_1⟩ for each α, from `_SAMPLE` cells at even steps of probability."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        leaf = leaf[np.isfinite(self.m[self.tree.cell[leaf]])]
        reached = np.cumsum(np.exp(self.tree.log_probability[leaf]))
        picked = leaf[np.searchsorted(reached, (np.arange(_SAMPLE) + 0.5) / _SAMPLE * reached[-1])]
        m, log_a = self.m[self.tree.cell[picked]], self.log_a[self.tree.cell[picked]]
        at = np.log(alpha)[:, None] + log_a
        values = self.fit.log_q1(np.tile(m, alpha.size), at.ravel()).reshape(at.shape)
        return _log_sum(values) - np.log(_SAMPLE)


def _cell_parameters(search: Search, skymap: SkyMap) -> tuple[Float, Float]:
    """mu/sigma and ln(a⁺/sigma²) of each cell, NaN where the distance is not valid."""
    if skymap.distmu is None or skymap.distsigma is None:
        raise ValueError("the sky map has no distances")
    with np.errstate(invalid="ignore"):
        valid = np.isfinite(skymap.distmu) & np.isfinite(skymap.distsigma) & (skymap.distsigma > 0)
        if skymap.distnorm is not None:
            valid &= np.isfinite(skymap.distnorm) & (skymap.distnorm > 0)
    sigma = np.where(valid, skymap.distsigma, 1.0)
    m = np.where(valid, skymap.distmu, 0.0) / sigma
    log_a = np.log(search.count_max_mpc2) - 2 * np.log(sigma)
    return np.where(valid, m, np.nan), np.where(valid, log_a, np.nan)


@dataclass(frozen=True, eq=False)
class DistanceFit:
    """⟨Q_1⟩ and ⟨Q_{≥1}⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, n⁺ = A/x²: distance in units of sigma, m = mu/sigma.

    Both are smooth in u = asinh(m/√8) and v = ln A − 2u, so a Chebyshev fit over the range that a map needs serves
    any number of points in microseconds; points outside it are integrated one by one. p peaks at x = √2 e^u: v is
    the logarithm of the counts there but for a constant, which varies little over a map.

    Attributes:
        low, high: corners of the box of the fit in (u, v).
        log_q1_terms, slope_terms, some_terms: Chebyshev coefficients of ln ⟨Q_1⟩, its derivative in ln A and ⟨Q_{≥1}⟩.
        span: L_ν.
    """

    low: tuple[float, float]
    high: tuple[float, float]
    log_q1_terms: Float
    slope_terms: Float
    some_terms: Float
    span: float

    @classmethod
    def of(cls, m: Float, log_a: Float, span: float) -> DistanceFit:
        """Fit around these values of m and ln A."""
        u, v = _sheared(m, log_a)
        usual = (m > _FITTED_M[0]) & (m < _FITTED_M[1]) & (v > _FITTED_V[0]) & (v < _FITTED_V[1])
        u, v = (u[usual], v[usual]) if usual.any() else (np.zeros(1), np.zeros(1))
        low, high = (float(u.min()) - 1e-9, float(v.min()) - _MARGIN), (float(u.max()) + 1e-9, float(v.max()) + _MARGIN)
        # this many terms leave errors of 1e-5; the first variable needs more per unit, the second is all but linear
        orders = int(10 + 4.4 * (high[0] - low[0])), int(12 + 1.3 * (high[1] - low[1]))
        grids = [(a + b) / 2 + (b - a) / 2 * chebyshev.chebpts1(n) for a, b, n in zip(low, high, orders, strict=True)]
        mesh_u, mesh_v = (mesh.ravel() for mesh in np.meshgrid(*grids, indexing="ij"))
        values = _mean_log_q1(np.sinh(mesh_u) * np.sqrt(8), mesh_v + 2 * mesh_u, span)
        left, right = _chebyshev_transform(orders[0]), _chebyshev_transform(orders[1]).T
        # Q_{≥1} is the integral of Q_1 over ln A, since Ein′(z) = (1 − e^{−z})/z
        rise = left @ np.exp(values).reshape(orders) @ right
        some = chebyshev.chebint(rise, lbnd=-1, scl=(high[1] - low[1]) / 2, axis=1)
        some[:, 0] += left @ _mean_q_some(np.sinh(grids[0]) * np.sqrt(8), low[1] + 2 * grids[0], span)
        terms = left @ values.reshape(orders) @ right
        slope = chebyshev.chebder(terms, scl=2 / (high[1] - low[1]), axis=1)
        return cls(low, high, terms, _trimmed(slope, _SLOPE_ERROR), _trimmed(some, _SOME_ERROR), span)

    def log_q1(self, m: Float, log_a: Float) -> Float:
        """ln ⟨Q_1⟩ at each point."""
        return self._evaluate(self.log_q1_terms, _mean_log_q1, m, log_a)

    def slope(self, m: Float, log_a: Float) -> Float:
        """d ln ⟨Q_1⟩/d ln A at each point, good to 1e-3."""
        return self._evaluate(self.slope_terms, _mean_slope, m, log_a)

    def q_some(self, m: Float, log_a: Float) -> Float:
        """⟨Q_{≥1}⟩ at each point, good to 1e-5."""
        return self._evaluate(self.some_terms, _mean_q_some, m, log_a)

    def _evaluate(
        self, terms: Float, direct: Callable[[Float, Float, float], Float], m: Float, log_a: Float
    ) -> Float:
        """The fit inside its box, the integral beyond; NaN stays NaN."""
        x, y = (
            (2 * value - a - b) / (b - a)
            for value, a, b in zip(_sheared(m, log_a), self.low, self.high, strict=True)
        )
        beyond = np.flatnonzero((np.abs(x) > 1) | (np.abs(y) > 1))
        x[beyond] = y[beyond] = 0.0
        result = _bilinear(terms, _polynomials(x, terms.shape[0]), _polynomials(y, terms.shape[1]))
        if beyond.size:
            result[beyond] = direct(m[beyond], log_a[beyond], self.span)
        return result


def _sheared(m: Float, log_a: Float) -> tuple[Float, Float]:
    """u and v of `DistanceFit`."""
    u = np.arcsinh(m / np.sqrt(8))
    return u, log_a - 2 * u


def _trimmed(terms: Float, error: float) -> Float:
    """Coefficients without the last rows and columns, of which each matters less than an error."""
    size = np.abs(terms)
    rows, columns = (np.flatnonzero(size.sum(axis=k) > error)[-1] + 1 for k in (1, 0))
    return terms[: max(rows, 2), : max(columns, 2)]


def integrate_over_distance(log_f: LogF, m: Float, log_a: Float, span: float) -> Float:
    """ln ⟨f(n⁺ = A/x²)⟩ over p(x) ∝ x² exp(−(x − m)²/2), x > 0, by Gauss–Legendre quadrature."""
    nodes, weights = legendre(_RADII)
    root = np.sqrt(m * m + 8)
    peak = np.where(m > 0, m + root, 8 / (root - np.minimum(m, 0))) / 2  # of x² exp(…), without cancellation
    width = 1 / np.sqrt(1 + 2 / peak**2)
    low, high = np.maximum(peak - 7 * width, 0), peak + 8 * width
    # f turns flat within √A of the observer: where that is in reach, x = high·t² has nodes there
    near, t = (low == 0)[:, None], (nodes + 1) / 2
    x = np.where(near, high[:, None] * t * t, low[:, None] + (high - low)[:, None] * t)
    log_dx = np.where(near, np.log(2 * t * weights), np.log(weights))
    log_p = 2 * np.log(x) - (x - peak[:, None]) * (x + peak[:, None] - 2 * m[:, None]) / 2 + log_dx
    return _log_sum(log_p + log_f(np.exp(log_a)[:, None] / x**2, span)) - _log_sum(log_p)


def along_log_alpha(log_f: Callable[[Float], Float], alpha: Float, order: int = 20) -> Float:
    """A function of α alone at many points, by a Chebyshev fit in ln α over their range."""
    if alpha.size <= order:
        return log_f(alpha)
    low, high = float(np.log(alpha.min())) - 1e-9, float(np.log(alpha.max())) + 1e-9
    grid = (low + high) / 2 + (high - low) / 2 * chebyshev.chebpts1(order)
    coefficients = _chebyshev_transform(order) @ log_f(np.exp(grid))
    return np.asarray(chebyshev.chebval((2 * np.log(alpha) - low - high) / (high - low), coefficients))


def _chebyshev_transform(order: int) -> Float:
    """(order, order) matrix from values at the points to coefficients."""
    rows = 2 / order * chebyshev.chebvander(chebyshev.chebpts1(order), order - 1).T
    rows[0] /= 2
    return np.asarray(rows)


def _polynomials(x: Float, order: int) -> Float:
    """(order, n) Chebyshev polynomials at each x."""
    rows = np.empty((order, x.size))
    rows[0], rows[1] = 1, x
    twice = 2 * x
    for k in range(2, order):
        np.multiply(rows[k - 1], twice, out=rows[k])
        rows[k] -= rows[k - 2]
    return rows


def _bilinear(terms: Float, rows: Float, columns: Float) -> Float:
    """(n,) Σ terms[i, j] rows[i, n] columns[j, n].

    In blocks: they stay in the cache, and are too small for the matrix library to start threads, which on a busy
    machine wait for each other longer than the product takes.
    """
    result = np.empty(rows.shape[1])
    block = max(_PRODUCT // terms.size, 1)
    for k in range(0, result.size, block):
        at = slice(k, k + block)
        np.einsum("jn,jn->n", terms.T @ rows[:, at], columns[:, at], out=result[at])
    return result


def _log_grid(low: float, high: float) -> tuple[Float, Float]:
    """Radii between two distances and weights r² dr, Gauss–Legendre in ln r."""
    nodes, weights = legendre(64)
    half = np.log(high / low) / 2
    radii = low * np.exp(half * (nodes + 1))
    return radii, half * weights * radii**3


def _mean_log_q1(m: Float, log_a: Float, span: float) -> Float:
    return integrate_over_distance(log_q1, m, log_a, span)


def _mean_slope(m: Float, log_a: Float, span: float) -> Float:
    return (_mean_log_q1(m, log_a + 0.01, span) - _mean_log_q1(m, log_a - 0.01, span)) / 0.02


def _mean_q_some(m: Float, log_a: Float, span: float) -> Float:
    return np.exp(integrate_over_distance(lambda n, span: np.log(q_some(n, span)), m, log_a, span))


def _log_sum(values: Float) -> Float:
    """ln Σ exp over the last axis."""
    top = values.max(axis=-1)
    return np.asarray(top + np.log(np.exp(values - top[..., None]).sum(axis=-1)))
