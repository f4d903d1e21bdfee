"""Where several neutrinos may share a source: nodes that resolve every product of their point spreads on a sky map.

With u_i(Ω) = exp(log_strength_i) PSF_i(Ω), source over background, the integrals wanted are ∫ P_gw e_k(u) f dΩ, e_k
the elementary symmetric polynomials: e_2 sums over pairs, e_3 over triples. One walk down the quadtree resolves the
pairs and the weighted sum of all: each to its own relative accuracy, or to that of `floor` when that is larger.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Bool, Float, Index
from llama.science.distance import LargerSets
from llama.science.overlap.declination import Steepness
from llama.science.overlap.descent import (
    COARSEST,
    DROP,
    Chosen,
    Emitted,
    Entries,
    centres,
    points,
    squares,
    triangles,
    walk,
)
from llama.science.quadrature import log_sum
from llama.science.sky import MAX_ORDER, NOTHING, SkyTree, log_peak, max_radius

# largest side of a node over the local scale, where its share is 1
_ONE = 0.15  # one point for a cell or part of it: relative error ≤ side²/24
_FOUR = 1.2  # 2 × 2 Gauss points in it: ≤ side⁴/4320, of both signs
_THREE = 0.5  # three for a node of several cells, with its mean and variances: as the third moments may be
_STEEP = 2.0  # what the slope of a factor of declination counts beside those of point spreads
_UNEVEN = 0.015  # e-folds that distances may change the weight of a set within a node, but for a trend
_COARSER, _MORE_UNEVEN = 2.0, 4.0  # e-folds by which these may be larger where the share is small
_LARGEST_LOG = 700.0
_FEW = 200  # entries, which are split once more in less time than they are judged
_SMOOTH_ORDER = COARSEST + 1  # points are never further apart than 1.8°, so that α(Ω) is sampled too


@dataclass(frozen=True, eq=False)
class ClusterNodes:
    """Σ weight · f(direction) ≈ ∫ P_gw f dΩ where products of two or more of the neutrinos' point spreads matter.

    Attributes:
        direction: (m, 3) unit vectors.
        log_probability: (m,) ln of the map's probability that each stands for.
        log_psf: (n, m) ln of each neutrino's point spread there, sr⁻¹.
        node: (m,) node of the `SkyTree` that it stands for or lies in.
        part: (m,) whether it stands for a part of that node only, which then is a single map cell.
    """

    direction: Float
    log_probability: Float
    log_psf: Float
    node: Index
    part: Bool


@dataclass(frozen=True, eq=False)
class Members:
    """The neutrinos of one cluster.

    Attributes:
        direction: (n, 3) unit vectors. sigma_rad: (n,) 1σ errors.
        log_strength: (n,) ln of u/PSF, sr.
        sets: what they weigh in the nodes of the tree.
        together: (s, n) who may share a source: sets of those that are heard at the same time.
        floor: ln of what the terms stand beside: parts far below it need no care. −inf for none.
        steepness: how u/PSF changes with declination, where it does so within reach of them.
    """

    direction: Float
    sigma_rad: Float
    log_strength: Float
    sets: LargerSets
    together: Bool
    floor: float
    steepness: Steepness | None


MOST = 24
"""Neutrinos of one cluster; a larger one is cut, and the result says so."""


def cluster_nodes(tree: SkyTree, members: Members) -> ClusterNodes:
    """Nodes for the pairs and all higher products of one cluster, each good to 1e-3."""
    state = _Walk(tree, members)
    walk(tree, 1, state.step, few=_FEW)
    return state.nodes()


class _Walk:
    """State of one walk: what has been emitted, and what is known of the integrals of the pairs and of everything."""

    def __init__(self, tree: SkyTree, members: Members) -> None:
        self.tree, self.members = tree, members
        self.kappa, self.peak = 1 / np.square(members.sigma_rad), log_peak(members.sigma_rad)
        self.found = np.full(2, -np.inf)  # ln of a lower bound of what was emitted: pairs, and everything
        self.largest = np.full(2, -np.inf)  # ln of the largest patch that was emitted
        self.together = members.together.astype(np.float64)
        self.paired = ((self.together.T @ self.together) > 0) & ~np.eye(members.sigma_rad.size, dtype=np.bool_)
        self.one, self.three, self.four = Chosen(), Chosen(), Chosen()

    def step(self, order: int, entries: Entries) -> Entries:
        """Drops or emits entries; returns those that are to be split."""
        centre = centres(self.tree, order, entries)
        (low, high), part, side = self._bounds(order, centre, entries)
        share, patch = self._share(low, high, side)
        keep = np.flatnonzero((share > -DROP).any(axis=0))
        entries = entries.take(keep)
        if order < COARSEST:
            return entries
        low, side, share, patch = (each.take(keep, axis=1) for each in (low, side, share, patch))
        one, three, four = self._fine(order, entries, side, share, part.sum(axis=0)[keep])
        done = one | three | four
        if not done.any():
            return entries
        centre = centre.take(keep, axis=0)
        for chosen, fine in zip((self.one, self.three, self.four), (one, three, four), strict=True):
            chosen.add(order, entries, centre, fine)
        self.found = np.logaddexp(self.found, log_sum(low[:, done]))
        self.largest = np.maximum(self.largest, patch[:, done].max(axis=1))
        return entries.take(np.flatnonzero(~done))

    def _fine(self, order: int, entries: Entries, side: Float, share: Float, many: Float) -> tuple[Bool, Bool, Bool]:
        """Which entries one point can stand for, which three, and which four. An error counts as much as the share.

        Args:
            many: (e,) how many neutrinos most of everything comes from.
        """
        matters, constant = share > -DROP, self.tree.cell[entries.node] >= 0
        side = side * matters
        of_one, of_more = ((side * np.exp(np.maximum(share / k, -_COARSER))).max(axis=0) for k in (4, 5))
        one = constant & (of_one < _ONE) & (order >= _SMOOTH_ORDER)
        three = ~constant & ~one & (of_more < _THREE)
        uneven = (many - 2) * self.members.sets.unevenness[entries.node]
        three &= uneven * np.exp(np.maximum(share[1] / 2, -_MORE_UNEVEN)) < _UNEVEN
        four = constant & ~one & ((of_more < _FOUR) | (order == MAX_ORDER))
        return one, three, four

    def _bounds(self, order: int, centre: Float, entries: Entries) -> tuple[Float, Float, Float]:
        """(2, 2, e) ln of a lower and of an upper bound of the parts in pairs and in everything.

        Also (n, e) how much each neutrino takes part in everything, and (2, e) the sides of a pixel over the scales
        on which pairs and everything change, as the products to which each belongs so much.
        """
        sine, reach = np.sqrt(self._quarter(centre)), np.sin(max_radius(order) / 2)
        half_chord = np.empty((2, *sine.shape))
        np.minimum(sine + reach, 1.0, out=half_chord[0])
        np.maximum(sine - reach, 0.0, out=half_chord[1])
        log_u = (self.members.log_strength + self.peak)[:, None] - 2 * self.kappa[:, None] * np.square(half_chord)
        steep = None
        if self.members.steepness is not None:
            every = np.arange(self.kappa.size)[:, None]
            minus_least, most, steep, _ = self.members.steepness.within(order, every, centre[:, 2])
            log_u += np.stack([-minus_least, most])
        terms, members = self._log_terms(log_u, self.members.sets.log_more[entries.node])
        side = self._sides(order, centre, members, steep)
        return entries.log_probability + self.members.sets.log_pair + terms, members[1], side

    def _log_terms(self, log_u: Float, log_more: Float) -> tuple[Float, Float]:
        """(b, 2, e) ln of the sums over pairs and over all sets from pairs on, for b bounds.

        With w, what a neutrino more weighs, the latter sum is [Π (1 + w u) − 1 − Σ w u]/w². Also (2, n, e) how much
        each neutrino takes part in the pairs and in everything, at most 1, at the last bound.
        """
        scale = np.maximum(log_u.max(axis=1, keepdims=True), NOTHING)
        u = np.exp(log_u - scale)
        weighed = u * np.exp(np.minimum(scale + log_more, _LARGEST_LOG))
        of_pairs = u * (self.paired @ u)
        twice = of_pairs.sum(axis=1, keepdims=True)
        log_product, total = self.together @ np.log1p(weighed), self.together @ weighed
        with np.errstate(divide="ignore"):
            pairs = np.log(twice[:, 0] / 2) + 2 * scale[:, 0]
            # where these digits do not suffice the pairs are all there is
            larger = np.log(np.maximum(np.expm1(log_product) - total, 0.0)).max(axis=1) - 2 * log_more
        part = np.empty((2, *u.shape[1:]))
        np.divide(2 * of_pairs[-1], np.maximum(twice[-1], 1e-300), out=part[0])
        np.maximum(part[0], weighed[-1] / (1 + weighed[-1]), out=part[1])
        return np.stack([pairs, np.maximum(pairs, larger)], axis=1), part

    def _sides(self, order: int, centre: Float, membership: Float, steep: Float | None) -> Float:
        """(b, e) sides of a pixel over the scales of products to which each neutrino belongs so much, (b, n, e)."""
        kappa = membership * self.kappa[:, None]
        gradient = self.members.direction.T @ kappa  # (b, 3, e)
        along = (gradient * centre.T).sum(axis=1)
        slope2 = np.maximum(np.square(gradient).sum(axis=1) - along * along, 0.0)
        least = 2 * self.kappa.min()  # also where all is too small to say who takes part
        per_rad = np.sqrt(np.maximum(np.maximum(kappa.sum(axis=1), least), slope2))
        if steep is not None:
            per_rad = np.maximum(per_rad, _STEEP * (membership * steep).sum(axis=1))
        return np.asarray(np.sqrt(np.pi / 3) / 2.0**order * per_rad)

    def _share(self, low: Float, high: Float, side: Float) -> tuple[Float, Float]:
        """(2, e) ln of what an entry matters for pairs and for everything, and of its patches (see `overlap`)."""
        patch = high + np.log(2 * np.pi / np.minimum(side * side, 2 * np.pi))
        whole = np.logaddexp(self.found, log_sum(low))
        largest = np.maximum(self.largest, patch.max(axis=1))
        against = np.maximum(np.minimum(whole, largest), max(self.members.floor, NOTHING))
        return np.minimum(patch - against[:, None], 0.0), patch

    def _quarter(self, direction: Float) -> Float:
        """(n, e) sin²(ψ/2) to each neutrino; its last digits go, which matters for σ below an arcsecond only."""
        return np.asarray(np.maximum(0.5 - self.members.direction @ (direction.T / 2), 0.0))

    def nodes(self) -> ClusterNodes:
        """Everything emitted."""
        one, three, four = (chosen.all() for chosen in (self.one, self.three, self.four))
        found = Emitted.joined([points(self.tree, *one), triangles(self.tree, *three[:2]), squares(*four[:2])])
        log_psf = self.peak[:, None] - 2 * self.kappa[:, None] * self._quarter(found.direction)
        return ClusterNodes(found.direction, found.log_probability, log_psf, found.node, found.part)
