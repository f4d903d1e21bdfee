"""Where unrelated candidates are, drawn more often where a sky map is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.companions import Looked, Unrelated
from llama.science.sky import MAX_ORDER, SkyMap, cell_area_sr, directions_of, probability

_ORDER = 4
_LEAST_RAD = np.radians(3.0)  # of smoothing: the cells have 3.7°
_NEAR = 0.5


@dataclass(frozen=True, eq=False)
class DrawnPlaces:
    """Cells of the sky.

    Attributes:
        order, ipix: of each. chance: that an unrelated candidate is there. drawn: that one is drawn there.
    """

    order: Index
    ipix: Index
    chance: Float
    drawn: Float

    @classmethod
    def of(cls, skymap: SkyMap, unrelated: Unrelated) -> DrawnPlaces:
        """Half of them as they come, half as the map is, as far as candidates there matter."""
        if unrelated.looked is None:
            order, ipix = np.full(12 * 4**_ORDER, _ORDER), np.arange(12 * 4**_ORDER)
            near, chance = _smoothed(_binned(skymap), unrelated.width_rad), np.full(ipix.size, 1 / ipix.size)
        else:
            order, ipix = skymap.order.astype(np.int64), skymap.ipix.astype(np.int64)
            near, chance = probability(skymap), _looked_at(skymap, unrelated.looked)
        return cls(order, ipix, chance, (1 - _NEAR) * chance + _NEAR * near / near.sum())

    def draw(self, rng: np.random.Generator, *, near: bool = True) -> tuple[float, float, float]:
        """Right ascension and declination (rad) of one, and its weight: how much rarer it is than it is `drawn`.

        Without `near` it is drawn as it comes, and the weight is that which it would have had.
        """
        of_cell = self.drawn if near else self.chance
        cell = int(rng.choice(of_cell.size, p=of_cell / of_cell.sum()))
        finer = 2 * (MAX_ORDER - int(self.order[cell]))
        place = (int(self.ipix[cell]) << finer) + int(rng.integers(1 << finer))
        x, y, z = directions_of(MAX_ORDER, np.array([place]))[0]
        weight = self.chance[cell] / self.drawn[cell]
        return float(np.arctan2(y, x) % (2 * np.pi)), float(np.arcsin(np.clip(z, -1, 1))), float(weight)


def _binned(skymap: SkyMap) -> Float:
    """(cells,) the map's probability."""
    order, ipix, inside = skymap.order.astype(np.int64), skymap.ipix.astype(np.int64), probability(skymap)
    found = np.zeros(12 * 4**_ORDER)
    fine = order >= _ORDER
    np.add.at(found, ipix[fine] >> 2 * (order[fine] - _ORDER), inside[fine])
    for k in range(_ORDER):
        coarse = np.flatnonzero(order == k)
        many = 4 ** (_ORDER - k)
        np.add.at(
            found, (ipix[coarse][:, None] * many + np.arange(many)).ravel(), np.repeat(inside[coarse] / many, many)
        )
    return found


def _smoothed(inside: Float, width_rad: float) -> Float:
    """The same, each cell spread like a von Mises–Fisher density."""
    where = directions_of(_ORDER, np.arange(inside.size))
    spread = np.exp((where @ where.T - 1) / max(width_rad, _LEAST_RAD) ** 2)
    return np.asarray(spread @ (inside / spread.sum(axis=0)))


def _looked_at(skymap: SkyMap, looked: Looked) -> Float:
    """(cells,) chance of each: evenly in the densest that hold the part that was looked at, the rest evenly outside.

    Which cells were looked at a list does not say. What was looked at is at least as large as the densest that hold
    as much; what is larger lies outside of them.
    """
    area, inside = cell_area_sr(skymap.order.astype(np.int64)) / (4 * np.pi), probability(skymap)
    by = np.argsort(-skymap.density, kind="stable")
    last = int(np.searchsorted(np.cumsum(inside[by]), looked.part * (1 - 1e-9))) + 1 if looked.part > 0 else 0
    within = np.zeros(area.size, dtype=bool)
    within[by[:last]] = True
    densest, rest = float(area[within].sum()), float(area[~within].sum())
    share = min(densest / looked.sky, 1.0) if rest > 0 else 1.0
    return np.where(within, share * area / max(densest, 1e-300), (1 - share) * area / max(rest, 1e-300))
