"""Multi-order sky maps: probability densities on HEALPix cells of any mixture of orders."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.arrays import Float
from llama.science.sky.healpix import MAX_ORDER, cell_area_sr, directions_of, position_of, positions
from llama.science.sky.line_of_sight import conditional_moments

__all__ = [
    "MAX_ORDER",
    "Float",
    "SkyMap",
    "area_sr",
    "centres",
    "credible_area_deg2",
    "credible_level",
    "credible_region",
    "density_at",
    "directions",
    "has_distance",
    "lookup",
    "marginal_distance",
    "max_order",
    "mean_distance",
    "probability",
]

_DEG2_PER_SR = np.degrees(1.0) ** 2
_BLOCK = 1 << 16


@dataclass(frozen=True, eq=False)
class SkyMap:
    """A probability density over the sky (ICRS), piecewise constant on HEALPix NESTED cells.

    Cells are disjoint and ascend along the NESTED curve; together they may leave parts of the sky out,
    where the density is zero. Probabilities sum to one. Made by `skymap_cells.from_cells`, which checks all that.

    Attributes:
        order: (n,) uint8, HEALPix order of each cell (NSIDE = 2**order).
        ipix: (n,) int64, NESTED index of each cell at its own order.
        density: (n,) probability per steradian.
        distmu, distsigma, distnorm: (n,) parameters of p(r|direction) ∝ r² N(r; mu, sigma), Mpc, Mpc, Mpc⁻²
            (Singer et al. 2016, arXiv:1603.07333, eq. 2); None when the map has no distances. Cells without a
            valid distance have an infinite mu and zero norm.
        distmean_mpc, diststd_mpc: the file's own summary of the distance, None when it gives none.
        origin: where the map came from, for people (CREATOR, OBJECT, DATE, … of the FITS header).
    """

    order: NDArray[np.uint8]
    ipix: NDArray[np.int64]
    density: Float
    distmu: Float | None = None
    distsigma: Float | None = None
    distnorm: Float | None = None
    distmean_mpc: float | None = None
    diststd_mpc: float | None = None
    origin: dict[str, str] = field(default_factory=dict)


def area_sr(m: SkyMap) -> Float:
    """(n,) solid angle of each cell."""
    return cell_area_sr(m.order)


def probability(m: SkyMap) -> Float:
    """(n,) probability of each cell; sums to one."""
    return m.density * area_sr(m)


def max_order(m: SkyMap) -> int:
    """Order of the finest cells."""
    return int(m.order.max())


def directions(m: SkyMap) -> Float:
    """(n, 3) unit vectors (ICRS) to the cell centres."""
    return directions_of(m.order, m.ipix)


def centres(m: SkyMap) -> tuple[Float, Float]:
    """Right ascension in [0, 2π) and declination of the cell centres, both (n,), rad."""
    x, y, z = directions(m).T
    return np.arctan2(y, x) % (2 * np.pi), np.arctan2(z, np.hypot(x, y))


def lookup(m: SkyMap, ra_rad: ArrayLike, dec_rad: ArrayLike) -> NDArray[np.int64]:
    """Index of the cell that holds each direction (rad, ICRS), −1 where the map has none."""
    where = position_of(ra_rad, dec_rad)
    start, stop = positions(m.order, m.ipix)
    found = np.searchsorted(start, where, side="right") - 1
    return np.where((found >= 0) & (where < stop[found]), found, -1)


def density_at(m: SkyMap, ra_rad: ArrayLike, dec_rad: ArrayLike) -> Float:
    """Probability per steradian in each direction (rad, ICRS), zero outside the map."""
    found = lookup(m, ra_rad, dec_rad)
    return np.where(found < 0, 0.0, m.density[found])


def credible_level(m: SkyMap) -> Float:
    """(n,) probability of the smallest credible region that contains each cell.

    That region is everything at least as dense, cells of the same density included, so that neither the order
    of the cells nor splitting one changes the answer.
    """
    ranked = np.argsort(-m.density, kind="stable")
    density, total = m.density[ranked], np.cumsum(probability(m)[ranked])
    last_as_dense = np.searchsorted(-density, -density, side="right") - 1
    level = np.empty_like(total)
    level[ranked] = np.minimum(total[last_as_dense] / total[-1], 1.0)
    return level


def credible_region(m: SkyMap, level: float) -> NDArray[np.bool_]:
    """(n,) cells of the smallest credible region that holds at least `level` (0 to 1).

    Whole cells from the densest on, and all that are as dense as the last. The one that crosses `level` is among
    them, so that the region never holds less, however coarse the map.
    """
    positive = m.density > 0
    needed = m.density[positive & (credible_level(m) >= level)].max(initial=0.0)
    return np.asarray(positive & (m.density >= needed))


def credible_area_deg2(m: SkyMap, level: float) -> float:
    """Area of the smallest region of probability `level` (0 to 1); a part of a cell counts as that part.

    The same number as `area(90)` of ligo-skymap-stats.
    """
    if not 0 <= level <= 1:
        raise ValueError(f"a credible level lies between 0 and 1, not {level}")
    ranked = np.argsort(-m.density, kind="stable")
    ranked = ranked[m.density[ranked] > 0]
    total = np.cumsum(probability(m)[ranked])
    area = np.cumsum(area_sr(m)[ranked])
    return float(np.interp(level * total[-1], np.r_[0.0, total], np.r_[0.0, area])) * float(_DEG2_PER_SR)


def has_distance(m: SkyMap) -> NDArray[np.bool_]:
    """(n,) whether each cell has a valid distance."""
    if m.distmu is None or m.distnorm is None:
        return np.zeros(len(m.density), dtype=np.bool_)
    return np.asarray(np.isfinite(m.distmu) & (m.distnorm > 0))


def mean_distance(m: SkyMap) -> tuple[float, float] | None:
    """Mean and standard deviation of the distance, Mpc; None when the map has no distances.

    The file's own numbers when it gives both; else the moments over the cells with a valid distance
    (Singer et al. 2016, arXiv:1605.04242, sec. 2).
    """
    if m.distmean_mpc is not None and m.diststd_mpc is not None:
        return m.distmean_mpc, m.diststd_mpc
    return marginal_distance(m)


def marginal_distance(m: SkyMap) -> tuple[float, float] | None:
    """Mean and standard deviation of the distance, Mpc, from the cells; None when none of them has a distance."""
    good = np.flatnonzero(has_distance(m) & (m.density > 0))
    if m.distmu is None or m.distsigma is None or good.size == 0:
        return None
    mean, std = np.empty((2, good.size))
    for first in range(0, good.size, _BLOCK):  # the moments take a dozen temporary arrays
        part = slice(first, first + _BLOCK)
        mean[part], std[part] = conditional_moments(m.distmu[good[part]], m.distsigma[good[part]])
    weight = probability(m)[good]
    weight /= weight.sum()
    overall = float(np.sum(weight * mean))
    return overall, float(np.sqrt(np.sum(weight * (std**2 + (mean - overall) ** 2))))
