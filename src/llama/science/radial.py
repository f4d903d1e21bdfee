"""Poisson factors averaged over how far away the merger is: one direction at a time, for any α.

Each distance mode is a posterior p(r|Ω) (SCIENCE 1.6): `map` has one per sky-map cell, `pinned` a single distance,
`marginal` the volume in which the merger could have been seen. All give ⟨Q_1(αn)⟩, the probability that exactly one
neutrino is detected, and ⟨Q_{≥1}(αn)⟩ for the complement c.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from llama.science.fit import (
    DistanceFit,
    LogF,
    along_log_alpha,
    chebyshev_transform,
    integrate_over_distance,
    log_means_near,
    log_sum,
    polynomials,
)
from llama.science.overlap import Nodes
from llama.science.poisson import log_counts, log_j1, log_j1_between, log_q1, q_some
from llama.science.psf import legendre
from llama.science.quadtree import SkyTree
from llama.science.search import Search
from llama.science.skymap import SkyMap

Float = NDArray[np.float64]

_STRAIGHT = 0.02  # in ln α: the second derivative is 0.3 at most, so a line is good to 1e-4
_SAMPLE = 1000


class Points(Protocol):
    """Directions on a sky map's tree: `Nodes` of one neutrino, `ClusterNodes` of several."""

    @property
    def direction(self) -> Float:
        """(m, 3) unit vectors."""
        ...

    @property
    def node(self) -> NDArray[np.int64]:
        """(m,) node of the tree that each stands for or lies in."""
        ...

    @property
    def part(self) -> NDArray[np.bool_]:
        """(m,) whether it stands for a part of that node only, which then is a single map cell."""
        ...


