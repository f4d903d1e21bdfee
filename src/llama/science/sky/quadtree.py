"""A multi-order sky map as a quadtree: every HEALPix node that holds probability, from faces to cells."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.sky.healpix import MAX_ORDER
from llama.science.sky.pixels import north_and_east, pixel_moments
from llama.science.sky.skymap import SkyMap

_FACE_DROP = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2], dtype=np.float64)
_FACE_TURN = np.array([1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7], dtype=np.float64)
_ZERO = 1e-300  # posteriors trail off into subnormal numbers, which have no digits; below this it is zero
NOTHING = -1e300
"""ln of what is zero, where logarithms are subtracted."""
_AREA_SR = np.pi / 3 / 4.0 ** np.arange(MAX_ORDER + 1)
_ROW, _COLUMN = np.array([[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]])  # components of a symmetric tensor


class Trend(NamedTuple):
    """A function of the sky in each node of several cells, as the straight line that fits best.

    Attributes:
        mean: (m,) also of the cells. NaN where nothing is known.
        slope: (m, 3) its gradient, rad⁻¹; zeros for cells.
        left: (m,) variance about the line; zeros for cells.
    """

    mean: Float
    slope: Float
    left: Float


@dataclass(frozen=True, eq=False)
class SkyTree:
    """Nodes of a sky map, level by level from order 0, each level ascending in NESTED index. Made once per map.

    Attributes:
        level: (levels + 1,) nodes of order k are level[k] … level[k + 1].
        ipix: (m,) NESTED index at the node's order.
        log_probability: (m,) ln of the map's probability inside.
        cell: (m,) index of the map cell that is this node, −1 where the map is finer.
        child: (m,) first child of a node where the map is finer. children: (m,) how many it has, 0 for cells.
        direction: (m, 3) unit vector to the centre of its probability. centre: (m, 3) to the centre of the node.
        spread: (m,) mean squared distance of its probability from that centre, rad².
    """

    level: Index
    ipix: Index
    log_probability: Float
    cell: Index
    child: Index
    children: Index
    direction: Float
    centre: Float
    spread: Float

    @classmethod
    def of(cls, skymap: SkyMap) -> SkyTree:
        """The tree of a map's cells; ValueError when none holds probability."""
        cell = np.flatnonzero(skymap.density * _AREA_SR[skymap.order] > _ZERO)
        if not cell.size:
            raise ValueError("the sky map is zero everywhere; it cannot be compared with anything")
        cell = cell[np.argsort(skymap.order[cell], kind="stable")]
        deepest = int(skymap.order[cell[-1]])
        start = np.searchsorted(skymap.order[cell], np.arange(deepest + 2))
        levels: list[_Level] = []
        finer = _Level.empty()
        for k in range(deepest, -1, -1):
            here = cell[start[k] : start[k + 1]]
            finer = _level(k, skymap.ipix[here].astype(np.int64), skymap.density[here] * _AREA_SR[k], here, finer)
            levels.append(finer)
        return _joined(cls, levels[::-1])

    def order(self) -> Index:
        """(m,) HEALPix order of each node."""
        return np.repeat(np.arange(self.level.size - 1), np.diff(self.level))

    def log_density(self) -> Float:
        """(m,) ln of each node's mean density, sr⁻¹."""
        return np.asarray(self.log_probability - np.log(_AREA_SR[self.order()]))

    @cached_property
    def variances(self) -> Float:
        """(3, m) of each node's probability: north and east of its `direction`, and their covariance, rad²."""
        variances, mean = np.empty((3, self.cell.size)), self._mean()
        finer = np.empty((6, 0))
        for k in range(self.level.size - 2, -1, -1):
            here = slice(self.level[k], self.level[k + 1])
            variances[:, here] = pixel_moments(k, self.centre[here])[2:]
            # as tensors, since north and east turn between a node and its parent
            north, east = (one.T for one in north_and_east(self.direction[here]))
            v_north, v_east, both = variances[:, here]
            root = np.sqrt(v_north)
            across = both / root
            tensor = _square(root * north + across * east) + _square(
                np.sqrt(np.maximum(v_east - across * across, 0.0)) * east
            )
            if (family := self._family(k)) is not None:
                inner = family.parents - self.level[k]
                parent, share = self._shares(family)
                finer += _square(mean[:, family.below] - mean[:, parent])
                tensor[:, inner] = np.add.reduceat(finer * share, family.first, axis=1)
                xx, yy, zz, xy, xz, yz = tensor[:, inner]
                turned = np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
                of_north, of_east = ((turned * one[:, inner]).sum(axis=1) for one in (north, east))
                for row, (one, other) in enumerate([(north, of_north), (east, of_east), (north, of_east)]):
                    variances[row, family.parents] = (one[:, inner] * other).sum(axis=0)
            finer = tensor
        return variances

    def covering(self, order: int) -> Index:
        """Nodes of one order and the cells that are coarser: together they hold all of the map."""
        if order + 1 >= self.level.size:
            return np.flatnonzero(self.cell >= 0)
        coarse = np.flatnonzero(self.cell[: self.level[order]] >= 0)
        return np.concatenate([coarse, np.arange(self.level[order], self.level[order + 1])])

    def ancestors(self, nodes: Index, order: int) -> Index:
        """For each node the one of this order that holds it; a node that is no finer is its own."""
        result = nodes.copy()
        if order + 1 >= self.level.size:
            return result
        first, last = self.level[order], self.level[order + 1]
        fine = np.flatnonzero(nodes >= last)
        steps = np.searchsorted(self.level, nodes[fine], side="right") - 1 - order
        parent = self.ipix[nodes[fine]] >> (2 * steps)
        result[fine] = first + np.searchsorted(self.ipix[first:last], parent)
        return result

    def means(self, values: Float) -> Float:
        """(m,) mean of a function over each node, weighted with probability.

        Args:
            values: (m,) the function at the nodes that are cells; NaN where it is unknown, which is left out of
                the means. A node with nothing known is NaN.
        """
        known = np.isfinite(values) & (self.cell >= 0)
        weight = np.where(known, np.exp(self.log_probability), 0.0)
        total = np.stack([weight, np.where(known, values, 0.0) * weight], axis=1)
        self._sum_up(total)
        with np.errstate(invalid="ignore"):
            return np.asarray(np.where(total[:, 0] > 0, total[:, 1] / total[:, 0], np.nan))

    def log_means(self, log_values: Float) -> Float:
        """(m,) ln of the mean of an exponential over each node, which is given at the nodes that are cells (m,)."""
        logs = np.where(self.cell >= 0, self.log_probability + log_values, 0.0)
        self._sum_up_logs(logs, self.cell < 0)
        return np.asarray(logs - self.log_probability)

    def trend(self, values: Float) -> Trend:
        """Straight lines through a function that is known as for `means`, weighted with probability."""
        found, place = self.means(values), self._mean()
        columns = np.zeros((4, self.cell.size))  # covariances with the place, and the variance
        for k in range(self.level.size - 3, -1, -1):
            if (family := self._family(k)) is not None:
                parent, share = self._shares(family)
                rise = np.nan_to_num(found[family.below] - found[parent])
                both = rise * np.stack([*(place[:, family.below] - place[:, parent]), rise])
                both += columns[:, family.below]
                columns[:, family.parents] = np.add.reduceat(both * share, family.first, axis=1)
        inner = np.flatnonzero(self.cell < 0)
        north, east = north_and_east(self.direction[inner])
        v_north, v_east, both_v = self.variances[:, inner]
        up, aside = ((columns[:3, inner] * one.T).sum(axis=0) for one in (north, east))
        determinant = v_north * v_east - both_v**2
        to_north, to_east = (v_east * up - both_v * aside), (v_north * aside - both_v * up)
        to_north, to_east = to_north / determinant, to_east / determinant
        slope, left = np.zeros((self.cell.size, 3)), np.zeros(self.cell.size)
        slope[inner] = to_north[:, None] * north + to_east[:, None] * east
        left[inner] = np.maximum(columns[3, inner] - to_north * up - to_east * aside, 0.0)
        return Trend(found, slope, left)

    def _mean(self) -> Float:
        """(3, m) mean of the unit vectors to each node's probability."""
        return np.ascontiguousarray(self.direction.T) * np.sqrt(1 - self.spread)

    def weighted(self, log_weight: Float) -> SkyTree:
        """The same nodes for probability times a weight, which is given at the nodes that are cells (m,).

        `log_probability`, `direction` and `spread` are those of the product, which need not sum to one.
        """
        leaf = self.cell >= 0
        top = log_weight[leaf].max()
        share = np.where(leaf, np.exp(self.log_probability + np.where(leaf, log_weight - top, 0.0)), 0.0)
        length = np.sqrt(1 - self.spread)
        total = np.concatenate([share[:, None], (share * length)[:, None] * self.direction], axis=1)
        self._sum_up(total)
        lost = ~(total[:, 0] > _ZERO)  # too little to have digits: where it is, is as if the weight were one number
        total[lost] = np.concatenate(
            [np.exp(self.log_probability)[:, None], length[:, None] * self.direction], axis=1
        )[lost]
        total[lost, 1:] *= total[lost, :1]
        mean = total[:, 1:] / total[:, :1]
        length2 = np.einsum("ij,ij->i", mean, mean)
        log_total = np.where(lost, self.log_probability + np.where(leaf, log_weight, 0.0), np.log(total[:, 0]) + top)
        self._sum_up_logs(log_total, lost & ~leaf)
        return replace(
            self,
            log_probability=log_total,
            direction=mean / np.sqrt(length2)[:, None],
            spread=np.maximum(1 - length2, 0.0),
        )

    def _sum_up_logs(self, logs: Float, wanted: NDArray[np.bool_]) -> None:
        """Fills in logarithms of sums for some of the nodes above the cells."""
        for k in range(self.level.size - 3, -1, -1):
            parents = self.level[k] + np.flatnonzero(wanted[self.level[k] : self.level[k + 1]])
            if parents.size:
                start = np.cumsum([0, *self.children[parents]])
                below = np.repeat(self.child[parents] - start[:-1], self.children[parents]) + np.arange(start[-1])
                logs[parents] = log_sum_by(logs[below], start)

    def _sum_up(self, columns: Float) -> None:
        """Fills (m, c) columns of sums for the nodes above the cells."""
        for k in range(self.level.size - 3, -1, -1):
            if (family := self._family(k)) is not None:
                columns[family.parents] = np.add.reduceat(columns[family.below], family.first)

    def _family(self, order: int) -> _Family | None:
        """The nodes of one order that have children, and the children; None for no such nodes."""
        parents = self.level[order] + np.flatnonzero(self.children[self.level[order] : self.level[order + 1]])
        if not parents.size:
            return None
        below = slice(int(self.level[order + 1]), int(self.level[order + 2]))
        return _Family(parents, below, self.child[parents] - below.start)

    def _shares(self, family: _Family) -> tuple[Index, Float]:
        """(c,) the parent of each child, and how much of its parent's probability it has."""
        parent = np.repeat(family.parents, self.children[family.parents])
        return parent, np.exp(self.log_probability[family.below] - self.log_probability[parent])


