"""Directions as sky maps: from a circle of any width, from a map made elsewhere, from nothing known at all.

A circle is a mixture of von Mises–Fisher densities around one direction, so that a core and a tail of systematic
errors can be told; cells are fine where the density changes and coarse elsewhere. Nothing is flat: the densities live
on the sphere at any width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.sky.cells import from_cells, merge_siblings
from llama.science.sky.healpix import MAX_ORDER, cell_area_sr, directions_of
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.skymap import SkyMap, directions, probability

START_ORDER = 2
_STEP = 0.4  # a cell's side over the scale on which the density changes; ln of overlaps is then good to 0.02
_SHARE = 1e-7  # cells that can hold no more than this are fine enough
_MAX_SIGMA_RAD = math.pi


def sigma_of_radius(radius_rad: float, containment: float) -> float:
    """The σ of the two-dimensional Gaussian of which this radius holds this probability: r = σ √(−2 ln(1 − p)).

    At 68 % it is radius/1.5096, the 0.66 of Briggs et al. (1999, ApJS 122, 503, eq. 8).
    """
    if not 0 < containment < 1:
        raise ValueError(f"a circle holds a probability between 0 and 1, not {containment}")
    return radius_rad / math.sqrt(-2 * math.log1p(-containment))


def circle(ra_rad: float, dec_rad: float, widths: Mapping[float, float], origin: Mapping[str, str]) -> SkyMap:
    """The map of a direction known to within a mixture of circles.

    Args:
        ra_rad, dec_rad: the centre (ICRS).
        widths: weight by σ in rad; κ = 1/σ². Weights are normalised.
        origin: what people should know about it.
    """
    sigma = np.array(list(widths), dtype=np.float64)
    weight = np.array(list(widths.values()), dtype=np.float64)
    if not (sigma.size and np.all((sigma > 0) & (sigma <= _MAX_SIGMA_RAD)) and np.all(weight >= 0) and weight.sum()):
        raise ValueError(f"widths of a circle lie above 0 and up to π, with weights that are not all 0: {widths}")
    centre = unit_vectors(ra_rad, dec_rad)
    order, ipix = _grid(centre, sigma, weight / weight.sum())
    density = _mean_density(order, ipix, centre, sigma, weight / weight.sum())
    density /= np.sum(density * cell_area_sr(order))
    return from_cells(order, ipix, density, origin=origin)


def anywhere(origin: Mapping[str, str]) -> SkyMap:
    """The map of a direction of which nothing is known."""
    return from_cells(np.zeros(12, np.uint8), np.arange(12), np.full(12, 0.25 / np.pi), origin=origin)


def thinned(m: SkyMap, contrast: float = 0.1, share: float = 1e-6) -> SkyMap:
    """A map without distances in fewer cells: siblings that hardly differ, or hold hardly anything, become one.

    Args:
        m: the map; probabilities of the cells that remain are exact.
        contrast: siblings merge when their densities differ by less than this part of their mean,
        share: or when together they hold less probability than this.
    """
    merged = merge_siblings(m)
    order, ipix, density = merged.order, merged.ipix, merged.density
    for level in range(int(order.max()), 0, -1):
        first = _quartets(level, order, ipix)
        four = density[first[:, None] + np.arange(4)]
        mean = four.mean(axis=1)
        alike = np.ptp(four, axis=1) <= contrast * mean
        first, mean = (column[alike | (mean * cell_area_sr(level - 1) <= share)] for column in (first, mean))
        keep = np.ones(order.size, np.bool_)
        keep[(first[:, None] + np.arange(1, 4)).ravel()] = False
        order, ipix, density = order.copy(), ipix.copy(), density.copy()
        order[first], ipix[first], density[first] = level - 1, ipix[first] >> 2, mean
        order, ipix, density = order[keep], ipix[keep], density[keep]
    return replace(m, order=order, ipix=ipix, density=density)


def radius_of(m: SkyMap, centre: Float, containment: float) -> float:
    """Angle around a direction (unit vector) that holds this probability, rad, to the size of the cells."""
    half_chord = np.linalg.norm(directions(m) - centre, axis=1) / 2
    outward = np.argsort(half_chord)
    total = np.cumsum(probability(m)[outward])
    at = min(int(np.searchsorted(total, containment * total[-1])), total.size - 1)
    return float(2 * np.arcsin(min(half_chord[outward[at]], 1.0)))


def mixture_log_density(vectors: Float, centre: Float, sigma: Float, weight: Float) -> tuple[Float, Float]:
    """ln density per steradian at (n, 3) unit vectors, and (n, k) the share of each component there."""
    half_chord_squared = np.sum(np.square(vectors - centre), axis=1) / 4
    with np.errstate(divide="ignore"):
        each = np.log(weight) + log_density(half_chord_squared[:, None], sigma)
    total = np.logaddexp.reduce(each, axis=1)
    return total, np.exp(each - total[:, None])


def _grid(centre: Float, sigma: Float, weight: Float) -> tuple[NDArray[np.uint8], Index]:
    """Cells that cover the sky, each small against the scale on which the density changes in it."""
    done: list[tuple[Index, Index]] = []
    ipix = np.arange(12 << (2 * START_ORDER), dtype=np.int64)
    for order in range(START_ORDER, MAX_ORDER + 1):
        coarse = _too_coarse(order, ipix, centre, sigma, weight) if order < MAX_ORDER else np.zeros(ipix.size, bool)
        done.append((np.full(np.count_nonzero(~coarse), order), ipix[~coarse]))
        ipix = (4 * ipix[coarse][:, None] + np.arange(4)).ravel()
        if not ipix.size:
            break
    return np.concatenate([cells[0] for cells in done]).astype(np.uint8), np.concatenate([cells[1] for cells in done])


def _too_coarse(order: int, ipix: Index, centre: Float, sigma: Float, weight: Float) -> NDArray[np.bool_]:
    """Whether each cell of one order must be split: by the density at its point nearest to the centre."""
    side = math.sqrt(float(cell_area_sr(order)))
    half_chord = np.linalg.norm(directions_of(np.full(ipix.size, order), ipix) - centre, axis=1) / 2
    nearest = np.maximum(2 * np.arcsin(np.minimum(half_chord, 1.0)) - side, 0.0)  # no corner is further than a side
    along = np.stack([np.sin(nearest), np.zeros(ipix.size), np.cos(nearest)], axis=1)
    log_peak, share = mixture_log_density(along, np.array([0.0, 0.0, 1.0]), sigma, weight)
    slope = np.sum(share * np.maximum(1 / sigma, np.sin(nearest)[:, None] / sigma**2), axis=1)
    return np.asarray((log_peak + 2 * math.log(side) > math.log(_SHARE)) & (side * slope > _STEP))


def _mean_density(order: NDArray[np.uint8], ipix: Index, centre: Float, sigma: Float, weight: Float) -> Float:
    """Mean over each cell, from the centres of its four children; at the finest order, its own."""
    deeper = np.minimum(MAX_ORDER - order.astype(np.int64), 1)
    density = np.empty(order.size)
    for levels in np.unique(deeper):
        cells = np.flatnonzero(deeper == levels)
        parts = 1 << (2 * int(levels))
        children = (ipix[cells][:, None] * parts + np.arange(parts)).ravel()
        vectors = directions_of(np.repeat(order[cells].astype(np.int64) + levels, parts), children)
        log_mean, _ = mixture_log_density(vectors, centre, sigma, weight)
        density[cells] = np.exp(log_mean).reshape(-1, parts).mean(axis=1)
    return density


def _quartets(level: int, order: NDArray[np.uint8], ipix: Index) -> Index:
    """Indices of the first of four siblings of one order, where all four are there."""
    first = np.flatnonzero((order == level) & (ipix & 3 == 0))
    first = first[first + 3 < order.size]
    for k in (1, 2, 3):
        first = first[(order[first + k] == level) & (ipix[first + k] == ipix[first] + k)]
    return first
