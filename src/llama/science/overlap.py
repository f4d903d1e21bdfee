"""Where a sky map and a neutrino's point-spread function meet: ∫dΩ P_gw(Ω) f(Ω) PSF(Ω) as a sum over nodes.

One walk down the HEALPix quadtree serves all neutrinos at once. A node of the tree is left out when an upper bound
of what it can give is e^{−`DROP`} below a lower bound of the whole; it is emitted when the map is constant on it and
it is small against the scale on which the point-spread function changes there. Bounds and weights are logarithms,
so a neutrino 75° from a 3° map gives ln O ≈ −220 as calmly as a coincident one gives +10.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.psf import log_density
from llama.science.skymap import MAX_ORDER, SkyMap

Float = NDArray[np.float64]
Index = NDArray[np.int64]

DROP = 16.0  # e^-16 of the whole, times some hundred patches left out: 1e-5
_SMOOTH_ORDER = 4  # nodes are never larger than 3.7°, so that α(Ω) is sampled too
_SINGLE = 0.12  # side over local scale where the middle stands for the whole cell (relative error ≤ side²/24)
_QUAD = 0.8  # the same for 2 × 2 Gauss points (≤ side⁴/4320)
_GAUSS = ((0.5 - 12**-0.5, 0.5 + 12**-0.5),) * 2

_FACE_ROW = np.array([2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4], dtype=np.float64)
_FACE_TURN = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7], dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Level:
    """Nodes of one HEALPix order, ascending.

    Attributes:
        ipix: (m,) NESTED index at this order.
        log_probability: (m,) ln of the map's probability inside.
        cell: (m,) index of the map cell that is this node, −1 where the map is finer.
        child: (m + 1,) children in the next level are child[i] … child[i + 1]; empty ranges for cells.
    """

    ipix: Index
    log_probability: Float
    cell: Index
    child: Index


@dataclass(frozen=True, eq=False)
class SkyTree:
    """A sky map's non-zero cells as a quadtree, with the probability of each node. Made once per map."""

    levels: tuple[Level, ...]

    @classmethod
    def of(cls, skymap: SkyMap) -> SkyTree:
        """The tree of a map; ValueError when no cell has a positive density."""
        area = np.pi / 3 / 4.0 ** np.arange(MAX_ORDER + 1)
        cell = np.flatnonzero(skymap.density > 0)
        if not cell.size:
            raise ValueError("the sky map is zero everywhere; it cannot be compared with anything")
        order = skymap.order[cell].astype(np.int64)
        probability = skymap.density[cell] * area[order]
        levels: list[Level] = []
        finer = Level(np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64), np.zeros(1, np.int64))
        for k in range(int(order.max()), -1, -1):
            here = order == k
            finer = _level(skymap.ipix[cell[here]], probability[here], cell[here], finer)
            levels.append(finer)
        return cls(tuple(reversed(levels)))


