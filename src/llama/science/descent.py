"""Walking down the HEALPix quadtree of a sky map, also below its cells: what every walk has in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.quadtree import SkyTree, pixel_spread, vectors
from llama.science.skymap import MAX_ORDER

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]

DROP = 11.0  # parts below e^-11 of the whole may be left out; some ten patches of them add up to 2e-4
SINGLE = 0.13  # side over local scale where one point stands for a whole node (relative error ≤ side²/24)
_SMOOTH_ORDER = 5  # points are never further apart than 1.8°, so that α(Ω) is sampled too
_QUAD = 0.8  # as `SINGLE`, for 2 × 2 Gauss points (≤ side⁴/4320)
_GAUSS = 0.5 + 12**-0.5 * np.array([[[-1], [1], [-1], [1]], [[-1], [-1], [1], [1]]])  # x and y


@dataclass(frozen=True, eq=False)
class Entries:
    """Open nodes of one order; pixels finer than the map point to the cell that holds them.

    Attributes:
        owner: (e,) which integral each belongs to, ascending.
        ipix: (e,) NESTED index at the walk's order.
        log_probability: (e,) ln of the map's probability inside.
        node: (e,) node of the tree.
    """

    owner: Index
    ipix: Index
    log_probability: Float
    node: Index

    def take(self, at: Index) -> Entries:
        return Entries(self.owner[at], self.ipix[at], self.log_probability[at], self.node[at])


@dataclass(frozen=True, eq=False)
class Emitted:
    """Points that stand for entries which are fine enough.

    Attributes:
        owner: (m,) which integral. direction: (m, 3) unit vector.
        log_probability: (m,) ln of the map's probability that the point stands for.
        node: (m,) node of the tree that it stands for or lies in.
        part: (m,) whether it stands for a part of that node only, which then is a single map cell.
        spread: (m,) mean squared distance from the point of what it alone stands for, rad²; 0 for Gauss points.
    """

    owner: Index
    direction: Float
    log_probability: Float
    node: Index
    part: Bool
    spread: Float

    @classmethod
    def none(cls) -> Emitted:
        whole = np.empty(0, np.int64)
        return cls(whole, np.empty((0, 3)), np.empty(0), whole, np.empty(0, np.bool_), np.empty(0))

    @classmethod
    def joined(cls, pieces: list[Emitted]) -> Emitted:
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


def faces(tree: SkyTree, owners: int) -> Entries:
    """The tree's nodes of order 0, once for each of several integrals."""
    m = int(tree.level[1])
    node = np.tile(np.arange(m), owners)
    return Entries(np.repeat(np.arange(owners), m), tree.ipix[node], tree.log_probability[node], node)


def split(tree: SkyTree, entries: Entries) -> Entries:
    """Children of each entry, in order: the tree's where the map is finer, four quarters of a cell elsewhere."""
    constant = tree.cell[entries.node] >= 0
    count = np.where(constant, 4, tree.children[entries.node])
    parent = np.repeat(np.arange(count.size), count)
    rank = np.arange(parent.size) - (np.cumsum(count) - count)[parent]
    constant, node = constant[parent], entries.node[parent]
    node = np.where(constant, node, tree.child[node] + rank)
    ipix = np.where(constant, 4 * entries.ipix[parent] + rank, tree.ipix[node])
    log_p = np.where(constant, entries.log_probability[parent] - np.log(4), tree.log_probability[node])
    return Entries(entries.owner[parent], ipix, log_p, node)


def inside(tree: SkyTree, order: int, entries: Entries) -> Bool:
    """Whether an entry is finer than the map, so that its node is the cell around it."""
    if order + 1 >= tree.level.size:
        return np.ones(entries.node.size, np.bool_)
    return np.asarray(entries.node < tree.level[order])


def points(tree: SkyTree, order: int, entries: Entries, of_node: Float) -> Float:
    """(e, 3) a direction that each node of the tree has, for entries finer than the map their centre."""
    if order + 1 >= tree.level.size:
        return vectors(order, entries.ipix, 0.5, 0.5)
    found = of_node.take(entries.node, axis=0)
    finer = np.flatnonzero(inside(tree, order, entries))
    found[finer] = vectors(order, entries.ipix[finer], 0.5, 0.5)
    return found


def fine(
    tree: SkyTree, order: int, entries: Entries, side: Float, share: Float, one: float = SINGLE
) -> tuple[Bool, Bool]:
    """Which entries one point can stand for, and which 2 × 2 points.

    Args:
        side: (e,) side of a pixel in units of the scale on which the integrand changes there.
        share: (e,) ln of the entry's part in the whole, at most 0; an error counts in proportion to it.
        one: largest side for one point where the share is 1.
    """
    constant = tree.cell[entries.node] >= 0
    single = (side < one * np.minimum(np.exp(-share / 4), 8.0)) & (order >= _SMOOTH_ORDER)
    quad = constant & ~single & (side < _QUAD * np.minimum(np.exp(-share / 5), 6.0)) & (order >= _SMOOTH_ORDER - 1)
    if order == MAX_ORDER:
        quad = constant & ~single
    return single, quad


def emit(tree: SkyTree, order: int, entries: Entries, single: Bool, quad: Bool) -> Emitted:
    """One point, at the centre of its probability, for each single entry, and 2 × 2 Gauss points for each quad."""
    one, four = entries.take(np.flatnonzero(single)), entries.take(np.flatnonzero(quad))
    finer, each = inside(tree, order, one), four.take(np.tile(np.arange(four.node.size), 4))
    return Emitted.joined(
        [
            Emitted(
                one.owner,
                points(tree, order, one, tree.direction),
                one.log_probability,
                one.node,
                finer,
                np.where(finer, pixel_spread(order), tree.spread[one.node]),
            ),
            Emitted(
                each.owner,
                vectors(order, four.ipix, *_GAUSS).reshape(-1, 3),
                each.log_probability - np.log(4),
                each.node,
                np.ones(each.node.size, np.bool_),
                np.zeros(each.node.size),
            ),
        ]
    )
