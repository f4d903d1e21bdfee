"""Directions as sky maps: from a circle of any width, from a map made elsewhere, from nothing known at all.

A circle is a mixture of von Mises–Fisher densities around one direction, so that a core and a tail of systematic
errors can be told; an ellipse is the same with two widths. Cells are fine where the density changes and coarse
elsewhere. Nothing is flat: the densities live on the sphere at any width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
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
_LEAST_RATIO = 0.02  # of an ellipse's axes: its cells are as small as the shorter one
_TURNS = 720  # directions over which an ellipse's normalisation is summed
_STRETCH = 1.5  # by which the equal-area plane lengthens a side, but for the far end of the sky

_TooCoarse = Callable[[int, Index], NDArray[np.bool_]]
_LogDensity = Callable[[Float], Float]


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
    centre, share = unit_vectors(ra_rad, dec_rad), weight / weight.sum()
    return _mapped(
        lambda order, ipix: _too_coarse(order, ipix, centre, sigma, share),
        lambda vectors: mixture_log_density(vectors, centre, sigma, share)[0],
        origin,
    )


def ellipse(
    ra_rad: float,
    dec_rad: float,
    widths: Mapping[tuple[float, float], float],
    position_angle_rad: float,
    origin: Mapping[str, str],
) -> SkyMap:
    """The map of a direction known to within a mixture of ellipses of one orientation.

    The density is a Gaussian in the plane of Lambert's equal-area projection about the centre, so it is one per
    steradian, and for two equal widths it is exactly the von Mises–Fisher density of a circle.

    Args:
        ra_rad, dec_rad: the centre (ICRS).
        widths: weight by (σ along the axis, σ across it) in rad. Weights are normalised.
        position_angle_rad: of the axis, from north through east.
        origin: what people should know about it.
    """
    sigma = np.array(list(widths), dtype=np.float64).reshape(-1, 2)
    weight = np.array(list(widths.values()), dtype=np.float64)
    sigma = np.maximum(sigma, _LEAST_RATIO * sigma.max(axis=1, keepdims=True))
    if not (sigma.size and np.all((sigma > 0) & (sigma <= _MAX_SIGMA_RAD)) and np.all(weight >= 0) and weight.sum()):
        raise ValueError(f"widths of an ellipse lie above 0 and up to π, with weights that are not all 0: {widths}")
    frame = _frame(ra_rad, dec_rad, position_angle_rad)
    log_peak = np.log(weight / weight.sum()) - _log_whole(sigma)
    return _mapped(
        lambda order, ipix: _too_coarse_ellipse(order, ipix, frame, sigma, log_peak),
        lambda vectors: np.asarray(
            np.logaddexp.reduce(log_peak - _elliptic_squared(vectors, frame, sigma) / 2, axis=1)
        ),
        origin,
    )


def _frame(ra_rad: float, dec_rad: float, position_angle_rad: float) -> Float:
    """(3, 3) unit vectors: the centre, along the axis, across it."""
    centre = unit_vectors(ra_rad, dec_rad)
    east = np.array([-math.sin(ra_rad), math.cos(ra_rad), 0.0])
    north = np.cross(centre, east)
    sin, cos = math.sin(position_angle_rad), math.cos(position_angle_rad)
    return np.stack([centre, cos * north + sin * east, cos * east - sin * north])


def _elliptic_squared(vectors: Float, frame: Float, sigma: Float) -> Float:
    """(n, k) squared distance from the centre in the equal-area plane, in units of each ellipse's widths."""
    chord = np.sum(np.square(vectors - frame[0]), axis=1)  # 2 − 2 cos ψ, the squared distance in the plane
    along, across = vectors @ frame[1], vectors @ frame[2]
    flat = np.square(along) + np.square(across)
    # at the very centre both are 0; at the far end no direction is known, and the rim is taken along the axis
    share = np.where(flat > 0, np.square(along) / np.where(flat > 0, flat, 1.0), 1.0)
    a, b = np.square(sigma).T
    return np.asarray(chord[:, None] * (share[:, None] / a + (1 - share[:, None]) / b))


def _log_whole(sigma: Float) -> Float:
    """(k,) ln ∫ of exp(−elliptic²/2) over the sphere, which is the disc of radius 2 of the equal-area plane."""
    turn = np.arange(_TURNS) * (2 * np.pi / _TURNS)
    a, b = np.square(sigma).T[:, :, None]
    steep = np.square(np.cos(turn)) / a + np.square(np.sin(turn)) / b
    return np.asarray(np.log(2 * np.pi * np.mean(-np.expm1(-2 * steep) / steep, axis=1)))


def _too_coarse_ellipse(order: int, ipix: Index, frame: Float, sigma: Float, log_peak: Float) -> NDArray[np.bool_]:
    """As `_too_coarse`: the scale of an ellipse is that across it, everywhere."""
    side = math.sqrt(float(cell_area_sr(order)))
    away = np.sqrt(_elliptic_squared(directions_of(np.full(ipix.size, order), ipix), frame, sigma))
    least = sigma.min(axis=1)
    nearest = np.maximum(away - _STRETCH * side / least, 0.0)
    log_each = log_peak - np.square(nearest) / 2
    total = np.logaddexp.reduce(log_each, axis=1)
    slope = np.sum(np.exp(log_each - total[:, None]) * np.maximum(1.0, nearest) / least, axis=1)
    return np.asarray((total + 2 * math.log(side) > math.log(_SHARE)) & (side * slope > _STEP))


def _mapped(too_coarse: _TooCoarse, log_density_at: _LogDensity, origin: Mapping[str, str]) -> SkyMap:
    order, ipix = _grid(too_coarse)
    density = _mean_density(order, ipix, log_density_at)
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


def _grid(too_coarse: _TooCoarse) -> tuple[NDArray[np.uint8], Index]:
    """Cells that cover the sky, each small against the scale on which the density changes in it."""
    done: list[tuple[Index, Index]] = []
    ipix = np.arange(12 << (2 * START_ORDER), dtype=np.int64)
    for order in range(START_ORDER, MAX_ORDER + 1):
        coarse = too_coarse(order, ipix) if order < MAX_ORDER else np.zeros(ipix.size, bool)
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


def _mean_density(order: NDArray[np.uint8], ipix: Index, log_density_at: _LogDensity) -> Float:
    """Mean over each cell, from the centres of its four children; at the finest order, its own."""
    deeper = np.minimum(MAX_ORDER - order.astype(np.int64), 1)
    density = np.empty(order.size)
    for levels in np.unique(deeper):
        cells = np.flatnonzero(deeper == levels)
        parts = 1 << (2 * int(levels))
        children = (ipix[cells][:, None] * parts + np.arange(parts)).ravel()
        vectors = directions_of(np.repeat(order[cells].astype(np.int64) + levels, parts), children)
        density[cells] = np.exp(log_density_at(vectors)).reshape(-1, parts).mean(axis=1)
    return density


def _quartets(level: int, order: NDArray[np.uint8], ipix: Index) -> Index:
    """Indices of the first of four siblings of one order, where all four are there."""
    first = np.flatnonzero((order == level) & (ipix & 3 == 0))
    first = first[first + 3 < order.size]
    for k in (1, 2, 3):
        first = first[(order[first + k] == level) & (ipix[first + k] == ipix[first] + k)]
    return first