class _Family(NamedTuple):
    """Nodes with children.

    Attributes:
        parents: (p,) the nodes. below: where all their children are, c of them.
        first: (p,) the first child of each, counted from the first of all.
    """

    parents: Index
    below: slice
    first: Index


def _square(vector: Float) -> Float:
    """(6, m) components xx, yy, zz, xy, xz, yz of vector vectorᵀ, for (3, m) vectors."""
    return np.asarray(vector[_ROW] * vector[_COLUMN])


@dataclass(frozen=True, eq=False)
class _Level:
    """Columns of `SkyTree` for one order; `child` counts within the next level."""

    ipix: Index
    probability: Float
    cell: Index
    children: Index
    centre: Float
    moment: Float  # (m, 3) ∫ P direction

    @classmethod
    def empty(cls) -> _Level:
        none = np.empty(0, np.int64)
        return cls(none, np.empty(0), none, none, np.empty((0, 3)), np.empty((0, 3)))


def _level(order: int, ipix: Index, probability: Float, cell: Index, finer: _Level) -> _Level:
    """One order: its own cells and the parents of the finer nodes."""
    parent = finer.ipix >> 2
    first = np.flatnonzero(np.diff(parent, prepend=-1))
    pixels = np.concatenate([ipix, parent[first]])
    by = np.argsort(pixels, kind="stable")
    below = [np.add.reduceat(column, first) if first.size else column for column in (finer.probability, finer.moment)]
    probabilities = np.concatenate([probability, below[0]])[by]
    children = np.concatenate([np.zeros(ipix.size, np.int64), np.diff(first, append=parent.size)])[by]
    cells = np.concatenate([cell, np.full(first.size, -1)])[by]
    centre = vectors(order, pixels[by], 0.5, 0.5)
    moment = probabilities[:, None] * centre * (1 - pixel_spread(order) / 2)
    moment[np.flatnonzero(cells < 0)] = below[1]
    return _Level(pixels[by], probabilities, cells, children, centre, moment)


