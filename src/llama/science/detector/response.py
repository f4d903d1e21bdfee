"""What IceCube would see of a source: signal density and expected counts by declination and reconstructed energy.

Tables are arguments, made by scripts/derive_icecube_tables.py from public releases, one per season of data taking.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from llama.science.arrays import Float

LN10 = float(np.log(10))
UPPER_LIMIT_COUNTS = 2.302585092994046  # ln 10: 90 % of Poisson counts with this mean see at least one


@dataclass(frozen=True, eq=False)
class SeasonTable:
    """Detector and background of one IceCube season.

    Attributes:
        name: season, e.g. "IC86-2012".
        rate_hz: R_ν, observed events per second of livetime.
        n_observed: events the background is made from.
        livetime_s: seconds of good runs.
        sin_dec: (d,) ascending uniform grid of sin δ, bin centres.
        log10_energy: (e,) ascending uniform grid of log10(reconstructed energy/GeV).
        signal_per_dex: (e, d) a(ε, δ)·ε ln 10: density of the signal in log10 ε for an E⁻² source, scaled so that
            its integral over energy, α, has sky mean 1. Linear between grid points; zero half a step beyond the ends.
        true_log10_energy: (t + 1,) bin edges of the true energy.
        effective_area_cm2: (t, d) for ν_μ + ν̄_μ, in true energy.
        counts: (b, c) background events in bins of declination and log10 energy.
        counts_dec_deg: (b + 1,) uniform bin edges. counts_log10_energy: (c + 1,) uniform bin edges.
        peaks_dec_deg, peaks_log10_energy: (p,) events, by ascending declination, among which are the highest of every
            declination band with a half width of at least peaks_window_deg.
        peaks_window_deg: see there.
        n_51_100: neutrinos this season would see on average of 1e51 erg (10 to 1e8 GeV) at 100 Mpc.
        smearing: how the reconstructed energy was modelled, for people; results quote it.
        source: where the numbers come from, for people.
    """

    name: str
    rate_hz: float
    n_observed: int
    livetime_s: float
    sin_dec: Float
    log10_energy: Float
    signal_per_dex: Float
    true_log10_energy: Float
    effective_area_cm2: Float
    counts: NDArray[np.uint16]
    counts_dec_deg: Float
    counts_log10_energy: Float
    peaks_dec_deg: Float
    peaks_log10_energy: Float
    peaks_window_deg: float
    n_51_100: float
    smearing: str
    source: str

    @cached_property
    def alpha(self) -> Float:
        """(d,) α(δ) = ∫a dε: expected counts by declination over their sky average."""
        step = float(self.log10_energy[1] - self.log10_energy[0])
        return np.asarray(self.signal_per_dex.sum(axis=0) * step)

    @cached_property
    def padded_signal_per_dex(self) -> Float:
        """(e + 2, d) with the zeros beyond both ends."""
        return np.pad(self.signal_per_dex, ((1, 1), (0, 0)))

    @cached_property
    def signal_per_dex_where_counted(self) -> Float:
        """(c, d) signal density in log10 ε at the middle of the bins in which events are counted."""
        energy = 10.0 ** ((self.counts_log10_energy[1:] + self.counts_log10_energy[:-1]) / 2)
        return signal_rows(self, energy) * (energy * LN10)[:, None]

    @cached_property
    def cumulative_counts(self) -> Float:
        """(b + 1, c + 1) events below each pair of edges."""
        table = np.zeros((self.counts.shape[0] + 1, self.counts.shape[1] + 1))
        table[1:, 1:] = self.counts.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
        return table


@dataclass(frozen=True, eq=False)
class IceCubeTables:
    """All seasons by name."""

    seasons: Mapping[str, SeasonTable]

    def season(self, name: str | None) -> SeasonTable:
        """The named season; ValueError that lists those there are."""
        if name is None or name not in self.seasons:
            raise ValueError(f"no response table for season {name!r}; there are {', '.join(sorted(self.seasons))}")
        return self.seasons[name]


def interpolate_sin_dec(
    season: SeasonTable, values: Float, row: NDArray[np.int64] | None, sin_dec: ArrayLike
) -> Float:
    """Linear interpolation on the declination grid, flat beyond its ends.

    Args:
        values: (…, d), all of which are wanted at each direction; or (n, d) with `row`, which says for each direction
            which of the n rows.
    """
    left, rest = grid_place(season, sin_dec)
    low, high = (values.take(at, axis=-1) if row is None else values[row, at] for at in (left, left + 1))
    return np.asarray(low + rest * (high - low))


def grid_place(season: SeasonTable, sin_dec: ArrayLike) -> tuple[NDArray[np.int64], Float]:
    """Point of the declination grid to the south of each direction, and how far on it is to the next, 0 to 1."""
    grid = season.sin_dec
    step = (grid[-1] - grid[0]) / (grid.size - 1)
    place = (np.asarray(sin_dec, dtype=np.float64) - grid[0]) / step
    place = np.minimum(np.maximum(place, 0.0), grid.size - 1.0)
    left = np.minimum(place.astype(np.int64), grid.size - 2)
    return left, place - left


def alpha(season: SeasonTable, sin_dec: ArrayLike) -> Float:
    """α at any direction."""
    return interpolate_sin_dec(season, season.alpha, None, sin_dec)


def signal_rows(season: SeasonTable, energy_gev: ArrayLike) -> Float:
    """(n, d) a(ε, δ) in GeV⁻¹ for each reconstructed energy, on the declination grid."""
    energy = np.atleast_1d(np.asarray(energy_gev, dtype=np.float64))
    grid = season.log10_energy
    step = (grid[-1] - grid[0]) / (grid.size - 1)
    padded = season.padded_signal_per_dex
    place = (np.log10(energy) - grid[0]) / step + 1
    inside = (place > 0) & (place < grid.size + 1)
    left = np.clip(place.astype(np.int64), 0, grid.size)
    rest = (place - left)[:, None]
    per_dex = padded[left] * (1 - rest) + padded[left + 1] * rest
    return np.asarray(np.where(inside[:, None], per_dex, 0.0) / (energy * LN10)[:, None])


def fluence_counts(season: SeasonTable) -> Float:
    """(d,) ∫A_eff ε⁻² dε in cm² GeV⁻¹: expected neutrinos for E² dN/dE = 1 GeV cm⁻²."""
    return np.asarray((season.effective_area_cm2 * _inverse_square(season)[:, None]).sum(axis=0))


def flux_sensitivity(season: SeasonTable, dec_rad: ArrayLike) -> tuple[float, float]:
    """Least and largest E² dN/dE (ν_μ + ν̄_μ, GeV cm⁻²) that yields 2.3 events over the given declinations.

    That is the 90 % upper limit for no event and no background: a source as bright is seen 90 % of the time.
    """
    counts = interpolate_sin_dec(season, fluence_counts(season), None, np.sin(np.atleast_1d(np.asarray(dec_rad))))
    if not counts.size:
        raise ValueError("no declination given for the flux sensitivity")
    return float(UPPER_LIMIT_COUNTS / counts.max()), float(UPPER_LIMIT_COUNTS / counts.min())


def sensitive_energies_gev(season: SeasonTable, dec_rad: ArrayLike) -> tuple[float, float]:
    """True energies between which 90 % of the detected neutrinos of an E⁻² source lie, mean of the declinations."""
    sin_dec = np.sin(np.atleast_1d(np.asarray(dec_rad, dtype=np.float64)))
    rates = season.effective_area_cm2 * _inverse_square(season)[:, None]
    mean = interpolate_sin_dec(season, rates, None, sin_dec).mean(axis=1)
    reached = np.concatenate([[0.0], np.cumsum(mean)]) / mean.sum()
    low, high = np.interp([0.05, 0.95], reached, season.true_log10_energy)
    return float(10**low), float(10**high)


def _inverse_square(season: SeasonTable) -> Float:
    """(t,) ∫ε⁻² dε over each bin of true energy, GeV⁻¹."""
    return -np.diff(10.0**-season.true_log10_energy)
