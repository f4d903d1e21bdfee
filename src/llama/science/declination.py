"""A factor of declination in the integrands, as the walks down a sky map must know it.

The signal density over the expected counts, a/α, changes by e⁶ within 10° where the detector's selection does. A
neutrino just outside, with an error of 8°, has all of its odds in the far flank of its point spread.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.quadtree import max_radius
from llama.science.response import SeasonTable

Float = NDArray[np.float64]
Index = NDArray[np.int64]

STEEP = 0.5
"""What the slope counts beside that of a point spread: errors on the way up a step and on top of it cancel."""
_STEEPEST = 20.0  # e-folds per bin
_FALL = 3.0  # e-folds in one bin that a fall to zero counts as


@dataclass(frozen=True, eq=False)
class Steepness:
    """How ln of each neutrino's factor changes over the sky, relative to its value at the neutrino itself.

    The factor is a/α times ⟨Q_1(αn)⟩, which is between proportional to α and constant, so it lies between a and a/α.

    Attributes:
        table: (3, n, d) on the season's declination grid: minus ln of the lesser of the two, ln of the larger,
            its |slope| in declination, rad⁻¹.
        sin_dec: (d,) the grid, even in sin δ.
    """

    table: Float
    sin_dec: Float

    @classmethod
    def of(cls, season: SeasonTable, rows: Float, sin_dec: Float) -> Steepness:
        """Of signal densities (n, d) on the season's grid, for neutrinos at these declinations (n,)."""
        grid = season.sin_dec
        with np.errstate(divide="ignore"):
            both = np.log(np.stack([rows, rows / season.alpha]))
        own = both[:, np.arange(sin_dec.size), _place(grid, sin_dec)]
        # a neutrino where the detector sees no such energy has no value of its own: the largest will do
        own = np.where(np.isfinite(own), own, np.maximum(both.max(axis=-1), -1e300))
        low, high = np.sort(both - own[..., None], axis=0)
        return cls(np.stack([-low, high, _slope(high, grid)]), grid)

    def change(self, sin_dec: Float, reach_rad: Float) -> float:
        """The most by which ln of any neutrino's factor changes within reach of its declination."""
        near = np.abs(np.arcsin(self.sin_dec) - np.arcsin(sin_dec)[:, None]) <= reach_rad[:, None]
        return float(np.where(near, np.maximum(self.table[0], self.table[1]), 0.0).max(initial=0.0))

    def within(self, order: int, neutrino: Index, sin_dec: Float) -> tuple[Float, Float, Float]:
        """ln of the least and of the largest value, and the slope, in pixels of this order around sin δ."""
        largest = _largest(self.table, int(np.ceil(max_radius(order) / _step(self.sin_dec))) + 1)
        at = neutrino * self.sin_dec.size + _place(self.sin_dec, sin_dec)
        minus_least, most, slope = largest.reshape(3, -1).take(at, axis=1)
        return -minus_least, most, slope


def _step(grid: Float) -> float:
    return float(grid[-1] - grid[0]) / (grid.size - 1)


def _place(grid: Float, sin_dec: Float) -> Index:
    return np.asarray(np.clip(np.rint((sin_dec - grid[0]) / _step(grid)).astype(np.int64), 0, grid.size - 1))


def _slope(log_values: Float, sin_dec: Float) -> Float:
    """(n, d) the steeper slope of both sides.

    The factor is a straight line between the points of the grid, so its logarithm is steepest beside the lower one.
    """
    with np.errstate(invalid="ignore"):
        rise = np.nan_to_num(np.abs(np.diff(log_values, axis=1)), nan=0.0, posinf=_FALL)
    rise = np.minimum(rise * np.maximum(rise, 1.0), _STEEPEST) / _step(sin_dec)
    both = np.maximum(np.pad(rise, ((0, 0), (0, 1))), np.pad(rise, ((0, 0), (1, 0))))
    return np.asarray(both * np.sqrt(1 - sin_dec**2))


def _largest(values: Float, half: int) -> Float:
    """Largest value within `half` bins of each on the last axis."""
    d = values.shape[-1]
    half, edges = min(half, d - 1), np.arange(-min(half, d - 1), d + min(half, d - 1))
    result, width, whole = values[..., np.clip(edges, 0, d - 1)], 1, 2 * half + 1
    while width < whole:
        shift = min(width, whole - width)
        result = np.maximum(result[..., shift:], result[..., :-shift])
        width += shift
    return np.asarray(result)
