"""A factor of declination in the integrands: how the walks down a sky map bound it, and its means over their nodes.

The signal density over the expected counts, a/α, can rise two hundredfold within one bin of declination where the
detector's selection changes. A neutrino just outside, with an error of 8°, has all of its odds in the far flank of
its point spread. Such a step is a straight line between two points of the season's grid, so it needs no fine nodes:
one that stands for a piece of sky takes the mean over the declinations of that piece, which is known in closed form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonTable, alpha, grid_place, interpolate_sin_dec
from llama.science.sky import NOTHING, height, max_radius, sine_of_height

STEEPEST = 1.0  # e-folds per bin: a steeper rise is a straight line all the same, with its weight near the top
PARTS = 4  # pieces of a bin on which a/α, a ratio of two straight lines, counts as a parabola
_BEYOND = 3.0  # a height that no pixel reaches
_DIGITS = 2.0**-13  # ranges smaller than this would lose the digits of second differences; a point will do


@dataclass(frozen=True, eq=False)
class Steepness:
    """How ln of each neutrino's factor changes over the sky, relative to its value at the neutrino itself.

    The factor is a/α times ⟨Q_1(αn)⟩, which is between proportional to α and constant, so it lies between a and a/α.

    Attributes:
        table: (4, n, d) on the season's declination grid: minus ln of the lesser of the two, ln of the larger, the
            |slope| in declination, rad⁻¹, and that of α alone.
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
        own = np.where(np.isfinite(own), own, np.maximum(both.max(axis=-1), NOTHING))
        of_signal, of_ratio = both - own[..., None]
        low, high = np.minimum(of_signal, of_ratio), np.maximum(of_signal, of_ratio)
        rise = _rise(np.maximum(both, NOTHING))
        steep = np.minimum(rise.max(axis=0), STEEPEST) * per_rad(season)
        smooth = np.broadcast_to(slope_of_alpha(season), low.shape)
        return cls(np.stack([-low, high, steep, smooth]), grid)

    @cached_property
    def _widened(self) -> dict[int, Float]:
        """The largest values within so many bins."""
        return {}

    def change(self, sin_dec: Float, reach_rad: Float) -> float:
        """The most by which ln of any neutrino's factor changes within reach of its declination."""
        near = np.abs(np.arcsin(self.sin_dec) - np.arcsin(sin_dec)[:, None]) <= reach_rad[:, None]
        return float(np.where(near, np.maximum(self.table[0], self.table[1]), 0.0).max(initial=0.0))

    def within(self, order: int, neutrino: Index, sin_dec: Float) -> Float:
        """(4, m) the largest of each row of the table in pixels of this order around sin δ."""
        half = half_width(self.sin_dec, order)
        if half not in self._widened:  # fine orders have the same
            self._widened[half] = _largest(self.table, half)
        largest = self._widened[half]
        at = neutrino * self.sin_dec.size + _place(self.sin_dec, sin_dec)
        return np.asarray(largest.reshape(4, -1).take(at, axis=1))


