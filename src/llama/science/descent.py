"""Walking down the HEALPix quadtree of a sky map, also below its cells: what every walk has in common."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.quadtree import SkyTree, vectors

Float = NDArray[np.float64]
Index = NDArray[np.int64]
Bool = NDArray[np.bool_]

FIRST_ORDER = 2
"""Where walks start: to judge what is larger costs more than it spares."""
DROP = 11.0  # parts below e^-11 of the whole may be left out; some ten patches of them add up to 2e-4
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
        order: (m,) HEALPix order of what it stands for.
    """

    owner: Index
    direction: Float
    log_probability: Float
    node: Index
    part: Bool
    order: Index

    @classmethod
    def none(cls) -> Emitted:
        whole = np.empty(0, np.int64)
        return cls(whole, np.empty((0, 3)), np.empty(0), whole, np.empty(0, np.bool_), whole)

    @classmethod
    def joined(cls, pieces: list[Emitted]) -> Emitted:
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


def start(tree: SkyTree, owners: int) -> Entries:
    """All of the map at `FIRST_ORDER`, once for each of several integrals."""
    node = np.arange(int(tree.level[1]))
    one = Entries(np.zeros_like(node), tree.ipix[node], tree.log_probability[node], node)
    for _ in range(FIRST_ORDER):
        one = split(tree, one)
    every = one.take(np.tile(np.arange(one.node.size), owners))
    return replace(every, owner=np.repeat(np.arange(owners), one.node.size))


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


def centres(tree: SkyTree, order: int, entries: Entries) -> Float:
    """(e, 3) the centre of each entry."""
    if order + 1 >= tree.level.size:
        return vectors(order, entries.ipix, 0.5, 0.5)
    found = tree.centre.take(entries.node, axis=0)
    finer = np.flatnonzero(inside(tree, order, entries))
    found[finer] = vectors(order, entries.ipix[finer], 0.5, 0.5)
    return found


def emit_points(tree: SkyTree, order: int, one: Entries, centre: Float) -> Emitted:
    """One point for each entry: its centre, or that of its probability where it holds several cells."""
    mixed = np.flatnonzero(tree.cell[one.node] < 0)
    where = centre.copy()
    where[mixed] = tree.direction.take(one.node[mixed], axis=0)
    part = inside(tree, order, one)
    return Emitted(one.owner, where, one.log_probability, one.node, part, np.full(part.size, order))


def emit_quads(order: int, four: Entries) -> Emitted:
    """2 × 2 Gauss points for each entry, all of which lie in cells."""
    each = four.take(np.tile(np.arange(four.node.size), 4))
    where, m = vectors(order, four.ipix, *_GAUSS).reshape(-1, 3), each.node.size
    log_p = each.log_probability - np.log(4)
    return Emitted(each.owner, where, log_p, each.node, np.ones(m, np.bool_), np.full(m, order))
