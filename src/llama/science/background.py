"""How often the detector sees such a neutrino anyway: observed events around it in declination and energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.response import LN10, SeasonTable
from llama.science.search import Search

Float = NDArray[np.float64]


def window_counts(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """N_in: events within δω in declination and ΔE in log10 energy, at least one (SCIENCE 1.4, trap 15).

    Counted in fine bins (events spread evenly within each), so it is continuous.
    """
    south, north = _band_deg(search, dec_rad)
    log_energy = np.log10(np.asarray(energy_gev, dtype=np.float64))
    low, high = log_energy - search.energy_window_dex, log_energy + search.energy_window_dex
    below = (
        _below(season, north, high)
        - _below(season, south, high)
        - _below(season, north, low)
        + _below(season, south, low)
    )
    return np.maximum(below, 1.0)


def log_background_density(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """ln P_emp(δ, ε) in sr⁻¹ GeV⁻¹; the declination band is clipped at the poles."""
    south, north = _band_deg(search, dec_rad)
    solid_angle = 2 * np.pi * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    width_gev = 2 * search.energy_window_dex * np.asarray(energy_gev, dtype=np.float64) * LN10
    counts = window_counts(season, search, dec_rad, energy_gev)
    return np.asarray(np.log(counts) - np.log(season.n_observed * solid_angle * width_gev))


def energy_cap_gev(season: SeasonTable, search: Search, dec_rad: ArrayLike) -> Float:
    """Highest background energy in the declination band (choice A12); +inf in a band without events."""
    south, north = _band_deg(search, dec_rad)
    edges = season.counts_dec_deg
    step = edges[1] - edges[0]
    first = np.floor((south - edges[0]) / step + 1e-9).astype(np.int64)
    last = np.ceil((north - edges[0]) / step - 1e-9).astype(np.int64)
    highest = [
        season.highest_log10_energy[a:b].max() for a, b in zip(np.atleast_1d(first), np.atleast_1d(last), strict=True)
    ]
    cap = 10.0 ** np.array(highest).reshape(np.shape(first))
    return np.where(cap > 0, cap, np.inf)


def _band_deg(search: Search, dec_rad: ArrayLike) -> tuple[Float, Float]:
    dec = np.degrees(np.asarray(dec_rad, dtype=np.float64))
    return np.maximum(dec - search.declination_window_deg, -90.0), np.minimum(
        dec + search.declination_window_deg, 90.0
    )


def _below(season: SeasonTable, dec_deg: Float, log10_energy: Float) -> Float:
    """Events south of and less energetic than each point, bilinear between the bin edges."""
    table = season.cumulative_counts
    i, u = _place(season.counts_dec_deg, dec_deg)
    j, v = _place(season.counts_log10_energy, log10_energy)
    lower = table[i, j] * (1 - v) + table[i, j + 1] * v
    upper = table[i + 1, j] * (1 - v) + table[i + 1, j + 1] * v
    return np.asarray(lower * (1 - u) + upper * u)


def _place(edges: Float, value: Float) -> tuple[NDArray[np.int64], Float]:
    """Bin and the fraction of it below the value; outside the edges the nearest end."""
    scaled = np.clip((value - edges[0]) / (edges[1] - edges[0]), 0.0, edges.size - 1.0)
    left = np.minimum(scaled.astype(np.int64), edges.size - 2)
    return left, scaled - left
