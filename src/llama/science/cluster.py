"""Where several neutrinos may share a source: nodes that resolve every product of their point spreads on a sky map.

With u_i(Ω) = exp(log_strength_i) PSF_i(Ω), source over background, the integrals wanted are ∫ P_gw e_k(u) f dΩ, e_k
the elementary symmetric polynomials: e_2 sums over pairs, e_3 over triples. One walk down the quadtree resolves the
pairs and the weighted sum of all: each to its own relative accuracy, or to that of `floor` when that is larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from llama.science.declination import Steepness
from llama.science.descent import DROP, FIRST_ORDER, Emitted, Entries, centres, emit_points, emit_quads, split, start
from llama.science.fit import log_sum
from llama.science.psf import log_peak
from llama.science.quadtree import SkyTree, max_radius
from llama.science.skymap import MAX_ORDER

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]

# largest side of a node over the local scale, where its share is 1
_SINGLE = 0.1  # one point for a cell or part of it: relative error ≤ side²/24
_MIXED = 0.08  # one for a node of several cells, whose probability may lie in any way
_QUAD = 1.2  # 2 × 2 Gauss points in a cell: ≤ side⁴/4320, of both signs
_STEEP = 2.0  # what the slope of a factor of declination counts beside those of point spreads
_LARGER = 3.0  # e-folds that larger sets may weigh more in one place, against pairs, than in a typical one
_COARSER = 2.0  # e-folds by which it may be larger where the share is small
_SMOOTH_ORDER = 5  # points are never further apart than 1.8°, so that α(Ω) is sampled too


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
        log_multiplicity: (k + 1,) ln of the weight of e_k among the terms, by k; the first two do not matter.
        floor: ln of what the terms stand beside: parts far below it need no care. −inf for none.
        steepness: how u/PSF changes with declination, where it does so within reach of them.
    """

    direction: Float
    sigma_rad: Float
    log_strength: Float
    log_multiplicity: Float
    floor: float
    steepness: Steepness | None


MOST = 24
"""Neutrinos of one cluster; a larger one is cut, and the result says so."""


def symmetric_polynomials(u: Float) -> Float:
    """(k + 1, …) elementary symmetric polynomials e_0 … e_k of the values on the first axis."""
    e = np.ones((1, *u.shape[1:]))
    for value in u:
        e = _with_one_more(e, value)
    return e


def _with_one_more(e: Float, value: Float) -> Float:
    """(k + 2, …) those with one more value."""
    result = np.empty((e.shape[0] + 1, *e.shape[1:]))
    result[0] = e[0]
    np.multiply(e, value, out=result[1:])
    result[1:-1] += e[1:]
    return result


def nested_polynomials(u: Float, sets: Sequence[NDArray[np.bool_]]) -> list[Float]:
    """(k + 1, …) the same of each set's values, made from those of a neighbour in the list that lies in it."""
    sizes, found = [int(one.sum()) for one in sets], [np.ones((1, *u.shape[1:]))] * len(sets)
    for i in sorted(range(len(sets)), key=sizes.__getitem__):
        inside = [
            j for j in (i - 1, i + 1) if 0 <= j < len(sets) and sizes[j] < sizes[i] and not (sets[j] & ~sets[i]).any()
        ]
        nearest = max(inside, key=sizes.__getitem__, default=None)
        e = found[i] if nearest is None else found[nearest]
        for k in np.flatnonzero(sets[i] if nearest is None else sets[i] & ~sets[nearest]):
            e = _with_one_more(e, u[k])
        found[i] = e
    return found


def cluster_nodes(tree: SkyTree, members: Members) -> ClusterNodes:
    """Nodes for the pairs and all higher products of one cluster, each good to 1e-3."""
    walk = _Walk(tree, members)
    entries = start(tree, 1)
    for order in range(FIRST_ORDER, MAX_ORDER + 1):
        if not entries.node.size:
            break
        entries = walk.descend(order, entries)
    return walk.nodes()


