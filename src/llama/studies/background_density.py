"""The background density that the statistic uses, as something to draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import LN10, SeasonTable, log_background_density
from llama.science.search import Search

_SIN_DEC_CELLS, _ENERGY_CELLS = 2000, 1400


@dataclass(frozen=True, eq=False)
class BackgroundDraws:
    """P_emp on a fine grid of sin δ and log10 energy, over the whole band of the search.

    Attributes:
        log10_low, log10_high: the search's band of log10(energy/GeV).
        cumulative: (cells,) probability up to and with each cell, sin δ first.
        total: ∫P_emp, near one: the density counts at least one neighbour everywhere, and bands end at the poles.
    """

    log10_low: float
    log10_high: float
    cumulative: Float
    total: float

    @classmethod
    def of(cls, season: SeasonTable, search: Search) -> BackgroundDraws:
        low, high = np.log10(search.energy_min_gev), np.log10(search.energy_max_gev)
        sin_dec = (np.arange(_SIN_DEC_CELLS) + 0.5) * 2 / _SIN_DEC_CELLS - 1
        log_energy = low + (np.arange(_ENERGY_CELLS) + 0.5) * (high - low) / _ENERGY_CELLS
        dec, energy = np.arcsin(sin_dec)[:, None], 10 ** log_energy[None, :]
        per_dex = np.exp(log_background_density(season, search, dec, energy)) * energy * LN10
        cell = 2 * np.pi * 2 / _SIN_DEC_CELLS * (high - low) / _ENERGY_CELLS
        cumulative = np.cumsum(per_dex.ravel()) * cell
        return cls(float(low), float(high), cumulative / cumulative[-1], float(cumulative[-1]))

    def draw(self, rng: np.random.Generator, count: int) -> tuple[Float, Float]:
        """Declinations (rad) and energies (GeV) of this many neutrinos."""
        cell = np.searchsorted(self.cumulative, rng.random(count), side="right").clip(max=self.cumulative.size - 1)
        row, column = np.divmod(cell, _ENERGY_CELLS)
        sin_dec = (row + rng.random(count)) * 2 / _SIN_DEC_CELLS - 1
        step = (self.log10_high - self.log10_low) / _ENERGY_CELLS
        return np.arcsin(sin_dec), 10 ** (self.log10_low + (column + rng.random(count)) * step)
