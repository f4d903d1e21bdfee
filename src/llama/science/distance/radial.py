"""Poisson factors averaged over how far away the merger is: one direction at a time, for any α.

Each distance mode is a posterior p(r|Ω) (SCIENCE 1.6): `map` has one per sky-map cell, `pinned` a single distance,
`marginal` the volume in which the merger could have been seen. All give ⟨Q_1(αn)⟩, the probability that exactly one
neutrino is detected, and ⟨Q_{≥1}(αn)⟩ for the complement c.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.distance.fit import along_log_alpha
from llama.science.distance.poisson import log_counts, log_j1, log_j1_between, log_q1, q_some
from llama.science.quadrature import legendre, log_sum, pieces
from llama.science.search import Search
from llama.science.sky import SkyTree

_TYPICAL = 16
_PIECES = 12  # of ln r, for functions with edges in distance


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


@dataclass(frozen=True, eq=False)
class At:
    """Whole nodes of a tree, as `Points`."""

    direction: Float
    node: NDArray[np.int64]
    part: NDArray[np.bool_]

    @classmethod
    def of(cls, tree: SkyTree, node: NDArray[np.int64]) -> At:
        return cls(tree.direction[node], node, np.zeros(node.size, np.bool_))


class LargerSets(NamedTuple):
    """ln ⟨k! Q_k⟩ ≈ ln ⟨2 Q_2⟩ + (k − 2) log_more over the nodes of a tree that holds ⟨2 Q_2⟩.

    Attributes:
        log_pair: ln of the part of ⟨2 Q_2⟩ that the tree does not hold.
        log_more: (nodes,) ln of what each neutrino more weighs, on average over a node.
        unevenness: (nodes,) how much log_more varies within a node, rms about the best straight line.
    """

    log_pair: float
    log_more: Float
    unevenness: Float


def typical_patches(tree: SkyTree) -> NDArray[np.int64]:
    """The most probable nodes of 7°."""
    patches = tree.covering(3)
    return patches[np.argsort(-tree.log_probability[patches], kind="stable")[:_TYPICAL]]


class Counts(Protocol):
    """How likely several neutrinos are, averaged over distance."""

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ⟨k! Q_k(αn)⟩ at points whose α is given, k = 1 … most."""
        ...


OfCountAndDistance = Callable[[Float, Float], Float]
"""ln of functions of n⁺ and of r (Mpc), arrays of one shape, stacked on a first axis."""


class Distances(Counts, Protocol):
    """A density of distances in every direction."""

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        """The map times ⟨k! Q_k⟩, k = 1 or 2, where that changes from cell to cell; the map itself where it does not.

        Nodes of several cells have the centre and the spread of what is integrated over them.
        """
        ...

    def larger_sets(self, most: int) -> LargerSets | None:
        """What sets of more than two weigh over the nodes of `weighted_tree(…, 2)`; None where it is alike in all."""
        ...

    def log_q1(self, points: Points, alpha: Float) -> Float:
        """ln ⟨Q_1(αn)⟩ at nodes of the overlap integrals, whose α is given."""
        ...

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        """(k, m) ln ⟨f⟩ of any functions, by quadrature at each point, whose α is given."""
        ...


class Radial(Distances, Protocol):
    """Averages over distance in one mode."""

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

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        return tree

    def larger_sets(self, most: int) -> None:
        return None

    def log_q1(self, points: Points, alpha: Float) -> Float:
        return log_q1(alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        return log_counts(most, alpha * self.search.count_max_mpc2 / self.distance_mpc**2, self.search.log_nu_span)

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        counts = alpha * self.search.count_max_mpc2 / self.distance_mpc**2
        return log_f(counts, np.full_like(counts, self.distance_mpc))

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

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        return tree

    def larger_sets(self, most: int) -> None:
        return None

    def log_q1(self, points: Points, alpha: Float) -> Float:
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

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        return along_log_alpha(lambda scale: self.exact_log_average(log_f, scale, np.ones(1)), alpha)

    def exact_log_average(self, log_f: OfCountAndDistance, alpha: Float, stretch: Float) -> Float:
        """(k, n) ln ⟨f⟩ for each α, with all distances stretched by a factor."""
        radii, weights = self._distances()
        radii = stretch[:, None] * radii
        counts = alpha[:, None] * self.search.count_max_mpc2 / radii**2
        return log_sum(log_f(counts, np.broadcast_to(radii, counts.shape)) + np.log(weights))

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

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        return tree

    def larger_sets(self, most: int) -> None:
        return None

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) ln ∫ r² k! Q_k(αn) dr, k = 1 … most."""
        return along_log_alpha(lambda scale: self._exact_log_counts(scale, most), alpha)

    def log_q1(self, points: Points, alpha: Float) -> Float:
        """ln J_1 (Mpc³)."""
        return np.asarray(self.log_counts(points, alpha, 1)[0])

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        """(k, m) ln ∫ r² f dr."""
        return along_log_alpha(lambda scale: self._exact(log_f, scale, pieces(_PIECES)), alpha)

    def _exact_log_counts(self, alpha: Float, most: int) -> Float:
        return self._exact(lambda counts, _: log_counts(most, counts, self.search.log_nu_span), alpha)

    def _exact(self, log_f: OfCountAndDistance, alpha: Float, rule: tuple[Float, Float] | None = None) -> Float:
        # nearer than this even the faintest source gives so many neutrinos that a few are impossible
        near = np.sqrt(self.search.count_min_mpc2 * alpha.min()) / 50
        r_mpc, weights = _log_grid(float(min(near, self.horizon_mpc / 10)), self.horizon_mpc, rule)
        counts = alpha[..., None] * self.search.count_max_mpc2 / r_mpc**2
        return log_sum(log_f(counts, np.broadcast_to(r_mpc, counts.shape)) + np.log(weights))


def _log_grid(low: float, high: float, rule: tuple[Float, Float] | None = None) -> tuple[Float, Float]:
    """Radii between two distances and weights r² dr, Gauss–Legendre in ln r (64 points, or another rule)."""
    nodes, weights = rule or legendre(64)
    half = np.log(high / low) / 2
    radii = low * np.exp(half * (nodes + 1))
    return radii, half * weights * radii**3