class _Walk:
    """State of one walk: what has been emitted, and what is known of the integrals of the pairs and of everything."""

    def __init__(self, tree: SkyTree, members: Members) -> None:
        self.tree, self.members = tree, members
        self.kappa, self.peak = 1 / np.square(members.sigma_rad), log_peak(members.sigma_rad)
        weights = members.log_multiplicity
        # of one more in a pair
        self.log_more = float(weights[3] - weights[2]) if weights.size > 3 and np.isfinite(weights[3]) else -np.inf
        self.found = np.full(2, -np.inf)  # ln of a lower bound of what was emitted: pairs, and everything
        self.largest = np.full(2, -np.inf)  # ln of the largest patch that was emitted
        self.emitted = [Emitted.none()]

    def descend(self, order: int, entries: Entries) -> Entries:
        """Drops, emits or splits every entry; returns what is open at the next order."""
        centre = centres(self.tree, order, entries)
        low, high, side = self._bounds(order, centre, entries)
        share, patch = self._share(low, high, side)
        keep = np.flatnonzero((share > -DROP).any(axis=0))
        entries = entries.take(keep)
        low, side, share, patch = (each[:, keep] for each in (low, side, share, patch))
        single, quad = self._fine(order, entries, side, share)
        one = np.flatnonzero(single)
        self.emitted.append(emit_points(self.tree, order, entries.take(one), centre[keep].take(one, axis=0)))
        self.emitted.append(emit_quads(order, entries.take(np.flatnonzero(quad))))
        done = single | quad
        if done.any():
            self.found = np.logaddexp(self.found, log_sum(low[:, done]))
            self.largest = np.maximum(self.largest, patch[:, done].max(axis=1))
        return split(self.tree, entries.take(np.flatnonzero(~done)))

    def _fine(self, order: int, entries: Entries, side: Float, share: Float) -> tuple[Bool, Bool]:
        """Which entries one point can stand for, and which 2 × 2 points. An error counts as much as the share."""
        matters, constant = share > -DROP, self.tree.cell[entries.node] >= 0
        one, four = (
            np.where(matters, side * np.exp(np.maximum(share / k, -_COARSER)), 0.0).max(axis=0) for k in (4, 5)
        )
        single = (one < np.where(constant, _SINGLE, _MIXED)) & (order >= _SMOOTH_ORDER)
        quad = constant & ~single & (four < _QUAD) & (order >= _SMOOTH_ORDER - 1)
        return single, constant & ~single if order == MAX_ORDER else quad

    def _bounds(self, order: int, centre: Float, entries: Entries) -> tuple[Float, Float, Float]:
        """(2, e) ln of lower and of upper bounds of the parts in pairs and in everything, and the sides in scales."""
        sine2 = np.clip(self._quarter(centre), 0.0, 1.0)
        sine, cosine = np.sqrt(sine2), np.sqrt(1 - sine2)  # of ψ/2
        up, across = np.sin(max_radius(order) / 2), np.cos(max_radius(order) / 2)
        near = np.maximum(sine * across - cosine * up, 0.0)
        far = np.where(cosine * across > sine * up, sine * across + cosine * up, 1.0)
        low, high, steep = self._log_u(far * far), self._log_u(near * near), None
        if self.members.steepness is not None:
            every = np.arange(self.kappa.size)[:, None]
            minus_least, most, steep, _ = self.members.steepness.within(order, every, centre[:, 2])
            low, high = low - minus_least, high + most
        return self._log_terms(entries, low), self._log_terms(entries, high), self._sides(order, centre, high, steep)

    def _log_u(self, quarter: Float) -> Float:
        """(n, e) ln u at the given sin²(ψ/2)."""
        return np.asarray((self.members.log_strength + self.peak)[:, None] - 2 * self.kappa[:, None] * quarter)

    def _log_terms(self, entries: Entries, log_u: Float) -> Float:
        """(2, e) ln of the part in the pairs, and in everything."""
        scale = np.maximum(log_u.max(axis=0), -1e300)
        e = symmetric_polynomials(np.exp(log_u - scale))[2:]
        weight = np.arange(2, e.shape[0] + 2)[:, None] * scale + self.members.log_multiplicity[2:, None]
        top = weight.max(axis=0)
        with np.errstate(divide="ignore"):
            pairs = weight[0] + np.log(e[0])
            every = top + np.log((e * np.exp(weight - top)).sum(axis=0))
        return np.asarray(entries.log_probability + np.stack([pairs, np.maximum(every, pairs)]))

    def _sides(self, order: int, centre: Float, log_u: Float, steep: Float | None) -> Float:
        """(2, e) side of a pixel over the scales on which the pairs change, and everything.

        Pairs change as the product of the two strongest. In everything a neutrino counts with its chance to be one
        more of a larger set.
        """
        first = log_u.max(axis=0)
        second = np.where(log_u < first, log_u, -np.inf).max(axis=0)
        strongest = log_u >= second
        members = strongest.astype(np.float64), np.where(strongest, 1.0, expit(log_u + self.log_more))
        return np.stack([self._side(order, centre, one, steep) for one in members])

    def _side(self, order: int, centre: Float, membership: Float, steep: Float | None) -> Float:
        """The same for a product to which each neutrino belongs so much."""
        kappa = membership * self.kappa[:, None]
        gradient = kappa.T @ self.members.direction
        along = np.einsum("ij,ij->i", gradient, centre)
        slope2 = np.maximum(np.einsum("ij,ij->i", gradient, gradient) - along * along, 0.0)
        per_rad = np.sqrt(np.maximum(kappa.sum(axis=0), slope2))
        if steep is not None:
            per_rad = np.maximum(per_rad, _STEEP * (membership * steep).sum(axis=0))
        return np.asarray(np.sqrt(np.pi / 3) / 2.0**order * per_rad)

    def _share(self, low: Float, high: Float, side: Float) -> tuple[Float, Float]:
        """(2, e) ln of what an entry matters for pairs and for everything, and of its patches (see `overlap`)."""
        patch = high + np.log(2 * np.pi / np.minimum(side * side, 2 * np.pi))
        whole = np.logaddexp(self.found, log_sum(low))
        largest = np.maximum(self.largest, patch.max(axis=1))
        against = np.maximum(np.minimum(whole, largest), self.members.floor)
        with np.errstate(invalid="ignore"):
            share = np.nan_to_num(np.minimum(patch - against[:, None], 0.0), nan=-np.inf, neginf=-np.inf)
        share[1] = np.maximum(share[1], share[0] - _LARGER)
        return share, patch

    def _quarter(self, direction: Float) -> Float:
        """(n, e) sin²(ψ/2) to each neutrino; its last digits go, which matters for σ below an arcsecond only."""
        return np.asarray(np.maximum((1 - self.members.direction @ direction.T) / 2, 0.0))

    def nodes(self) -> ClusterNodes:
        """Everything emitted."""
        found = Emitted.joined(self.emitted)
        log_psf = self.peak[:, None] - 2 * self.kappa[:, None] * self._quarter(found.direction)
        return ClusterNodes(found.direction, found.log_probability, log_psf, found.node, found.part)
