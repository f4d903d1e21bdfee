"""Distances that count each with its own weight: how another messenger heard the source, or that it did not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.companions import OfDistance
from llama.science.distance.poisson import log_counts, q_some
from llama.science.distance.radial import At, Distances, LargerSets, OfCountAndDistance, Points, typical_patches
from llama.science.sky import SkyTree

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

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        return self.base.weighted_tree(tree, k)

    def larger_sets(self, most: int) -> LargerSets | None:
        """Those of `base`, with what the weight makes of them where the source most probably is."""
        plain = self.base.larger_sets(most)
        if plain is None:
            return None
        patches = typical_patches(self.tree)
        log_p = self.tree.log_probability[patches]
        ratio = np.logaddexp.reduce(self.log_ratio(patches, most) + log_p, axis=1) - np.logaddexp.reduce(log_p)
        with np.errstate(invalid="ignore"):
            log_more = np.nan_to_num((ratio[-1] - ratio[1]) / max(most - 2, 1))
        return LargerSets(plain.log_pair + float(ratio[1]), plain.log_more + log_more, plain.unevenness)

    def log_q1(self, points: Points, alpha: Float) -> Float:
        """ln ⟨weight Q_1(αn)⟩ at nodes of the overlap integrals."""
        return np.asarray(self.base.log_q1(points, alpha) + self.log_ratio(points.node, 1)[0])

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ⟨weight k! Q_k(αn)⟩, k = 1 … most."""
        return np.asarray(self.base.log_counts(points, alpha, most) + self.log_ratio(points.node, most))

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        """(k, m) ln ⟨weight f⟩."""
        return self.base.log_average(lambda n, r: log_f(n, r) + self.log_weight(r), points, alpha)

    def log_ratio(self, node: NDArray[np.int64], most: int) -> Float:
        """(most, m) ln of what the weight does to ⟨k! Q_k(αn)⟩, k = 1 … most, in these nodes of the tree."""
        coarse, back = np.unique(self.tree.ancestors(node, _SMOOTH_ORDER), return_inverse=True)

        def plain_and_weighted(n_max: Float, r_mpc: Float) -> Float:
            plain = log_counts(most, n_max, self.span)
            return np.concatenate([plain, plain + self.log_weight(r_mpc)])

        both = self.base.log_average(plain_and_weighted, At.of(self.tree, coarse), self.node_alpha[coarse])
        plain, weighted = both[:most], both[most:]
        known = np.isfinite(plain)
        ratio = np.where(known, weighted, -np.inf) - np.where(known, plain, 0.0)
        return np.asarray(ratio[:, back])

    def log_alone(self, beaming: float = np.inf) -> tuple[float, float]:
        """ln of the sky map's mean ⟨1 − Q_{≥1}(αn)/f_b⟩: the source, and no neutrino of it; weighted, and not.

        Args:
            beaming: f_b; infinite where no neutrino detector listens.
        """
        node = _likely(self.tree, self.tree.covering(_SMOOTH_ORDER - 1))

        def all_and_seen(n_max: Float, r_mpc: Float) -> Float:
            seen, weight = np.log(q_some(n_max, self.span)), self.log_weight(r_mpc)
            return np.stack([weight, weight + seen, np.zeros_like(seen), seen])

        values = self.base.log_average(all_and_seen, At.of(self.tree, node), self.node_alpha[node])
        log_share = self.tree.log_probability[node] - np.logaddexp.reduce(self.tree.log_probability[node])
        weighted, weighted_seen, plain, seen = np.logaddexp.reduce(values + log_share, axis=1)
        return _log_unseen(weighted, weighted_seen, beaming), _log_unseen(plain, seen, beaming)


def _log_unseen(log_all: float, log_seen: float, beaming: float) -> float:
    """ln (all − seen/f_b), of which nothing may be left."""
    if not np.isfinite(log_all):
        return -np.inf
    return float(log_all + np.log(max(-np.expm1(log_seen - log_all - np.log(beaming)), 1e-300)))


def _likely(tree: SkyTree, node: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nodes without the least probable ones, which together hold next to nothing."""
    probability = np.exp(tree.log_probability[node])
    by = np.argsort(probability, kind="stable")
    return np.asarray(node[np.sort(by[np.cumsum(probability[by]) > _UNLIKELY * probability.sum()])])