def _joined(cls: type[SkyTree], levels: list[_Level]) -> SkyTree:
    level = np.concatenate([[0], np.cumsum([one.ipix.size for one in levels])])
    children = np.concatenate([one.children for one in levels])
    moment = np.concatenate([one.moment for one in levels])
    # Every node below the first level has a parent one level up, in the same order: first children are a running sum.
    child = np.cumsum(children) - children + level[1]
    probability = np.concatenate([one.probability for one in levels])
    mean = moment / probability[:, None]  # before squaring, which would underflow
    length2 = np.einsum("ij,ij->i", mean, mean)
    return cls(
        level=level,
        ipix=np.concatenate([one.ipix for one in levels]),
        log_probability=np.log(probability),
        cell=np.concatenate([one.cell for one in levels]),
        child=child,
        children=children,
        direction=mean / np.sqrt(length2)[:, None],
        centre=np.concatenate([one.centre for one in levels]),
        spread=np.maximum(1 - length2, 0.0),
    )


def log_sum_by(values: Float, start: Index) -> Float:
    """ln Σ exp(values) in each range start[i] … start[i + 1]; −inf for an empty one."""
    result, count = np.full(start.size - 1, -np.inf), np.diff(start)
    filled = np.flatnonzero(count)
    if filled.size:
        first = start[filled]
        top = np.maximum(np.maximum.reduceat(values, first), NOTHING)
        scaled = np.exp(values - np.repeat(top, count[filled]))
        with np.errstate(divide="ignore"):
            result[filled] = np.log(np.add.reduceat(scaled, first)) + top
    return result


