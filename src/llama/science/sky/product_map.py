"""Where two messengers agree: the product of two sky maps, on the finer of both at every place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Index
from llama.science.sky.healpix import positions
from llama.science.sky.skymap import SkyMap, area_sr

_NEGLIGIBLE = 1e-12  # of the product's probability, in all cells that are left out together


def product(first: SkyMap, second: SkyMap) -> tuple[SkyMap | None, float]:
    """∝ P_1 P_2, normalised, with the distances of the first, and ln of 4π ∫ P_1 P_2 dΩ.

    The number is the Bayes factor of one origin in the sky against two unrelated ones; −inf, and no map, where the
    maps do not touch. Cells that hold next to nothing of the product are left out.
    """
    mine, other = _pairs(first, second)
    order = np.maximum(first.order[mine], second.order[other])
    finer = first.order[mine] >= second.order[other]
    ipix = np.where(finer, first.ipix[mine], second.ipix[other])
    density = first.density[mine] * second.density[other]
    share = density * area_sr(replace(first, order=order))
    total = float(share.sum())
    if not total > 0:
        return None, -np.inf
    keep = np.sort(_weighty(share / total))
    mine, density = mine[keep], density[keep] / total
    mu, sigma, norm = (None if column is None else column[mine] for column in _distance(first))
    result = replace(
        first, order=order[keep], ipix=ipix[keep], density=density, distmu=mu, distsigma=sigma, distnorm=norm
    )
    return result, float(np.log(4 * np.pi * total))


def _distance(m: SkyMap) -> tuple[NDArray[np.float64] | None, ...]:
    return m.distmu, m.distsigma, m.distnorm


def _pairs(first: SkyMap, second: SkyMap) -> tuple[Index, Index]:
    """Cells of both that overlap, one of which then lies in the other, in the order of the sky."""
    one, two = positions(first.order, first.ipix), positions(second.order, second.ipix)
    inner = _inside(one, two), _inside(two, one, strictly=True)
    mine = np.concatenate([inner[0][0], inner[1][1]])
    other = np.concatenate([inner[0][1], inner[1][0]])
    by = np.argsort(np.maximum(one[0][mine], two[0][other]), kind="stable")
    return mine[by], other[by]


def _inside(small: tuple[Index, Index], large: tuple[Index, Index], strictly: bool = False) -> tuple[Index, Index]:
    """Cells of one map that lie within a cell of another, and that cell; both as ascending start and stop."""
    at = np.searchsorted(large[0], small[0], side="right") - 1
    at_least = np.maximum(at, 0)
    holds = (at >= 0) & (small[1] <= large[1][at_least])
    if strictly:
        holds &= (small[1] - small[0]) < (large[1] - large[0])[at_least]
    found = np.flatnonzero(holds)
    return found, at[found]


def _weighty(share: NDArray[np.float64]) -> Index:
    """The fewest cells that hold all but a negligible part."""
    by = np.argsort(share)
    return by[np.searchsorted(np.cumsum(share[by]), _NEGLIGIBLE) :]
