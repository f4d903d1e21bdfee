"""How often the detector sees such a neutrino anyway: observed events around it in declination and energy."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.arrays import Float
from llama.science.detector.response import LN10, SeasonTable, interpolate_sin_dec
from llama.science.search import Search


def window_counts(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """N_in: events within δω in declination and ΔE in log10 energy, at least one (SCIENCE 1.4, trap 15).

    Counted in fine bins (events spread evenly within each), so it is continuous.
    """
    return _window_counts(season, search, _events_of_band(season, search, dec_rad), energy_gev)


def log_background_density(season: SeasonTable, search: Search, dec_rad: ArrayLike, energy_gev: ArrayLike) -> Float:
    """ln P_emp(δ, ε) in sr⁻¹ GeV⁻¹, times `smoothing_bias`; the declination band is clipped at the poles."""
    south, north = _band_deg(search, dec_rad)
    solid_angle = 2 * np.pi * (np.sin(np.radians(north)) - np.sin(np.radians(south)))
    width_gev = 2 * search.energy_window_dex * np.asarray(energy_gev, dtype=np.float64) * LN10
    band = _events_of_band(season, search, dec_rad)
    counts = _window_counts(season, search, band, energy_gev) * _smoothing_bias(season, search, band, dec_rad)
    return np.asarray(np.log(counts) - np.log(season.n_observed * solid_angle * width_gev))


def smoothing_bias(season: SeasonTable, search: Search, dec_rad: ArrayLike) -> Float:
    """k(δ): the mean of a/P_emp over the band's events, relative to what it should be (docs/science/response.md).

    The window in energy is wide against the spectrum; P_emp is too high where that falls, and most of the signal is
    there. Over the background a/P_emp must average to the share of the signal at energies within reach of any event,
    or the likelihood of a common source would not be normalised. 1 where no event is within reach of the signal.
    """
    return _smoothing_bias(season, search, _events_of_band(season, search, dec_rad), dec_rad)


def _window_counts(season: SeasonTable, search: Search, band: Float, energy_gev: ArrayLike) -> Float:
    return np.maximum(_within(season, search, band, np.log10(np.asarray(energy_gev, dtype=np.float64))), 1.0)


def _smoothing_bias(season: SeasonTable, search: Search, band: Float, dec_rad: ArrayLike) -> Float:
    band, edges = band.reshape(-1, band.shape[-1]), season.counts_log10_energy
    observed = np.diff(band, axis=-1)
    inside = _within(season, search, band[:, None], (edges[1:] + edges[:-1]) / 2)
    signal = interpolate_sin_dec(season, season.signal_per_dex_where_counted, None, np.sin(np.ravel(dec_rad))).T
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


def _events_of_band(season: SeasonTable, search: Search, dec_rad: ArrayLike) -> Float:
    """(…, c + 1) events within δω of each declination that are less energetic than each edge of the bins."""
    table = season.cumulative_counts

    def south_of(dec_deg: Float) -> Float:
        i, u = _place(season.counts_dec_deg, dec_deg)
        return np.asarray(table[i] + u[..., None] * (table[i + 1] - table[i]))

    south, north = _band_deg(search, dec_rad)
    return south_of(north) - south_of(south)


def _within(season: SeasonTable, search: Search, band: Float, log10_energy: Float) -> Float:
    """Events of bands (…, c + 1) within ΔE of energies (…)."""
    row, flat = np.arange(band[..., 0].size).reshape(band.shape[:-1]), band.reshape(-1, band.shape[-1])

    def below(at: Float) -> Float:
        j, v = _place(season.counts_log10_energy, at)
        return np.asarray(flat[row, j] * (1 - v) + flat[row, j + 1] * v)

    return below(log10_energy + search.energy_window_dex) - below(log10_energy - search.energy_window_dex)


def _place(edges: Float, value: Float) -> tuple[NDArray[np.int64], Float]:
    """Bin and the fraction of it below the value; outside the edges the nearest end."""
    scaled = np.clip((value - edges[0]) / (edges[1] - edges[0]), 0.0, edges.size - 1.0)
    left = np.minimum(scaled.astype(np.int64), edges.size - 2)
    return left, scaled - left