def vectors(order: int | Index, ipix: Index, x: float | Float, y: float | Float) -> Float:
    """(…, 3) unit vectors of a point in each NESTED pixel; x and y in [0, 1] are its equal-area face coordinates.

    The HEALPix projection keeps areas, so a mean over (x, y) is a mean over solid angle (Górski et al. 2005).
    """
    side, bits = 0.5**order, order if isinstance(order, int) else int(order.max(initial=0))
    face = ipix >> (2 * order)
    within = ipix & ((np.int64(1) << (2 * order)) - 1)
    column, row = _even_bits(np.stack([within, within >> 1]), bits)
    u, v = (column + x) * side, (row + y) * side
    up = u + v - _FACE_DROP[face]  # 2 at the north pole, −2 at the south pole, within ±1 between the polar caps
    belt = np.minimum(np.maximum(up, -1.0), 1.0)
    ring = np.minimum(2 - np.abs(up), 1.0)
    cap = ring * ring / 3
    # 1 − z², which near the poles would lose the digits that cap still has
    belt2 = belt * belt
    sine = np.sqrt(1 - belt2 + belt2 * cap * (2 - cap))
    phi = (np.pi / 4) * (_FACE_TURN[face] + (u - v) / np.maximum(ring, 1e-300))
    found = np.empty((*phi.shape, 3))
    np.multiply(sine, np.cos(phi), out=found[..., 0])
    np.multiply(sine, np.sin(phi), out=found[..., 1])
    np.multiply(belt, 1 - cap, out=found[..., 2])
    return found


def _even_bits(value: Index, count: int) -> Index:
    """Bits 0, 2, 4, … of each number, packed together: the first `count` of them."""
    value = value & 0x5555555555555555
    for shift, mask in (
        (1, 0x3333333333333333),
        (2, 0x0F0F0F0F0F0F0F0F),
        (4, 0x00FF00FF00FF00FF),
        (8, 0x0000FFFF0000FFFF),
        (16, 0x00000000FFFFFFFF),
    ):
        if shift < count:
            value = (value | (value >> shift)) & mask
    return value


def pixel_spread(order: int) -> float:
    """Mean squared distance from a pixel's centre, rad²: that of a square of its area."""
    return float(_AREA_SR[order]) / 6


@cache
def max_radius(order: int) -> float:
    """Largest distance from a pixel's centre to its border at this order, rad."""
    nside = 2.0**order
    # corner of the pixels at the equatorial border of the polar caps (HEALPix' own bound)
    z, top, phi = 2 / 3, 1 - (1 - 1 / nside) ** 2 / 3, math.pi / (4 * nside)
    low, high = math.sqrt(1 - z * z), math.sqrt(1 - top * top)
    chord = math.hypot(low * math.cos(phi) - high, low * math.sin(phi), z - top)
    return 2 * math.asin(min(1.0, chord / 2))