@dataclass(frozen=True, eq=False)
class Means:
    """Means of each neutrino's a and a/α over ranges of declination, as pixels have them.

    Over a HEALPix pixel the height (`pixels.height`) has a triangular density. The mean of a function with such a
    weight is a second difference of its second antiderivative, here a quartic between the knots.

    Attributes:
        season: whose grid; rows: (n, d) a(ε, δ) of each neutrino on it, GeV⁻¹.
        knot: (k + 1,) heights. quartic: (k, n, 2, 5) coefficients, in the height beyond each knot but the last, of
            second antiderivatives of a and of a/α.
    """

    season: SeasonTable
    rows: Float
    knot: Float
    quartic: Float

    @classmethod
    def of(cls, season: SeasonTable, rows: Float) -> Means:
        """Of signal densities (n, d) on the season's grid."""
        knot, place, rest, count_scale = parts(season)
        low = rows.take(place, axis=1)
        density = low + rest * (rows.take(place + 1, axis=1) - low)
        # the values at both ends and in the middle of each part, as a parabola in the height beyond its lower end
        left, middle, right = np.moveaxis(np.stack([density, density / count_scale]), 2, 0)
        step = np.diff(knot)
        bend = 2 * (left - 2 * middle + right) / step**2
        slope = (right - left) / step - bend * step
        first = _running(((bend / 3 * step + slope / 2) * step + left) * step)
        second = _running((((bend / 12 * step + slope / 6) * step + left / 2) * step + first) * step)
        quartic = np.stack([second, first, left / 2, slope / 6, bend / 12], axis=-1)
        return cls(season, rows, knot, np.ascontiguousarray(quartic.transpose(2, 1, 0, 3)))

    def over(self, neutrino: Index, middle: Float, reach: Float) -> tuple[Float, Float]:
        """Mean of a/α, GeV⁻¹, and the α that belongs to it: the mean of a over that of a/α.

        Args:
            neutrino: (m,) which one.
            middle: (m,) heights at the middle of the ranges, whose half width is `reach` (m,), 0 for a point.
        """
        grid, sine = self.season.sin_dec, sine_of_height(middle)
        count_scale = alpha(self.season, sine)
        per_source = interpolate_sin_dec(self.season, self.rows, neutrino, sine) / count_scale
        # between two points of the grid it is a straight line, whose mean is its value at the middle
        place, half = (sine - grid[0]) / _step(grid), reach / (1.5 * _step(grid))
        bent = np.flatnonzero((np.floor(place - half) != np.floor(place + half)) & (reach > _DIGITS))
        if bent.size:
            mean = self._triangles(neutrino[bent], middle[bent], reach[bent])
            seen = np.flatnonzero((mean > 0).all(axis=0))
            per_source[bent] = np.maximum(mean[1], 0.0)
            count_scale[bent[seen]] = mean[0, seen] / mean[1, seen]
        return per_source, count_scale

    def _triangles(self, neutrino: Index, middle: Float, reach: Float) -> Float:
        """(2, m) means of a and of a/α with a triangular weight."""
        low, mid, high = self._antiderivative(neutrino, middle + np.array([[-1], [0], [1]]) * reach)
        return np.asarray((low - 2 * mid + high) / np.square(reach))

    def _antiderivative(self, neutrino: Index, at: Float) -> Float:
        """(h, 2, m) second antiderivatives of a and of a/α at heights (h, m)."""
        grid, (parts, neutrinos) = self.season.sin_dec, self.quartic.shape[:2]
        part = np.floor((sine_of_height(at) - grid[0]) * (PARTS / _step(grid))).astype(np.int64) + 1
        part = np.clip(part, 0, parts - 1)
        beyond = (at - self.knot[part])[:, None]
        terms = self.quartic.reshape(-1, 10).take(part * neutrinos + neutrino, axis=0)
        terms = np.moveaxis(terms.reshape(*at.shape, 2, 5), (3, 2), (0, 2))  # (5, h, 2, m)
        found = terms[4]
        for k in (3, 2, 1, 0):
            found = found * beyond + terms[k]
        return np.asarray(found)


@lru_cache(maxsize=8)
def parts(season: SeasonTable) -> tuple[Float, Index, Float, Float]:
    """Knots (k + 1,); for both ends and the middle of the parts between them (3, k): place on the grid, rest, α."""
    grid = season.sin_dec
    edges = height(np.linspace(grid[0], grid[-1], (grid.size - 1) * PARTS + 1))
    knot = np.concatenate([[-_BEYOND], edges, [_BEYOND]])  # flat beyond the grid
    sine = sine_of_height(np.stack([knot[:-1], (knot[:-1] + knot[1:]) / 2, knot[1:]]))
    found = knot, *grid_place(season, sine), alpha(season, sine)
    for one in found:
        one.setflags(write=False)
    return found


def per_rad(season: SeasonTable) -> Float:
    """(d,) points of the grid per radian of declination."""
    return np.asarray(np.sqrt(1 - season.sin_dec**2) / _step(season.sin_dec))


def slope_of_alpha(season: SeasonTable) -> Float:
    """(d,) |d ln α/dδ|, rad⁻¹."""
    return _rise(np.log(season.alpha)) * per_rad(season)


def half_width(grid: Float, order: int) -> int:
    """Within how many points of the grid on both sides all of a pixel lies."""
    return int(np.ceil(max_radius(order) / _step(grid))) + 1


def _running(values: Float) -> Float:
    """Sums of the values before each on the last axis."""
    return np.asarray(values.cumsum(axis=-1) - values)


def _step(grid: Float) -> float:
    return float(grid[-1] - grid[0]) / (grid.size - 1)


def _place(grid: Float, sin_dec: Float) -> Index:
    nearest = np.rint((sin_dec - grid[0]) / _step(grid)).astype(np.int64)
    return np.asarray(np.minimum(np.maximum(nearest, 0), grid.size - 1))


def _rise(log_values: Float) -> Float:
    """(…, d) the larger change of a logarithm to the next points of the grid on both sides."""
    rise, step = np.zeros_like(log_values), np.abs(log_values[..., 1:] - log_values[..., :-1])
    rise[..., :-1] = step
    np.maximum(rise[..., 1:], step, out=rise[..., 1:])
    return rise


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
