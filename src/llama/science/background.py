"""How often the detector sees such a neutrino anyway: observed events around it in declination and energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.response import LN10, SeasonTable, interpolate_sin_dec, signal_rows
from llama.science.search import Search

Float = NDArray[np.float64]


def window_counts(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """N_in: events within δω in declination and ΔE in log10 energy, at least one (SCIENCE 1.4, trap 15).

    Counted in fine bins (events spread evenly within each), so it is continuous.
    """
    south, north = _band_deg(search, dec_rad)
    return np.maximum(_within(season, search, south, north, np.log10(np.asarray(energy_gev, dtype=np.float64))), 1.0)


def log_background_density(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """ln P_emp(δ, ε) in sr⁻¹ GeV⁻¹, times `smoothing_bias`; the declination band is clipped at the poles."""
    south, north = _band_deg(search, dec_rad)
    solid_angle = 2 * np.pi * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    width_gev = 2 * search.energy_window_dex * np.asarray(energy_gev, dtype=np.float64) * LN10
    counts = window_counts(season, search, dec_rad, energy_gev) * smoothing_bias(season, search, dec_rad)
    return np.asarray(np.log(counts) - np.log(season.n_observed * solid_angle * width_gev))


def smoothing_bias(season: SeasonTable, search: Search, dec_rad: ArrayLike) -> Float:
    """k(δ): the mean of a/P_emp over the band's events, relative to what it should be (docs/science/response.md).

    The window in energy is wide against the spectrum; P_emp is too high where that falls, and most of the signal is
    there. Over the background a/P_emp must average to the share of the signal at energies within reach of any event,
    or the likelihood of a common source would not be normalised. 1 where no event is within reach of the signal.
    """
    south, north = (np.ravel(edge)[:, None] for edge in _band_deg(search, dec_rad))
    edges = season.counts_log10_energy
    centre = (edges[1:] + edges[:-1]) / 2
    observed = np.diff(_below(season, north, edges) - _below(season, south, edges), axis=-1)
    inside = _within(season, search, south, north, centre)
    signal = _signal_per_dex(season, centre, dec_rad)
    mean = (signal * observed / np.maximum(inside, 1.0)).sum(axis=-1) * 2 * search.energy_window_dex
    reached = (signal * np.minimum(inside, 1.0)).sum(axis=-1) * (edges[1] - edges[0])
    bias = np.divide(mean, reached, out=np.ones_like(mean), where=(mean > 0) & (reached > 0))
    return np.asarray(bias.reshape(np.shape(dec_rad)))


def energy_cap_gev(season: SeasonTable, search: Search, dec_rad: ArrayLike) -> Float:
    """Energy of the highest event within δω in declination (choice A12); +inf in a band without events.

    Raises:
        ValueError: a δω narrower than the table's peaks allow.
    """
    if search.declination_window_deg < season.peaks_window_deg:
        raise ValueError(
            f"search {search.name}: declination_window_deg is {search.declination_window_deg:g}; the table of "
            f"{season.name} knows the highest energies of bands of {season.peaks_window_deg:g} and more"
        )
    south, north = _band_deg(search, dec_rad)
    first = np.searchsorted(season.peaks_dec_deg, south, "left")
    last = np.searchsorted(season.peaks_dec_deg, north, "right")
    bands = zip(np.ravel(first), np.ravel(last), strict=True)
    highest = [season.peaks_log10_energy[a:b].max() if b > a else np.inf for a, b in bands]
    return np.asarray(10.0 ** np.array(highest).reshape(np.shape(first)))


def _band_deg(search: Search, dec_rad: ArrayLike) -> tuple[Float, Float]:
    dec = np.degrees(np.asarray(dec_rad, dtype=np.float64))
    return np.maximum(dec - search.declination_window_deg, -90.0), np.minimum(
        dec + search.declination_window_deg, 90.0
    )


def _signal_per_dex(season: SeasonTable, log10_energy: Float, dec_rad: ArrayLike) -> Float:
    """(n, e) signal density in log10 energy at each declination, flattened, for each energy."""
    energy = 10.0**log10_energy
    rows = signal_rows(season, energy) * (energy * LN10)[:, None]
    sin_dec = np.sin(np.ravel(np.asarray(dec_rad, dtype=np.float64)))[:, None]
    return interpolate_sin_dec(season, rows, np.arange(energy.size), sin_dec)


def _within(season: SeasonTable, search: Search, south: Float, north: Float, log10_energy: Float) -> Float:
    """Events between two declinations and within ΔE of an energy."""
    low, high = log10_energy - search.energy_window_dex, log10_energy + search.energy_window_dex
    return (
        _below(season, north, high)
        - _below(season, south, high)
        - _below(season, north, low)
        + _below(season, south, low)
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
