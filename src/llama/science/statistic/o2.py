"""The search of the second observing run, for comparison (arXiv:1901.05486, eqs. 1-5; SCIENCE 6.1).

A likelihood ratio on the sky, L = S_GW S_ν/(B_GW B_ν), for one neutrino: the sky map set to zero outside its 90 %
region and not renormalised, a flat Gaussian for the neutrino, an isotropic sky for noise triggers and half a sky for
background neutrinos. No energy, no distance, no rates. It shares nothing with `coincidence`.

The neutrino quality cut of that search took up-going neutrinos, and down-going ones with a score above 0.1 of a
boosted decision tree. Public samples do not hold that score; `O2Neutrino.upgoing` says who passed without it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.arrays import Float, Index
from llama.science.sky import MAX_ORDER, SkyMap, cell_area_sr, credible_region, directions_of, unit_vectors

WINDOW_S = 500.0
LEVEL = 0.9
DEG2_PER_SR = float(np.degrees(1.0) ** 2)
THRESHOLD_PER_DEG2 = 1e-4
LIKELIHOOD_FACTOR = 8 * np.pi**2  # 1/(B_GW B_ν) with B_GW = 1/4π and B_ν = 1/2π, per sr
_CELL_OVER_SIGMA = 0.125
_LARGEST_SIDE_RAD = np.radians(0.7)  # wider Gaussians are sampled on cells of this size


@dataclass(frozen=True)
class O2Neutrino:
    """What the search says of one neutrino.

    Attributes:
        in_time: within ±500 s of the trigger.
        in_region: some part of the 90 % region has a neutrino density above 1e-4 per square degree.
        upgoing: seen through the Earth (δ > 0 at the South Pole); down-going ones would have needed the score.
        likelihood: largest L over the sky, 0 where nothing overlaps.
        ra_rad, dec_rad: where it is largest; None when it is 0 everywhere.
    """

    in_time: bool
    in_region: bool
    upgoing: bool
    likelihood: float
    ra_rad: float | None
    dec_rad: float | None

    @property
    def coincident(self) -> bool:
        """Passed the cuts in time and position."""
        return self.in_time and self.in_region


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a sky map that hold density: orders, NESTED indices, densities per sr, unit vectors to the centres."""

    order: NDArray[np.int64]
    ipix: NDArray[np.int64]
    density: Float
    direction: Float

    @classmethod
    def of(cls, skymap: SkyMap, density: Float) -> Cells:
        """`density` is `skymap.density` or what `truncated` made of it; cells where it is zero are left out."""
        keep = np.flatnonzero(density > 0)
        order, ipix = skymap.order[keep].astype(np.int64), skymap.ipix[keep].astype(np.int64)
        return cls(order, ipix, density[keep], directions_of(order, ipix))

    def split(self, some: NDArray[np.bool_]) -> Cells:
        """The four quarters of some of them."""
        order, density = np.repeat(self.order[some] + 1, 4), np.repeat(self.density[some], 4)
        ipix = (4 * self.ipix[some][:, None] + np.arange(4)).ravel()
        return Cells(order, ipix, density, directions_of(order, ipix))


@dataclass(frozen=True, eq=False)
class Samples:
    """Where L is sampled: unit vectors (m, 3), solid angles (m,) and the sky map's density per sr (m,)."""

    direction: Float
    area_sr: Float
    density: Float


def truncated(skymap: SkyMap, level: float = LEVEL) -> Float:
    """(n,) density per sr, zero outside the `credible_region` of `level`, not renormalised (F_GW^90)."""
    return np.where(credible_region(skymap, level), skymap.density, 0.0)


def neutrino_density(separation_rad: ArrayLike, sigma_rad: float) -> Float:
    """F_ν per sr at this distance: the flat Gaussian of that search, good for small σ only."""
    psi = np.asarray(separation_rad, dtype=np.float64)
    return np.asarray(np.exp(-(psi**2) / (2 * sigma_rad**2)) / (2 * np.pi * sigma_rad**2))


def threshold_radius_rad(sigma_rad: float) -> float | None:
    """ψ at which F_ν falls to 1e-4 per deg²: σ√(2 ln(1e4/2πσ²)), σ in degrees; None when it never gets there."""
    peak = 1 / (2 * np.pi * np.degrees(sigma_rad) ** 2)
    if peak <= THRESHOLD_PER_DEG2:
        return None
    return float(sigma_rad * np.sqrt(2 * np.log(peak / THRESHOLD_PER_DEG2)))


