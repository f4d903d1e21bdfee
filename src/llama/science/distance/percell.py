"""Distance mode `map`: every cell of the sky map with a posterior of its own (SCIENCE 1.6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.distance.fit import (
    DistanceFit,
    along_log_alpha,
    integrate_from_the_observer,
    over_their_box,
    sheared,
)
from llama.science.distance.radial import LargerSets, OfCountAndDistance, Points
from llama.science.distance.sums import log_mean_counts
from llama.science.quadrature import log_sum
from llama.science.search import Search
from llama.science.sky import NOTHING, SkyMap, SkyTree, Trend, is_distance

_STRAIGHT = 0.005  # in ln α: the second derivative is 0.3 at most, so a line is good to 4e-6
_STRAIGHT_COUNTS = 0.02  # for the chances of several, whose second derivative is below their number
_SIZES = (3, 4, 6, 10, 24)  # of sets that `larger_sets` knows
_FINE, _COARSE = 1e-4, 0.03  # errors of what is integrated, and of what only tells how finely
_SAMPLE = 1000


class CellColumns(NamedTuple):
    """What `PerCell.log_q1` looks up, by node of the tree.

    Attributes:
        log_ratio: ln ⟨Q_1⟩ at the α of its centre, or its mean. log_alpha: that α. slope: d ln ⟨Q_1⟩/d ln α of cells.
        u, log_a: of cells, as `DistanceFit` and `PerCell` have them. All are NaN where nothing is known.
        low, high, terms: of the fit.
        straight: how far a straight line in ln α is good.
    """

    log_ratio: Float
    log_alpha: Float
    slope: Float
    u: Float
    log_a: Float
    low: tuple[float, float]
    high: tuple[float, float]
    terms: Float
    straight: float


@dataclass(frozen=True, eq=False)
class PerCell:
    """Each sky-map cell with its own posterior r² N(r; mu, sigma).

    Attributes:
        tree: the sky map.
        log_a: (cells,) ln of a⁺/sigma²; NaN where the map has no valid distance. m: (cells,) mu/sigma.
        fit: averages for any of the cells and any α.
        log_count_max: ln a⁺, Mpc².
        log_alpha: (nodes,) ln α at the centre of each node of the tree.
        without_distance: probability of the cells whose distance is not valid.
    """

    tree: SkyTree
    m: Float
    log_a: Float
    fit: DistanceFit
    log_count_max: float
    log_alpha: Float
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
        cell = tree.cell[leaf[known]]
        fit = DistanceFit.of(m[cell], log_a[cell] + log_alpha[leaf[known]], search.log_nu_span)
        return cls(tree, m, log_a, fit, np.log(search.count_max_mpc2), log_alpha, float(total[~known].sum()))

    def log_q1(self, points: Points, alpha: Float) -> Float:
        away = np.log(alpha) - self.log_alpha[points.node]
        result = self._signal.log_probability[points.node] - self.tree.log_probability[points.node]
        result += np.where(points.part, away * self._slope[points.node], 0.0)
        cell = self.tree.cell[points.node]
        # where α is much unlike the cell's own a straight line is not enough
        own = np.flatnonzero(points.part & (np.abs(away) > _STRAIGHT) & np.isfinite(result))
        if own.size:
            result[own] = self.fit.log_q1(self.m[cell[own]], self.log_a[cell[own]] + np.log(alpha[own]))
        missing = np.flatnonzero(np.isnan(result))
        if missing.size:
            result[missing] = along_log_alpha(self._anywhere_again, alpha[missing], order=12)
        return result

    @cached_property
    def columns(self) -> CellColumns:
        """What `log_q1` looks up, for loops that do the same point by point."""
        m, log_a = self._known_at_cells()
        return CellColumns(
            log_ratio=self._signal.log_probability - self.tree.log_probability,
            log_alpha=self.log_alpha,
            slope=self._slope,
            u=sheared(m, log_a)[0],
            log_a=log_a,
            low=self.fit.low,
            high=self.fit.high,
            terms=self.fit.log_q1_terms,
            straight=_STRAIGHT,
        )

    def weighted_tree(self, _: SkyTree, k: int) -> SkyTree:
        return self._signal if k == 1 else self._pairs

    @cached_property
    def _signal(self) -> SkyTree:
        """The map times ⟨Q_1⟩, each cell at the α of its centre; made once, as it costs what there are cells."""
        return self.tree.weighted(self._at_cells(self.fit.log_q1, self._anywhere_log_q1)[0])

    @cached_property
    def _pairs(self) -> SkyTree:
        """The map times ⟨2 Q_2⟩."""
        return self.tree.weighted(self._log_pair)

    def larger_sets(self, most: int) -> LargerSets:
        if most <= 2:
            return LargerSets(0.0, np.broadcast_to(NOTHING, self.tree.cell.size), np.zeros(self.tree.cell.size))
        size = min((k for k in _SIZES if k >= most), default=_SIZES[-1])
        if size not in self._sets:
            ratio = self._log_counts_of_cells(size, _COARSE) - self._log_pair
            left = self._pairs.trend(np.where(self.tree.cell >= 0, ratio, np.nan)).left
            log_more, unevenness = self._pairs.log_means(ratio) / (size - 2), np.sqrt(left) / (size - 2)
            self._sets[size] = LargerSets(0.0, log_more, unevenness)
        return self._sets[size]

    @cached_property
    def _sets(self) -> dict[int, LargerSets]:
        """By how many neutrinos they have at most."""
        return {}

    @cached_property
    def _log_pair(self) -> Float:
        """(nodes,) ln ⟨2 Q_2⟩ of the nodes that are cells."""
        return self._log_counts_of_cells(2, _FINE)

    def _log_counts_of_cells(self, k: int, error: float) -> Float:
        """(nodes,) ln ⟨k! Q_k⟩ of the nodes that are cells."""

        def at_points(m: Float, log_n: Float) -> Float:
            return log_mean_counts(k, m, log_n, self.fit.span)[-1:]

        found = self._at_cells(
            lambda m, log_n: over_their_box(at_points, m, log_n, error), lambda alpha: self._anywhere(k, alpha)[-1:]
        )
        return np.asarray(found[0])

    def _at_cells(self, of_cells: Callable[[Float, Float], Float], anywhere: Callable[[Float], Float]) -> Float:
        """(k, nodes) functions of (m, ln a⁺/sigma² + ln α), of α where no distance is known; zeros but for cells."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        cell = self.tree.cell[leaf]
        known = np.isfinite(self.m[cell])
        found = np.atleast_2d(of_cells(self.m[cell[known]], self.log_a[cell[known]] + self.log_alpha[leaf[known]]))
        values = np.zeros((found.shape[0], self.tree.cell.size))
        values[:, leaf[known]] = found
        if not known.all():
            values[:, leaf[~known]] = along_log_alpha(anywhere, np.exp(self.log_alpha[leaf[~known]]), order=8)
        return values

    @cached_property
    def _slope(self) -> Float:
        """(nodes,) d ln ⟨Q_1⟩/d ln α of the nodes that are cells, NaN where the map has no distance."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        cell = self.tree.cell[leaf]
        slope = np.full(self.tree.cell.size, np.nan)
        slope[leaf] = self.fit.slope(self.m[cell], self.log_a[cell] + self.log_alpha[leaf])
        return slope

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        log_alpha = np.log(alpha)
        _, first, back = _groups(points.node)
        middle = (np.bincount(back, log_alpha) / np.bincount(back))[back]
        # points in a cell share its distance, and a straight line in ln α when they are near each other
        alike = (self.tree.cell[points.node] >= 0) & (np.abs(log_alpha - middle) < _STRAIGHT_COUNTS)
        by, first, of = _groups(np.where(alike, back, first.size + np.arange(back.size)))
        at = by[first]
        there = np.where(alike, middle, log_alpha)[at]
        known = self._log_counts_at(points.node[at], points.direction[at], there, most)
        # d ln m_k/d ln α = k − m_{k+1}/m_k, as the prior of n is log-uniform
        slope = np.arange(1, most + 1)[:, None] - np.exp(known[1:] - known[:-1])
        return np.asarray(known[:-1].take(of, axis=1) + slope.take(of, axis=1) * (log_alpha - there[of]))

    def _log_counts_at(self, node: Index, direction: Float, log_alpha: Float, most: int) -> Float:
        """(most + 1, n) ln ⟨k! Q_k(αn)⟩ at directions in nodes of the tree."""
        away = direction - self._pairs.direction.take(node, axis=0)
        m, log_a = (
            trend.mean[node] + np.einsum("ij,ij->i", trend.slope.take(node, axis=0), away)
            for trend in self._distances
        )
        result, known = np.empty((most + 1, node.size)), np.isfinite(log_a)
        result[:, known] = log_mean_counts(most + 1, m[known], (log_a + log_alpha)[known], self.fit.span)
        if not known.all():
            at = np.exp(log_alpha[~known])
            result[:, ~known] = along_log_alpha(lambda scale: self._anywhere(most + 1, scale), at, order=8)
        whole = np.flatnonzero(self.tree.cell[node] < 0)
        if most > 1 and whole.size:  # of several cells: the mean for pairs is known, the others take its ratio
            exact = self._pairs.log_probability[node[whole]] - self.tree.log_probability[node[whole]]
            # the mean of an exponential of what varies about the straight line
            left = np.square(self.larger_sets(most).unevenness[node[whole]]) / 2
            result[:, whole] += exact - result[1, whole] + np.square(np.arange(most + 1) - 1)[:, None] * left
        return result

    @cached_property
    def _distances(self) -> tuple[Trend, Trend]:
        """mu/sigma and ln(a⁺/sigma²) in the nodes, weighted with the map times ⟨2 Q_2⟩."""
        m, log_a = (self._pairs.trend(one) for one in self._known_at_cells())
        return m, log_a

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        m, log_a = (values[points.node] for values in self._at_tree)
        unknown = np.isnan(m)  # such cells take the map's typical distance here
        m, log_a = (
            np.where(unknown, np.median(values), at) for values, at in zip(self._sample, (m, log_a), strict=True)
        )
        counts_mpc2 = np.exp(self.log_count_max) * alpha[:, None]

        def of_count(n_max: Float, span: float) -> Float:
            return log_f(n_max, np.sqrt(counts_mpc2 / n_max))

        return integrate_from_the_observer(of_count, m, log_a + np.log(alpha), self.fit.span)

    @cached_property
    def _at_tree(self) -> tuple[Float, Float]:
        """(nodes,) mu/sigma and ln(a⁺/sigma²) of every node, means where the map is finer; NaN where unknown."""
        m, log_a = (self.tree.means(one) for one in self._known_at_cells())
        return m, log_a

    def _known_at_cells(self) -> Float:
        """(2, nodes) mu/sigma and ln(a⁺/sigma²) of the nodes that are cells."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        values = np.full((2, self.tree.cell.size), np.nan)
        values[:, leaf] = self.m[self.tree.cell[leaf]], self.log_a[self.tree.cell[leaf]]
        return values

    def mean_q_some(self) -> float:
        """⟨Q_{≥1}⟩ over the map; cells without a distance are left out of the mean."""
        leaf = np.flatnonzero((self.tree.cell >= 0) & np.isfinite(self.m[self.tree.cell]))
        weight = np.exp(self.tree.log_probability[leaf])
        heavy = weight * weight.size > 1e-6 * weight.sum()  # all others together do not matter
        weight, cell = weight[heavy], self.tree.cell[leaf[heavy]]
        some = self.fit.q_some(self.m[cell], self.log_a[cell] + self.log_alpha[leaf[heavy]])
        return float((weight * some).sum() / weight.sum())

    def _anywhere_again(self, alpha: Float) -> Float:
        """The same as `_anywhere_log_q1`, for the few points of fits, which are asked for with every list."""
        asked = alpha.tobytes()
        if asked not in self._answers:
            self._answers[asked] = self._anywhere_log_q1(alpha)
        return self._answers[asked]

    @cached_property
    def _answers(self) -> dict[bytes, Float]:
        """ln of the map's mean ⟨Q_1⟩, by the α for which it was asked."""
        return {}

    def _anywhere_log_q1(self, alpha: Float) -> Float:
        """ln of the map's mean ⟨Q_1⟩ for each α."""
        m, log_a = self._sample
        at = np.log(alpha)[:, None] + log_a
        values = self.fit.log_q1(np.tile(m, alpha.size), at.ravel()).reshape(at.shape)
        return np.asarray(log_sum(values) - np.log(_SAMPLE))

    def _anywhere(self, most: int, alpha: Float) -> Float:
        """(most, n) ln of the map's mean ⟨k! Q_k⟩ for each α."""
        m, log_a = self._sample
        at = np.log(alpha)[:, None] + log_a
        values = log_mean_counts(most, np.tile(m, alpha.size), at.ravel(), self.fit.span)
        return np.asarray(log_sum(values.reshape(most, *at.shape)) - np.log(_SAMPLE))

    @cached_property
    def _sample(self) -> tuple[Float, Float]:
        """mu/sigma and ln(a⁺/sigma²) of `_SAMPLE` cells at even steps of probability."""
        leaf = np.flatnonzero(self.tree.cell >= 0)
        leaf = leaf[np.isfinite(self.m[self.tree.cell[leaf]])]
        reached = np.cumsum(np.exp(self.tree.log_probability[leaf]))
        picked = self.tree.cell[leaf[np.searchsorted(reached, (np.arange(_SAMPLE) + 0.5) / _SAMPLE * reached[-1])]]
        return self.m[picked], self.log_a[picked]


