"""Walking down the HEALPix quadtree of a sky map, also below its cells: what every walk has in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Bool, Float, Index
from llama.science.sky import MAX_ORDER, SkyTree, north_and_east, pixel_moments, vectors

COARSEST = 4
"""The first order of which anything may be emitted, 3.7°: larger nodes see too little of a factor of declination."""
FIRST = 2  # where walks start, and leave out what is far away: to judge what is larger costs more than it spares
DROP = 11.0  # parts below e^-11 of the whole may be left out; some ten patches of them add up to 2e-4
_CORNERS = np.sqrt(2) * np.exp(2j * np.pi * np.arange(3) / 3)  # of a triangle with the variance 1 in x and in y
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
    def joined(cls, pieces: list[Emitted]) -> Emitted:
        names = cls.__dataclass_fields__
        return cls(*(np.concatenate([getattr(piece, name) for piece in pieces]) for name in names))


class Chosen:
    """Entries of a walk that are fine enough for one kind of points, which are made of all of them at once."""

    def __init__(self) -> None:
        none = np.empty(0, np.int64)
        self.pieces = [(none, Entries(none, none, np.empty(0), none), np.empty((0, 3)))]

    def add(self, order: int, entries: Entries, centre: Float, fine: Bool) -> None:
        """Some more of an order, whose centres are known."""
        at = np.flatnonzero(fine)
        if at.size:
            self.pieces.append((np.full(at.size, order), entries.take(at), centre.take(at, axis=0)))

    def all(self) -> tuple[Index, Entries, Float]:
        """The order of each, they themselves, and (e, 3) their centres."""
        order, entries, centre = zip(*self.pieces, strict=True)
        names = Entries.__dataclass_fields__
        every = Entries(*(np.concatenate([getattr(piece, name) for piece in entries]) for name in names))
        return np.concatenate(order), every, np.concatenate(centre)


def walk(tree: SkyTree, owners: int, step: Callable[[int, Entries], Entries], few: int = 0) -> None:
    """From large nodes to small ones, for several integrals: what is open of an order goes to `step`.

    Args:
        step: returns those of the entries that are to be split; none at `MAX_ORDER`. Not every order is asked for.
        few: fewer entries than these are split once more in less time than they are judged. Only for a single
            integral: none may depend on which others there are.
    """
    entries, order = start(tree, owners), FIRST
    while entries.node.size:
        entries = step(order, entries)
        entries, order = split(tree, entries), order + 1
        if order < COARSEST or (entries.node.size < few and order < MAX_ORDER):
            entries, order = split(tree, entries), order + 1


def start(tree: SkyTree, owners: int) -> Entries:
    """All of the map at the first order, once for each of several integrals."""
    node = np.arange(int(tree.level[1]))
    one = Entries(np.zeros_like(node), tree.ipix[node], tree.log_probability[node], node)
    for _ in range(FIRST):
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


def inside(tree: SkyTree, order: int | Index, entries: Entries) -> Bool:
    """Whether an entry is finer than the map, so that its node is the cell around it."""
    return np.asarray(entries.node < tree.level[np.minimum(order, tree.level.size - 1)])


def centres(tree: SkyTree, order: int, entries: Entries) -> Float:
    """(e, 3) the centre of each entry."""
    finer = np.flatnonzero(inside(tree, order, entries))
    if finer.size == entries.node.size:
        return vectors(order, entries.ipix, 0.5, 0.5)
    found = tree.centre.take(entries.node, axis=0)
    if finer.size:
        found[finer] = vectors(order, entries.ipix[finer], 0.5, 0.5)
    return found


def points(tree: SkyTree, order: Index, one: Entries, centre: Float) -> Emitted:
    """One point for each entry: its centre, or that of its probability where it holds several cells."""
    mixed = np.flatnonzero(tree.cell[one.node] < 0)
    where = centre.copy()
    where[mixed] = tree.direction.take(one.node[mixed], axis=0)
    return Emitted(one.owner, where, one.log_probability, one.node, inside(tree, order, one), order)


def triangles(tree: SkyTree, order: Index, three: Entries) -> Emitted:
    """Three points for each entry, which are nodes of several cells: with the mean and the variances of each."""
    v_north, v_east, both = tree.variances[:, three.node, None]
    centre = tree.direction[three.node]
    north, east = north_and_east(centre)
    root = np.sqrt(np.maximum(v_north, 1e-300))
    across = both / root
    up, aside = root * _CORNERS.real, across * _CORNERS.real
    aside = aside + np.sqrt(np.maximum(v_east - across * across, 0.0)) * _CORNERS.imag
    where = centre[:, None] + up[..., None] * north[:, None] + aside[..., None] * east[:, None]
    where /= np.sqrt(np.square(where).sum(axis=-1, keepdims=True))
    at = np.repeat(np.arange(three.node.size), 3)
    each, part = three.take(at), np.zeros(at.size, np.bool_)
    return Emitted(each.owner, where.reshape(-1, 3), each.log_probability - np.log(3), each.node, part, order[at])


def squares(order: Index, four: Entries) -> Emitted:
    """2 × 2 Gauss points for each entry, all of which lie in cells."""
    at = np.tile(np.arange(four.node.size), 4)
    each, where = four.take(at), vectors(order, four.ipix, *_GAUSS).reshape(-1, 3)
    part = np.ones(at.size, np.bool_)
    return Emitted(each.owner, where, each.log_probability - np.log(4), each.node, part, order[at])


def node_moments(tree: SkyTree, found: Emitted) -> Float:
    """(5, m) moments (`pixel_moments`) of what points stand for: pixels in map cells, or nodes of several cells."""
    constant, moments = tree.cell[found.node] >= 0, np.empty((5, found.node.size))
    cells, mixed = np.flatnonzero(constant), np.flatnonzero(~constant)
    moments[:, cells] = pixel_moments(found.order[cells], found.direction.take(cells, axis=0))
    if mixed.size:  # the tree's variances are made when they are asked for
        moments[:2, mixed], moments[2:, mixed] = 0.0, tree.variances.take(found.node[mixed], axis=1)
    return moments