def _level(ipix: Index, probability: Float, cell: Index, finer: Level) -> Level:
    """One order up: its own cells and the parents of the finer nodes."""
    parent = finer.ipix >> 2
    first = np.flatnonzero(np.diff(parent, prepend=-1))
    sums = np.add.reduceat(np.exp(finer.log_probability), first) if first.size else np.empty(0)
    children = np.diff(first, append=parent.size)
    where = np.concatenate([ipix, parent[first]])
    by = np.argsort(where, kind="stable")
    count = np.concatenate([np.zeros(ipix.size, np.int64), children])[by]
    return Level(
        ipix=where[by],
        log_probability=np.log(np.concatenate([probability, sums])[by]),
        cell=np.concatenate([cell, np.full(first.size, -1)])[by],
        child=np.concatenate([np.zeros(1, np.int64), np.cumsum(count)]),
    )


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points and weights of the overlap integrals, sorted by neutrino: Σ exp(log_weight) f(direction) ≈ ∫ P f PSF.

    Attributes:
        neutrino: (m,) which neutrino.
        direction: (m, 3) unit vector.
        log_weight: (m,) ln of P_gw · PSF · solid angle, sr⁻¹.
        cell: (m,) the map cell it lies in.
        start: (n + 1,) nodes of neutrino i are start[i] … start[i + 1]. A neutrino may have none.
    """

    neutrino: Index
    direction: Float
    log_weight: Float
    cell: Index
    start: Index

    def log_integral(self, log_f: Float | None = None) -> Float:
        """(n,) ln ∫ P f PSF per neutrino; −inf where nothing meets."""
        return log_sum_by(self.log_weight if log_f is None else self.log_weight + log_f, self.start)


def log_sum_by(values: Float, start: Index) -> Float:
    """ln Σ exp(values) in each range start[i] … start[i + 1]; −inf for an empty one."""
    result = np.full(start.size - 1, -np.inf)
    filled = np.flatnonzero(np.diff(start))
    if filled.size:
        top = np.maximum.reduceat(values, start[filled])
        top = np.where(np.isfinite(top), top, 0.0)
        scaled = np.exp(values - np.repeat(top, np.diff(start)[filled]))
        with np.errstate(divide="ignore"):
            result[filled] = np.log(np.add.reduceat(scaled, start[filled])) + top
    return result


@dataclass(frozen=True, eq=False)
class _Frontier:
    """What is still open at one order: for each entry the neutrino, pixel, its probability, cell and tree node."""

    neutrino: Index
    ipix: Index
    log_probability: Float
    cell: Index  # −1: the map is finer here
    node: Index  # place in the level; unused below a cell

    def take(self, which: NDArray[np.bool_]) -> _Frontier:
        return _Frontier(
            self.neutrino[which], self.ipix[which], self.log_probability[which], self.cell[which], self.node[which]
        )


def overlap_nodes(tree: SkyTree, direction: Float, sigma_rad: Float, drop: float = DROP) -> Nodes:
    """Nodes of ∫ P_gw f PSF for each neutrino, good to 1e-3 of the integral for smooth f.

    Args:
        tree: the sky map.
        direction: (n, 3) unit vectors of the neutrinos.
        sigma_rad: (n,) their 1σ errors, positive.
        drop: parts below e^{−drop} of the integral may be left out.
    """
    walk = _Walk(tree, direction, sigma_rad, drop)
    frontier = walk.roots()
    for order in range(MAX_ORDER + 1):
        if not frontier.neutrino.size:
            break
        frontier = walk.descend(order, frontier)
    return walk.nodes()


class _Walk:
    """State of one walk: what has been emitted, and the lower bounds so far."""

    def __init__(self, tree: SkyTree, direction: Float, sigma_rad: Float, drop: float) -> None:
        self.tree, self.direction, self.sigma, self.drop = tree, direction, sigma_rad, drop
        self.found = np.full(sigma_rad.size, -np.inf)  # ln of a lower bound of what was emitted
        self.emitted: list[tuple[Index, Float, Float, Index]] = []

    def roots(self) -> _Frontier:
        top = self.tree.levels[0]
        n, m = self.sigma.size, top.ipix.size
        neutrino = np.repeat(np.arange(n), m)
        ipix, log_p, cell, node = (
            np.tile(column, n) for column in (top.ipix, top.log_probability, top.cell, np.arange(m))
        )
        return _Frontier(neutrino, ipix, log_p, cell, node)

    def descend(self, order: int, open_: _Frontier) -> _Frontier:
        """Drops, emits or splits every entry; returns what is open at the next order."""
        psi, low, high = self._bounds(order, open_)
        scale = self._scale(open_, psi)
        side = np.sqrt(np.pi / 3) / 2.0**order / scale
        # Share of the whole that the entry's surroundings have, as far as the point-spread function is alike:
        # many small neighbours must not each be called negligible because they are small.
        share = (
            high - self._whole(open_, low)[open_.neutrino] + np.log(2 * np.pi / np.minimum(side * side, 2 * np.pi))
        )
        keep = share > -self.drop
        open_, low, side, share = open_.take(keep), low[keep], side[keep], np.minimum(share[keep], 0.0)
        single, quad = self._fine(order, open_, side, share)
        np.logaddexp.at(self.found, open_.neutrino[single | quad], low[single | quad])
        self._emit(order, open_.take(single), ((0.5,), (0.5,)))
        self._emit(order, open_.take(quad), _GAUSS)
        return self._split(order, open_.take(~(single | quad)))

    def _bounds(self, order: int, open_: _Frontier) -> tuple[Float, Float, Float]:
        """Distance to the centre, and ln of a lower and an upper bound of each entry's integral."""
        centre = vectors(order, open_.ipix, 0.5, 0.5)
        chord = np.sqrt(np.square(centre - self.direction[open_.neutrino]).sum(axis=-1))
        psi = 2 * np.arcsin(np.minimum(chord / 2, 1.0))
        reach = max_radius(order)
        near, far = np.sin(np.maximum(psi - reach, 0) / 2), np.sin(np.minimum(psi + reach, np.pi) / 2)
        sigma = self.sigma[open_.neutrino]
        low = open_.log_probability + log_density(far * far, sigma)
        return psi, low, low + 2 * (far * far - near * near) / (sigma * sigma)

    def _whole(self, open_: _Frontier, low: Float) -> Float:
        """(n,) ln of a lower bound of the whole integral: what was emitted and what is open."""
        start = np.searchsorted(open_.neutrino, np.arange(self.sigma.size + 1))
        return np.logaddexp(self.found, log_sum_by(low, start))

    def _scale(self, open_: _Frontier, psi: Float) -> Float:
        """Distance over which the point-spread function changes by a factor of about e: σ, or σ²/ψ further out."""
        sigma = self.sigma[open_.neutrino]
        return np.minimum(sigma, sigma * sigma / np.maximum(np.sin(psi), 1e-300))

    def _fine(
        self, order: int, open_: _Frontier, side: Float, share: Float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which entries may be emitted as one point, and which as four; `side` in units of the local scale."""
        constant = (open_.cell >= 0) & (order >= _SMOOTH_ORDER)
        # An error counts in proportion to the share of the whole, so small shares may be coarser.
        single = constant & (side < _SINGLE * np.minimum(np.exp(-share / 4), 4.0))
        quad = constant & ~single & (side < _QUAD * np.minimum(np.exp(-share / 8), 2.5))
        return single, (quad | ~single) if order == MAX_ORDER else quad

    def _emit(self, order: int, entries: _Frontier, points: tuple[tuple[float, ...], tuple[float, ...]]) -> None:
        for x in points[0]:
            for y in points[1]:
                direction = vectors(order, entries.ipix, x, y)
                quarter = np.square(direction - self.direction[entries.neutrino]).sum(axis=-1) / 4
                weight = entries.log_probability + log_density(quarter, self.sigma[entries.neutrino])
                weight -= np.log(len(points[0]) * len(points[1]))
                self.emitted.append((entries.neutrino, direction, weight, entries.cell))

    def _split(self, order: int, entries: _Frontier) -> _Frontier:
        """Children of each entry, in order: the tree's where the map is finer, four quarters of a cell elsewhere."""
        inside = entries.cell >= 0
        level = self.tree.levels[order] if order < len(self.tree.levels) else None
        first, count = np.zeros(inside.size, np.int64), np.full(inside.size, 4)
        if level is not None:
            node = np.where(inside, 0, entries.node)
            first = np.where(inside, 0, level.child[node])
            count = np.where(inside, 4, level.child[node + 1] - level.child[node])
        parent = np.repeat(np.arange(inside.size), count)
        rank = np.arange(parent.size) - np.repeat(np.cumsum(count) - count, count)
        inside, node = inside[parent], first[parent] + rank
        ipix = 4 * entries.ipix[parent] + rank
        log_p, cell = entries.log_probability[parent] - np.log(4), entries.cell[parent]
        if order + 1 < len(self.tree.levels):
            below, real = self.tree.levels[order + 1], np.where(inside, 0, node)
            ipix = np.where(inside, ipix, below.ipix[real])
            log_p = np.where(inside, log_p, below.log_probability[real])
            cell = np.where(inside, cell, below.cell[real])
        return _Frontier(entries.neutrino[parent], ipix, log_p, cell, node)

    def nodes(self) -> Nodes:
        columns = zip(*self.emitted, strict=True) if self.emitted else ()
        neutrino, direction, weight, cell = (np.concatenate(column) for column in columns)
        by = np.argsort(neutrino, kind="stable")
        start = np.searchsorted(neutrino[by], np.arange(self.sigma.size + 1))
        return Nodes(neutrino[by], direction[by], weight[by], cell[by], start)


def vectors(order: int, ipix: Index, x: float, y: float) -> Float:
    """(n, 3) unit vectors of a point in each NESTED pixel; x and y in [0, 1] are its equal-area face coordinates.

    The HEALPix projection keeps areas, so a mean over (x, y) is a mean over solid angle (Górski et al. 2005).
    """
    side = 2.0**-order
    face = ipix >> (2 * order)
    within = ipix & ((np.int64(1) << (2 * order)) - 1)
    u, v = (_even_bits(within) + x) * side, (_even_bits(within >> 1) + y) * side
    row = _FACE_ROW[face] - u - v  # 0 at the north pole, 4 at the south pole
    ring = np.minimum(np.minimum(row, 4 - row), 1.0)
    cap = ring * ring / 3
    z = np.where(row < 1, 1 - cap, np.where(row > 3, cap - 1, (2 - row) * (2 / 3)))
    # near the poles 1 − z² would lose the digits that cap still has
    sine = np.sqrt(np.where(ring < 1, cap * (2 - cap), 1 - z * z))
    phi = (np.pi / 4) * (_FACE_TURN[face] + (u - v) / np.maximum(ring, 1e-300))
    return np.stack([sine * np.cos(phi), sine * np.sin(phi), z], axis=-1)


def _even_bits(value: Index) -> Index:
    """Bits 0, 2, 4, … of each number, packed together."""
    value = value & 0x5555555555555555
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        value = (value | (value >> shift)) & mask
    return value


def max_radius(order: int) -> float:
    """Largest distance from a pixel's centre to its border at this order, rad."""
    nside = 2.0**order
    # corner of the pixels at the equatorial border of the polar caps (HEALPix' own bound)
    z, t = 2 / 3, 1 - 1 / nside
    top = 1 - t * t / 3
    phi = np.pi / (4 * nside)
    a = np.array([np.sqrt(1 - z * z) * np.cos(phi), np.sqrt(1 - z * z) * np.sin(phi), z])
    b = np.array([np.sqrt(1 - top * top), 0.0, top])
    return float(2 * np.arcsin(min(1.0, float(np.sqrt(np.square(a - b).sum())) / 2)))