def _groups(values: Index) -> tuple[Index, Index, Index]:
    """Equal values together: (m,) their order, (g,) where in it each group begins, and (m,) the group of each value.

    Values that come in ascending runs are sorted in no time.
    """
    by = np.argsort(values, kind="stable")
    first = np.flatnonzero(np.diff(values[by], prepend=-1))
    group = np.empty(values.size, np.int64)
    group[by] = np.repeat(np.arange(first.size), np.diff(first, append=values.size))
    return by, first, group


def _cell_parameters(search: Search, skymap: SkyMap) -> tuple[Float, Float]:
    """mu/sigma and ln(a⁺/sigma²) of each cell, NaN where the distance is not valid."""
    if skymap.distmu is None or skymap.distsigma is None:
        raise ValueError("the sky map has no distances")
    with np.errstate(invalid="ignore"):
        valid = is_distance(skymap.distmu, skymap.distsigma)
        if skymap.distnorm is not None:
            valid &= np.isfinite(skymap.distnorm) & (skymap.distnorm > 0)
    sigma = np.where(valid, skymap.distsigma, 1.0)
    m = np.where(valid, skymap.distmu, 0.0) / sigma
    log_a = np.log(search.count_max_mpc2) - 2 * np.log(sigma)
    return np.where(valid, m, np.nan), np.where(valid, log_a, np.nan)
