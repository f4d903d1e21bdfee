"""Where a sky map and a neutrino's point-spread function meet: ∫dΩ P_gw(Ω) f(Ω) PSF(Ω) as a sum over nodes.

One walk down the HEALPix quadtree serves all neutrinos at once. A node of the tree is left out when an upper bound
of what it can give is e^{−`DROP`} below a lower bound of the whole. It is emitted, as one point over which the
point-spread function is averaged to second order, when it is small against the scale on which that changes there.
Bounds and weights are logarithms, so a neutrino 75° from a 3° map gives ln O ≈ −220 as calmly as a coincident one
gives +10. Nodes finer than that scale are never opened, so the cost grows with the logarithm of the number of cells.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Bool, Float, Index
from llama.science.overlap.declination import Steepness
from llama.science.overlap.descent import COARSEST, DROP, Chosen, Entries, centres, node_moments, points, walk
from llama.science.sky import (
    MAX_ORDER,
    NOTHING,
    SkyTree,
    height,
    height_per_sine,
    log_mean_over_centre,
    log_peak,
    log_sum_by,
    max_radius,
    slopes,
)

# largest side of a node over the local scale, where its share is 1; first and second moments are corrected for
CELL = 0.5  # inside a cell: what is left is of the fourth order, ≤ 2e-4
MIXED = 0.4  # of several cells: it depends on how the probability lies in a node
# what slopes with declination count beside those of the point spread
STEEP = 1.0  # of f, in nodes of several cells
ALPHA = 2.5  # of α, inside a cell, where only what ⟨Q_1⟩ makes of its curve is not averaged
COARSER = 2.0  # e-folds by which it may be larger where the share is small


@dataclass(frozen=True, eq=False)
class Nodes:
    """Points and weights of the overlap integrals, sorted by neutrino: Σ exp(log_weight) f(direction) ≈ ∫ P f PSF.

    Attributes:
        neutrino: (m,) which neutrino.
        direction: (m, 3) unit vector.
        log_weight: (m,) ln of P_gw · PSF · solid angle, sr⁻¹.
        node: (m,) node of the `SkyTree` that it stands for or lies in.
        part: (m,) whether it stands for a part of that node only, which then is a single map cell.
        middle: (m,) height (`pixels.height`) at the centre of what it stands for, times the point spread.
        reach: (m,) half width of its range of heights; 0 for a point.
        start: (n + 1,) nodes of neutrino i are start[i] … start[i + 1]. A neutrino may have none.
    """

    neutrino: Index
    direction: Float
    log_weight: Float
    node: Index
    part: Bool
    middle: Float
    reach: Float
    start: Index

    @classmethod
    def joined(cls, pieces: Sequence[Nodes]) -> Nodes:
        """Those of several lists of neutrinos as those of one."""
        if len(pieces) == 1:
            return pieces[0]
        first = np.cumsum([0, *(piece.start.size - 1 for piece in pieces)])
        place = np.cumsum([0, *(piece.node.size for piece in pieces)])

        def column(name: str) -> NDArray[Any]:
            return np.concatenate([getattr(piece, name) for piece in pieces])

        return cls(
            neutrino=np.concatenate([piece.neutrino + k for piece, k in zip(pieces, first, strict=False)]),
            direction=column("direction"),
            log_weight=column("log_weight"),
            node=column("node"),
            part=column("part"),
            middle=column("middle"),
            reach=column("reach"),
            start=np.append(
                np.concatenate([piece.start[:-1] + k for piece, k in zip(pieces, place, strict=False)]), place[-1]
            ),
        )

    def among(self, at: Index, n: int) -> Nodes:
        """The same for neutrinos `at` (ascending) of a list of n; the others have none."""
        counts = np.zeros(n + 1, np.int64)
        counts[at + 1] = np.diff(self.start)
        return replace(self, neutrino=at[self.neutrino], start=np.cumsum(counts))

    def log_integral(self, log_f: Float | None = None) -> Float:
        """(n,) ln ∫ P f PSF per neutrino; −inf where nothing meets."""
        return log_sum_by(self.log_weight if log_f is None else self.log_weight + log_f, self.start)


def overlap_nodes(
    tree: SkyTree, direction: Float, sigma_rad: Float, steepness: Steepness | None = None, drop: float = DROP
) -> Nodes:
    """Nodes of ∫ P_gw f PSF for each neutrino, good to 1e-3 of the integral for smooth f.

    Args:
        tree: the sky map.
        direction: (n, 3) unit vectors of the neutrinos.
        sigma_rad: (n,) their 1σ errors, positive.
        steepness: bounds of f by declination, where it is not so smooth.
        drop: parts below e^{−drop} of the integral may be left out.
    """
    state = _Walk(tree, direction, sigma_rad, steepness, drop)
    walk(tree, sigma_rad.size, state.step)
    return state.nodes()


class _Walk:
    """State of one walk: what has been emitted, and what is known of each neutrino's integral."""

    def __init__(
        self, tree: SkyTree, direction: Float, sigma_rad: Float, steepness: Steepness | None, drop: float
    ) -> None:
        self.tree, self.direction, self.steepness, self.drop = tree, direction, steepness, drop
        self.kappa, self.log_peak = 1 / np.square(sigma_rad), log_peak(sigma_rad)
        self.every = np.arange(sigma_rad.size + 1)
        self.found = np.full(sigma_rad.size, -np.inf)  # ln of a lower bound of what was emitted
        self.peak = np.full(sigma_rad.size, -np.inf)  # ln of the largest patch that was emitted
        self.chosen = Chosen()

    def step(self, order: int, entries: Entries) -> Entries:
        """Drops or emits entries; returns those that are to be split."""
        centre = centres(self.tree, order, entries)
        slope, low, high = self._bounds(order, centre, entries)
        pixel = math.sqrt(math.pi / 3) / 2.0**order
        minus_least, most, *change = self._factor(order, centre, entries.owner)
        low, high, (steep, smooth) = low - minus_least, high + most, (pixel * each for each in change)
        # the point-spread function changes by a factor of e or so over σ, or over σ²/ψ further out
        side = pixel * np.maximum(np.sqrt(self.kappa)[entries.owner], slope)
        starts = self._starts(entries.owner)
        whole = np.logaddexp(self.found, log_sum_by(low, starts))
        share, patch = self._share(entries.owner, starts, high, side * np.maximum(side, steep), whole)
        keep = share > -self.drop
        if order < COARSEST:
            return entries.take(np.flatnonzero(keep))
        # of what lies inside a cell the mean of a factor of declination is known, however steep, but not that of α
        constant = self.tree.cell[entries.node] >= 0
        factor = np.where(constant, ALPHA * smooth, STEEP * steep)
        largest = np.where(constant, CELL, MIXED) * np.exp(np.minimum(-share / 4, COARSER))
        done = keep & ((np.maximum(side, factor) < largest) | (order == MAX_ORDER))
        if not done.any():
            return entries.take(np.flatnonzero(keep))
        self.chosen.add(order, entries, centre, done)
        starts = self._starts(entries.owner[done])
        self.found = np.logaddexp(self.found, log_sum_by(low[done], starts))
        self.peak = np.maximum(self.peak, _max_by(patch[done], starts))
        return entries.take(np.flatnonzero(keep & ~done))

    def _share(self, neutrino: Index, starts: Index, high: Float, area: Float, whole: Float) -> tuple[Float, Float]:
        """ln of what an entry matters, at most 0, and of its patch: the entry and its like out to the local scale.

        Patches are measured, not entries, and against the largest patch: many small neighbours must not each be
        called negligible because they are small, nor a thousand patches because they are many.

        Args:
            area: (e,) of an entry in local scales. A factor of declination shortens a patch in one direction only.
        """
        patch = high + np.log(2 * np.pi / np.minimum(area, 2 * np.pi))
        largest = np.maximum(self.peak, _max_by(patch, starts))
        against = np.maximum(np.minimum(whole, largest), NOTHING)
        return np.minimum(patch - against[neutrino], 0.0), patch

    def _bounds(self, order: int, centre: Float, entries: Entries) -> tuple[Float, Float, Float]:
        """Steepest slope, e-folds per rad, and ln of a lower and an upper bound of each entry's integral of P PSF."""
        sine2 = np.minimum(self._quarter(centre, entries.owner), 1.0)
        sine, cosine = np.sqrt(sine2), np.sqrt(1 - sine2)  # of ψ/2
        up, across = math.sin(max_radius(order) / 2), math.cos(max_radius(order) / 2)
        near = np.maximum(sine * across - cosine * up, 0.0)
        far = np.where(cosine * across > sine * up, sine * across + cosine * up, 1.0)
        kappa = self.kappa[entries.owner]
        low = entries.log_probability + self._log_density(far * far, entries.owner)
        return 2 * sine * cosine * kappa, low, low + 2 * kappa * (far * far - near * near)

    def _factor(self, order: int, centre: Float, neutrino: Index) -> Float:
        """(4, e) rows of `Steepness.within`; zeros where the factor is smooth."""
        if self.steepness is None:
            return np.zeros((4, neutrino.size))
        return self.steepness.within(order, neutrino, centre[:, 2])

    def _quarter(self, direction: Float, neutrino: Index) -> Float:
        """sin²(ψ/2), from the chord: it keeps its digits where cos ψ has lost them."""
        apart = direction - self.direction.take(neutrino, axis=0)  # five times faster than [neutrino]
        return np.asarray(np.einsum("ij,ij->i", apart, apart) / 4)

    def _log_density(self, quarter: Float, neutrino: Index) -> Float:
        return np.asarray(self.log_peak[neutrino] - 2 * self.kappa[neutrino] * quarter)

    def _starts(self, neutrino: Index) -> Index:
        return np.searchsorted(neutrino, self.every)

    def nodes(self) -> Nodes:
        """Everything emitted, sorted by neutrino."""
        found = points(self.tree, *self.chosen.all())
        by = np.argsort(found.owner, kind="stable")
        neutrino, direction = found.owner[by], found.direction.take(by, axis=0)
        of = slopes(direction, self.direction.take(neutrino, axis=0), self.kappa[neutrino])
        moments = node_moments(self.tree, found).take(by, axis=1)
        weight = found.log_probability[by] + self._log_density(self._quarter(direction, neutrino), neutrino)
        weight += log_mean_over_centre(of, moments)
        # in height: the centre of what a point stands for times the point spread lies nearer to the neutrino
        sin_dec, v_north = direction[:, 2], moments[2]
        per_rad = height_per_sine(sin_dec) * np.sqrt(np.maximum(1 - sin_dec * sin_dec, 1e-300))
        middle = height(sin_dec) + per_rad * (of.north * v_north + of.east * moments[4])
        reach = per_rad * np.sqrt(6 * v_north)
        return Nodes(
            neutrino, direction, weight, found.node[by], found.part[by], middle, reach, self._starts(neutrino)
        )


def _max_by(values: Float, start: Index) -> Float:
    """Largest of each range start[i] … start[i + 1]; −inf for an empty one."""
    result = np.full(start.size - 1, -np.inf)
    filled = np.flatnonzero(np.diff(start))
    if filled.size:
        result[filled] = np.maximum.reduceat(values, start[filled])
    return result
