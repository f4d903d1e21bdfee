"""Distances that count each with its own weight: how another messenger heard the source, or that it did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.companion import OfDistance
from llama.science.overlap import Nodes
from llama.science.poisson import log_counts, q_some
from llama.science.quadtree import SkyTree
from llama.science.radial import At, Distances, OfCountAndDistance, Points

Float = NDArray[np.float64]

_SMOOTH_ORDER = 5  # distances change little within 1.8°, and the ratio of two averages over them less
_UNLIKELY = 1e-6  # of the probability may be left out of a mean over the map


@dataclass(frozen=True, eq=False)
class Weighted:
    """The averages of `base`, each distance times exp(log_weight).

    They are those of `base` times the ratio of the weighted and the plain average, so weight one changes no digit.

    Attributes:
        base: the density of distances.
        tree: the sky map.
        node_alpha: α at every node of the tree.
        log_weight: ln of the weight by distance in Mpc.
        span: L_ν.
    """

    base: Distances
    tree: SkyTree
    node_alpha: Float
    log_weight: OfDistance
    span: float

    def log_q1(self, nodes: Nodes, alpha: Float) -> Float:
        """ln ⟨weight Q_1(αn)⟩ at nodes of the overlap integrals."""
        return np.asarray(self.base.log_q1(nodes, alpha) + self._log_ratio(nodes.node, 1)[0])

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ⟨weight k! Q_k(αn)⟩, k = 1 … most."""
        return np.asarray(self.base.log_counts(points, alpha, most) + self._log_ratio(points.node, most))

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        """(k, m) ln ⟨weight f⟩."""
        return self.base.log_average(lambda n, r: log_f(n, r) + self.log_weight(r), points, alpha)

    def _log_ratio(self, node: NDArray[np.int64], most: int) -> Float:
        coarse, back = np.unique(self.tree.ancestors(node, _SMOOTH_ORDER), return_inverse=True)

        def plain_and_weighted(n_max: Float, r_mpc: Float) -> Float:
            plain = log_counts(most, n_max, self.span)
            return np.concatenate([plain, plain + self.log_weight(r_mpc)])

        both = self.base.log_average(plain_and_weighted, At.of(self.tree, coarse), self.node_alpha[coarse])
        plain, weighted = both[:most], both[most:]
        known = np.isfinite(plain)
        ratio = np.where(known, weighted, -np.inf) - np.where(known, plain, 0.0)
        return np.asarray(ratio[:, back])


def log_alone(distances: Distances, tree: SkyTree, node_alpha: Float, span: float, beaming: float = np.inf) -> float:
    """ln of the sky map's mean ⟨1 − Q_{≥1}(αn)/f_b⟩: the source, and no neutrino of it.

    Args:
        distances: what to average over; with a weight, the weight's mean comes out.
        beaming: f_b; infinite where no neutrino detector listens.
    """
    node = _likely(tree, tree.covering(_SMOOTH_ORDER - 1))

    def all_and_seen(n_max: Float, _: Float) -> Float:
        return np.stack([np.zeros_like(n_max), np.log(q_some(n_max, span))])

    values = distances.log_average(all_and_seen, At.of(tree, node), node_alpha[node])
    probability = np.exp(tree.log_probability[node])
    top = float(np.max(values[0], initial=-np.inf))
    if not np.isfinite(top):
        return -np.inf
    means = (np.exp(values - top) * probability).sum(axis=1) / probability.sum()
    return float(np.log(max(means[0] - means[1] / beaming, 1e-300)) + top)


def _likely(tree: SkyTree, node: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nodes without the least probable ones, which together hold next to nothing."""
    probability = np.exp(tree.log_probability[node])
    by = np.argsort(probability, kind="stable")
    return np.asarray(node[np.sort(by[np.cumsum(probability[by]) > _UNLIKELY * probability.sum()])])
