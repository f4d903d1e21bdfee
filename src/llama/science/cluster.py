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

from llama.science.declination import STEEP, Steepness
from llama.science.descent import DROP, Emitted, Entries, emit, faces, fine, points, split
from llama.science.psf import log_peak
from llama.science.quadtree import SkyTree, max_radius
from llama.science.skymap import MAX_ORDER

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]


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
    e = np.zeros((u.shape[0] + 1, *u.shape[1:]))
    e[0] = 1.0
    for i, value in enumerate(u):
        e[1 : i + 2] += e[: i + 1] * value
    return e


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
            e = np.concatenate([e, np.zeros_like(e[:1])])
            e[1:] += e[:-1] * u[k]
        found[i] = e
    return found


def log_symmetric_polynomials(log_u: Float) -> Float:
    """(k + 1, …) their logarithms, of exp(values)."""
    scale = np.maximum(log_u.max(axis=0), -1e300)
    powers = np.arange(log_u.shape[0] + 1).reshape(-1, *[1] * (log_u.ndim - 1))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(symmetric_polynomials(np.exp(log_u - scale))) + scale * powers)


def cluster_nodes(tree: SkyTree, members: Members) -> ClusterNodes:
    """Nodes for the pairs and all higher products of one cluster, each good to 1e-3."""
    walk = _Walk(tree, members)
    entries = faces(tree, 1)
    for order in range(MAX_ORDER + 1):
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
        low, high, side = self._bounds(order, entries)
        share, patch = self._share(low, high, side)
        keep = np.flatnonzero(share > -DROP)
        entries, low, side, share, patch = entries.take(keep), low[:, keep], side[keep], share[keep], patch[:, keep]
        single, quad = fine(self.tree, order, entries, side, share)
        self.emitted.append(emit(self.tree, order, entries, single, quad))
        done = single | quad
        if done.any():
            self.found = np.logaddexp(self.found, np.logaddexp.reduce(low[:, done], axis=1))
            self.largest = np.maximum(self.largest, patch[:, done].max(axis=1))
        return split(self.tree, entries.take(np.flatnonzero(~done)))

    def _bounds(self, order: int, entries: Entries) -> tuple[Float, Float, Float]:
        """ln of a lower and an upper bound of each product's part, (2, e), and the side in local scales."""
        centre = points(self.tree, order, entries, self.tree.centre)
        sine2 = np.clip(self._quarter(centre), 0.0, 1.0)
        sine, cosine = np.sqrt(sine2), np.sqrt(1 - sine2)  # of ψ/2
        up, across = np.sin(max_radius(order) / 2), np.cos(max_radius(order) / 2)
        near = np.maximum(sine * across - cosine * up, 0.0)
        far = np.where(cosine * across > sine * up, sine * across + cosine * up, 1.0)
        low, high, steep = self._log_u(far * far), self._log_u(near * near), None
        if self.members.steepness is not None:
            every = np.arange(self.kappa.size)[:, None]
            least, most, steep = self.members.steepness.within(order, every, centre[:, 2])
            low, high = low + least, high + most
        side = self._side(order, centre, high, steep)
        return self._log_terms(entries, low), self._log_terms(entries, high), side

    def _log_u(self, quarter: Float) -> Float:
        """(n, e) ln u at the given sin²(ψ/2)."""
        return np.asarray((self.members.log_strength + self.peak)[:, None] - 2 * self.kappa[:, None] * quarter)

    def _log_terms(self, entries: Entries, log_u: Float) -> Float:
        """(2, e) ln of the part in the pairs, and in everything."""
        each = log_symmetric_polynomials(log_u)[2:] + self.members.log_multiplicity[2:, None]
        return np.asarray(entries.log_probability + np.stack([each[0], np.logaddexp.reduce(each, axis=0)]))

    def _membership(self, log_u: Float) -> Float:
        """(n, e) how much each neutrino matters there: its chance to be one more of a larger set; two always are."""
        log_more = log_u + self.log_more
        share = np.exp(log_more - np.logaddexp(0.0, log_more))
        second = np.partition(log_u, -2, axis=0)[-2]
        return np.where(log_u >= second, 1.0, share)

    def _side(self, order: int, centre: Float, high: Float, steep: Float | None) -> Float:
        """Side of a pixel over the scale on which the product of all u that matter there changes."""
        membership = self._membership(high)
        kappa = membership * self.kappa[:, None]
        gradient = kappa.T @ self.members.direction
        along = np.einsum("ij,ij->i", gradient, centre)
        slope2 = np.maximum(np.einsum("ij,ij->i", gradient, gradient) - along * along, 0.0)
        per_rad = np.sqrt(np.maximum(kappa.sum(axis=0), slope2))
        if steep is not None:
            per_rad = np.maximum(per_rad, STEEP * (membership * steep).sum(axis=0))
        return np.asarray(np.sqrt(np.pi / 3) / 2.0**order * per_rad)

    def _share(self, low: Float, high: Float, side: Float) -> tuple[Float, Float]:
        """ln of what an entry matters for the product to which it matters most, and of its patch (see `overlap`)."""
        patch = high + np.log(2 * np.pi / np.minimum(side * side, 2 * np.pi))
        whole = np.logaddexp(self.found, np.logaddexp.reduce(low, axis=1))
        largest = np.maximum(self.largest, patch.max(axis=1))
        against = np.maximum(np.minimum(whole, largest), self.members.floor)
        with np.errstate(invalid="ignore"):
            return np.fmax.reduce(np.minimum(patch - against[:, None], 0.0), axis=0, initial=-np.inf), patch

    def _quarter(self, direction: Float) -> Float:
        """(n, e) sin²(ψ/2) to each neutrino; its last digits go, which matters for σ below an arcsecond only."""
        return np.asarray(np.maximum((1 - self.members.direction @ direction.T) / 2, 0.0))

    def nodes(self) -> ClusterNodes:
        """Everything emitted."""
        found = Emitted.joined(self.emitted)
        log_psf = self.peak[:, None] - 2 * self.kappa[:, None] * self._quarter(found.direction)
        return ClusterNodes(found.direction, found.log_probability, log_psf, found.node, found.part)
