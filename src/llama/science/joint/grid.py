"""Cells on which a sky map and point spreads of neutrinos can be multiplied: the map's own, divided where needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.distance import At
from llama.science.sky import MAX_ORDER, SkyMap, SkyTree, log_peak, max_radius, positions, vectors

_STEP = 0.2  # side of a cell over the scale on which the density changes, where the density is greatest
_SHARE = 16.0  # cells that hold less than e^-16 of the whole are fine enough
_LEAST_ORDER = 5  # 1.8°, so that the detector's response is sampled too
_GAUSS = 0.5 + 12**-0.5 * np.array([[[-1], [1], [-1], [1]], [[-1], [-1], [1], [1]]])  # x and y


@dataclass(frozen=True, eq=False)
class Spread:
    """The product of the point spreads of some neutrinos: (k, 3) unit vectors and (k,) 1σ errors in rad."""

    direction: Float
    sigma_rad: Float

    def log_at(self, vector: Float) -> Float:
        """(…) ln of the product at (…, 3) unit vectors, sr⁻ᵏ."""
        total = np.zeros(vector.shape[:-1])
        for direction, sigma in zip(self.direction, self.sigma_rad, strict=True):
            apart = vector - direction
            total += log_peak(sigma) - np.einsum("...j,...j->...", apart, apart) / (2 * sigma * sigma)
        return total

    def log_bounds(self, centre: Float, radius: float) -> tuple[Float, Float]:
        """ln of a lower and an upper bound of the product within a radius (rad) of (n, 3) unit vectors."""
        low, high = np.zeros((2, centre.shape[0]))
        for direction, sigma in zip(self.direction, self.sigma_rad, strict=True):
            apart = 2 * np.arcsin(np.minimum(np.linalg.norm(centre - direction, axis=-1) / 2, 1.0))
            for bound, psi in ((low, np.minimum(apart + radius, np.pi)), (high, np.maximum(apart - radius, 0.0))):
                bound += log_peak(sigma) - 2 * np.square(np.sin(psi / 2) / sigma)
        return low, high

    def steepness(self, centre: Float) -> Float:
        """(n,) one over the angle in which the product changes by a factor of e or so, rad⁻¹."""
        kappa = 1 / np.square(self.sigma_rad)
        gradient = kappa @ self.direction
        along = centre @ gradient
        slope2 = np.maximum(gradient @ gradient - along * along, 0.0)
        return np.asarray(np.sqrt(np.maximum(kappa.sum(), slope2)))


@dataclass(frozen=True, eq=False)
class Grid:
    """Cells along the NESTED curve that cover all of a sky map.

    Attributes:
        order: (n,) HEALPix order. ipix: (n,) NESTED index.
        density: (n,) the map's, sr⁻¹. cell: (n,) the map's cell that each is or lies in.
        node: (n,) node of the map's tree for that cell, −1 where the map is zero.
        part: (n,) whether it is only a part of that cell.
    """

    order: Index
    ipix: Index
    density: Float
    cell: Index
    node: Index
    part: NDArray[np.bool_]

    @cached_property
    def gauss(self) -> Float:
        """(4, n, 3) unit vectors of 2 × 2 Gauss points in each cell, whose mean is the mean over the cell."""
        return self._vectors(*_GAUSS)

    def inside(self, at: Index) -> At:
        """The Gauss points of some of the cells, where the map is not zero: first of all of them, second of all, …"""
        direction = self.gauss[:, at].reshape(-1, 3)
        return At(direction, np.tile(self.node[at], 4), np.ones(4 * at.size, np.bool_))

    def centres(self, at: Index) -> At:
        """The centres of some of the cells, where the map is not zero."""
        return At(
            replace(self, order=self.order[at], ipix=self.ipix[at])._vectors(0.5, 0.5), self.node[at], self.part[at]
        )

    def _vectors(self, x: float | Float, y: float | Float) -> Float:
        found = np.empty((*np.broadcast_shapes(np.shape(x), self.order.shape), 3))
        for order in np.unique(self.order):
            here = np.flatnonzero(self.order == order)
            found[..., here, :] = vectors(int(order), self.ipix[here], x, y)
        return found


def refined(skymap: SkyMap, tree: SkyTree, spreads: Sequence[Spread]) -> Grid:
    """The map's cells, divided until each is small against every product's scale wherever that product matters.

    Args:
        tree: of the same map.
        spreads: products of point spreads, by each of which the map is to be multiplied.
    """
    node = np.full(skymap.ipix.size, -1)
    leaf = np.flatnonzero(tree.cell >= 0)
    node[tree.cell[leaf]] = leaf
    walk = _Walk(skymap, node >= 0, spreads)
    order, ipix, cell = walk.cells()
    ranked = np.argsort(positions(order, ipix)[0])
    order, ipix, cell = order[ranked], ipix[ranked], cell[ranked]
    return Grid(order, ipix, skymap.density[cell], cell, node[cell], order > skymap.order[cell])


class _Walk:
    """From the map's coarsest cells down: what is fine enough, and what is known of each product's integral."""

    def __init__(self, skymap: SkyMap, bright: NDArray[np.bool_], spreads: Sequence[Spread]) -> None:
        self.skymap, self.bright, self.spreads = skymap, bright, spreads
        with np.errstate(divide="ignore"):
            self.log_density = np.log(skymap.density)
        self.least = [self._least(spread) for spread in spreads]  # ln of lower bounds of each integral: of all of it,
        self.done = [-np.inf] * len(spreads)  # and of what is fine enough

    def cells(self) -> tuple[Index, Index, Index]:
        """Order, NESTED index and cell of the map of everything, in no order."""
        done: list[tuple[Index, Index, Index]] = []
        ipix, cell = np.empty((2, 0), np.int64)
        for order in range(MAX_ORDER + 1):
            own = np.flatnonzero(self.skymap.order == order)
            ipix, cell = np.concatenate([ipix, self.skymap.ipix[own]]), np.concatenate([cell, own])
            coarse = self._coarse(order, ipix, cell) if order < MAX_ORDER else np.zeros(ipix.size, np.bool_)
            fine = ~coarse
            done.append((np.full(np.count_nonzero(fine), order), ipix[fine], cell[fine]))
            ipix = (4 * ipix[coarse][:, None] + np.arange(4)).ravel()
            cell = np.repeat(cell[coarse], 4)
        return tuple(np.concatenate(columns) for columns in zip(*done, strict=True))  # type: ignore[return-value]

    def _least(self, spread: Spread) -> float:
        """ln of a lower bound of ∫ P_gw times a product, from the map's own cells."""
        best = -np.inf
        for order in np.unique(self.skymap.order[self.bright]):
            at = np.flatnonzero(self.bright & (self.skymap.order == order))
            low, _ = spread.log_bounds(vectors(int(order), self.skymap.ipix[at], 0.5, 0.5), max_radius(int(order)))
            best = max(best, float((low + self.log_density[at]).max()) + _log_area(int(order)))
        return best

    def _coarse(self, order: int, ipix: Index, cell: Index) -> NDArray[np.bool_]:
        """Which cells of one order must be divided."""
        result = np.zeros(ipix.size, np.bool_)
        at = np.flatnonzero(self.bright[cell])
        if not at.size:
            return result
        centre, side = vectors(order, ipix[at], 0.5, 0.5), np.exp(_log_area(order) / 2)
        for k, spread in enumerate(self.spreads):
            low, high = (bound + self.log_density[cell[at]] for bound in spread.log_bounds(centre, max_radius(order)))
            whole = max(self.least[k], _log_total(self.done[k], low + _log_area(order)))
            steepness = spread.steepness(centre)
            # of the cell and its like out to the local scale: many small neighbours are not negligible one by one
            share = np.minimum(high + np.log(2 * np.pi / np.square(steepness)) - whole, 0.0)
            large = (side * steepness > _STEP * np.exp(np.minimum(-share, _SHARE) / 4)) | (order < _LEAST_ORDER)
            large &= share > -_SHARE
            self.done[k] = _log_total(self.done[k], low[~large] + _log_area(order))
            result[at] |= large
        return result


def _log_total(known: float, logs: Float) -> float:
    return float(np.logaddexp(known, np.logaddexp.reduce(logs, initial=-np.inf)))


def _log_area(order: int) -> float:
    return float(np.log(np.pi / 3) - order * np.log(4))