def samples(cells: Cells, centre: Float, sigma_rad: float) -> Samples:
    """The cells, split where they are coarser than σ/8 and nearer than 6σ to the neutrino."""
    done = [(np.empty((0, 3)), np.empty(0), np.empty(0))]
    while cells.order.size:
        side = np.sqrt(cell_area_sr(cells.order))
        whole = ~is_split(cells.order, side, separation_rad(cells.direction, centre), sigma_rad)
        done.append((cells.direction[whole], side[whole] ** 2, cells.density[whole]))
        cells = cells.split(~whole)
    directions, areas, values = (np.concatenate(column) for column in zip(*done, strict=True))
    return Samples(directions, areas, values)


def is_split(order: Index, side_rad: Float, separation_rad: Float, sigma_rad: ArrayLike) -> NDArray[np.bool_]:
    """Whether L is sampled at the quarters of cells rather than at their centres, so far from a neutrino."""
    near = separation_rad < 6 * np.asarray(sigma_rad) + side_rad
    coarse = (side_rad >= np.minimum(_CELL_OVER_SIGMA * np.asarray(sigma_rad), _LARGEST_SIDE_RAD)) & (
        order < MAX_ORDER
    )
    return np.asarray(near & coarse)


def likelihood(at: Samples, centre: Float, sigma_rad: float) -> Float:
    """(m,) L(x_s) = 8π² F_GW F_ν at each point."""
    return LIKELIHOOD_FACTOR * at.density * neutrino_density(separation_rad(at.direction, centre), sigma_rad)


def separation_rad(directions: Float, centre: Float) -> Float:
    """Angle between unit vectors (m, 3) and one of them, from the chord."""
    half = np.linalg.norm(directions - centre, axis=-1) / 2
    return np.asarray(2 * np.arcsin(np.minimum(half, 1.0)))


def o2_neutrino(region: Cells, delay_s: float, ra_rad: float, dec_rad: float, sigma_rad: float) -> O2Neutrino:
    """One neutrino against one sky map.

    Args:
        region: cells of the map, `truncated`.
        delay_s: time of the neutrino after the trigger.
        ra_rad, dec_rad, sigma_rad: direction (ICRS) and error of the neutrino.
    """
    centre = unit_vectors(ra_rad, dec_rad)
    at = samples(region, centre, sigma_rad)
    value = likelihood(at, centre, sigma_rad)
    reach = threshold_radius_rad(sigma_rad)
    in_region = reach is not None and bool((separation_rad(at.direction, centre) < reach).any())
    best = int(np.argmax(value)) if value.size else 0
    largest = float(value[best]) if value.size else 0.0
    x, y, z = at.direction[best] if largest > 0 else (0.0, 0.0, 0.0)
    return O2Neutrino(
        in_time=abs(delay_s) <= WINDOW_S,
        in_region=in_region,
        upgoing=dec_rad > 0,
        likelihood=largest,
        ra_rad=float(np.arctan2(y, x) % (2 * np.pi)) if largest > 0 else None,
        dec_rad=float(np.arctan2(z, np.hypot(x, y))) if largest > 0 else None,
    )


def o2_search(
    skymap: SkyMap, gw_gps_s: float, gps_s: Float, ra_rad: Float, dec_rad: Float, sigma_rad: Float
) -> tuple[tuple[O2Neutrino, ...], int | None]:
    """Every neutrino of a list, and which of the coincident ones has the largest L (None when there is none).

    Raises ValueError for a neutrino without a positive, finite error or direction.
    """
    columns = np.stack([np.asarray(c, dtype=np.float64) for c in (gps_s, ra_rad, dec_rad, sigma_rad)])
    bad = ~np.isfinite(columns).all(axis=0) | ~(columns[3] > 0)
    if bad.any():
        raise ValueError(f"neutrino {int(np.argmax(bad))} has no finite time, direction or positive angular error")
    region = Cells.of(skymap, truncated(skymap))
    found = tuple(o2_neutrino(region, gps - gw_gps_s, ra, dec, sigma) for gps, ra, dec, sigma in columns.T.tolist())
    passed = [i for i, one in enumerate(found) if one.coincident]
    return found, max(passed, key=lambda i: found[i].likelihood, default=None)