class Counts(Protocol):
    """How likely several neutrinos are, averaged over distance."""

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ⟨k! Q_k(αn)⟩ at points whose α is given, k = 1 … most."""
        ...


class Radial(Counts, Protocol):
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

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        return log_counts(most, alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)

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

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        return along_log_alpha(lambda scale: self._exact_log_counts(scale, most), alpha)

    def mean_q_some(self) -> float:
        return self.likely.mean(np.exp(along_log_alpha(self._exact_log_q_some, self.likely.alpha)))

    def exact_log_q1(self, alpha: Float) -> Float:
        """ln of ∫ r² S(r) Q_1 dr over ∫ r² S(r) dr, S = 1 between r_lo and r_hi for a known SNR."""
        low, high = self._radii()
        span, a_max = self.search.log_nu_span, np.asarray(alpha) * self.search.count_max_mpc2
        if self.snr is not None:
            return np.asarray(log_j1_between(low, high, a_max, span) - np.log((high**3 - low**3) / 3))
        radii, weights = self._shells(low, high)
        outer = log_sum(log_q1(a_max[..., None] / radii**2, span) + np.log(weights))
        return np.logaddexp(log_j1(low, a_max, span), outer) - self.log_volume()

    def _exact_log_q_some(self, alpha: Float) -> Float:
        radii, weights = self._distances()
        return np.asarray(
            np.log((q_some(self._counts(alpha, radii), self.search.log_nu_span) * weights).sum(axis=-1))
        )

    def _exact_log_counts(self, alpha: Float, most: int) -> Float:
        radii, weights = self._distances()
        return log_sum(log_counts(most, self._counts(alpha, radii), self.search.log_nu_span) + np.log(weights))

    def _counts(self, alpha: Float, radii: Float) -> Float:
        """n⁺ for each α and distance."""
        return np.asarray(np.asarray(alpha)[..., None] * self.search.count_max_mpc2 / radii**2)

    def _distances(self) -> tuple[Float, Float]:
        """Radii and their weights, which sum to one."""
        low, high = self._radii()
        if self.snr is not None:
            radii, weights = _log_grid(low, high)
        else:
            nodes, weights = legendre(64)
            inner, outer = (nodes + 1) / 2 * low, self._shells(low, high)
            radii, weights = (
                np.concatenate([inner, outer[0]]),
                np.concatenate([low / 2 * weights * inner**2, outer[1]]),
            )
        return radii, weights / weights.sum()

    def _radii(self) -> tuple[float, float]:
        """r_lo and r_hi for a known SNR; R₋ and R₊ at threshold without one."""
        snr = self.search.snr_min if self.snr is None else self.snr
        low, high = self.search.e_gw_min_eu, self.search.e_gw_max_eu
        return self.search.k0_mpc * low**0.5 / snr, self.search.k0_mpc * high**0.5 / snr

    def _shells(self, low: float, high: float) -> tuple[Float, Float]:
        """Radii beyond R₋ and weights r² S(r) dr, S = 2 ln(R₊/r)/L_gw."""
        radii, weights = _log_grid(low, high)
        return radii, weights * 2 * np.log(high / radii) / self.search.log_gw_span


@dataclass(frozen=True)
class Volume:
    """Integrals over all of space out to a horizon, in Mpc³, instead of averages."""

    search: Search
    horizon_mpc: float

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ∫ r² k! Q_k(αn) dr, k = 1 … most."""
        return along_log_alpha(lambda scale: self._exact_log_counts(scale, most), alpha)

    def _exact_log_counts(self, alpha: Float, most: int) -> Float:
        # nearer than this even the faintest source gives so many neutrinos that a few are impossible
        near = np.sqrt(self.search.count_min_mpc2 * alpha.min()) / 50
        radii, weights = _log_grid(float(min(near, self.horizon_mpc / 10)), self.horizon_mpc)
        counts = alpha[..., None] * self.search.count_max_mpc2 / radii**2
        return log_sum(log_counts(most, counts, self.search.log_nu_span) + np.log(weights))


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
        heavy = weight * weight.size > 1e-6 * weight.sum()  # all others together do not matter
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
        """(nodes,) ln ⟨Q_1⟩ of the wanted nodes, each cell at the α of its centre, and its slope in ln α for cells.

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
        terms = chebyshev_transform(4) @ np.stack(values)
        at = np.empty(cell.size, np.int64)
        at[by] = np.repeat(np.arange(each.size), np.diff(first, append=cell.size))
        return np.asarray((terms.take(at, axis=1) * polynomials((log_alpha - middle[at]) / half[at], 4)).sum(axis=0))

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        def family(n_max: Float, span: float) -> Float:
            return log_counts(most, n_max, span)

        m, log_a = (values[points.node] for values in self._at_tree(points.node))
        log_n = log_a + np.log(alpha)
        result = np.empty((most, alpha.size))
        known = np.isfinite(log_n)
        if known.any():
            result[:, known] = log_means_near(family, m[known], log_n[known], self.fit.span)
        if not known.all():
            result[:, ~known] = along_log_alpha(lambda scale: self._anywhere(family, scale), alpha[~known], order=8)
        return result

    def _at_tree(self, wanted: NDArray[np.int64]) -> tuple[Float, Float]:
        """(nodes,) mu/sigma and ln(a⁺/sigma²) of wanted nodes, means where the map is finer; NaN where unknown."""
        leaf = self.tree.cells_below(wanted)
        found = []
        for values in (self.m, self.log_a):
            at = np.full(self.tree.cell.size, np.nan)
            at[leaf] = values[self.tree.cell[leaf]]
            found.append(self.tree.means(at))
        return found[0], found[1]

    def mean_q_some(self) -> float:
        return self.q_some

    def _anywhere_log_q1(self, alpha: Float) -> Float:
        """ln of the map's mean ⟨Q_1⟩ for each α."""
        m, log_a = self._sample()
        at = np.log(alpha)[:, None] + log_a
        values = self.fit.log_q1(np.tile(m, alpha.size), at.ravel()).reshape(at.shape)
        return np.asarray(log_sum(values) - np.log(_SAMPLE))

    def _anywhere(self, log_f: LogF, alpha: Float) -> Float:
        """(…, n) ln of the map's mean ⟨f⟩ for each α."""
        m, log_a = self._sample()
        at = np.log(alpha)[:, None] + log_a
        values = integrate_over_distance(log_f, np.tile(m, alpha.size), at.ravel(), self.fit.span)
        return np.asarray(log_sum(values.reshape(*values.shape[:-1], *at.shape)) - np.log(_SAMPLE))

    def _sample(self) -> tuple[Float, Float]:
        """mu/sigma and ln(a⁺/sigma²) of `_SAMPLE` cells at even steps of probability."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        leaf = leaf[np.isfinite(self.m[self.tree.cell[leaf]])]
        reached = np.cumsum(np.exp(self.tree.log_probability[leaf]))
        picked = self.tree.cell[leaf[np.searchsorted(reached, (np.arange(_SAMPLE) + 0.5) / _SAMPLE * reached[-1])]]
        return self.m[picked], self.log_a[picked]


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


def _log_grid(low: float, high: float) -> tuple[Float, Float]:
    """Radii between two distances and weights r² dr, Gauss–Legendre in ln r."""
    nodes, weights = legendre(64)
    half = np.log(high / low) / 2
    radii = low * np.exp(half * (nodes + 1))
    return radii, half * weights * radii**3
