"""Real background neutrinos to draw from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.detector import SeasonEvents
from llama.science.search import Search


@dataclass(frozen=True, eq=False)
class Pool:
    """Background neutrinos to draw from: declination and error in rad, energy in GeV, all of one length."""

    dec_rad: Float
    sigma_rad: Float
    energy_gev: Float
    source: str

    def __len__(self) -> int:
        return int(self.dec_rad.size)

    @classmethod
    def of(cls, events: SeasonEvents) -> Pool:
        """The events of a season that background is drawn from."""
        source = f"real events of {events.name}, scrambled"
        return cls(events.dec_rad, events.sigma_rad, events.energy_gev, source)

    def take(self, rows: NDArray[np.int64]) -> Pool:
        """Some of them."""
        return Pool(self.dec_rad[rows], self.sigma_rad[rows], self.energy_gev[rows], self.source)

    def within(self, search: Search) -> Pool:
        """Those of the search's energies."""
        inside = (self.energy_gev >= search.energy_min_gev) & (self.energy_gev <= search.energy_max_gev)
        return self.take(np.flatnonzero(inside))

    def half(self, which: int) -> Pool:
        """Every second neutrino, from number 0 or 1: two halves that share none."""
        return self.take(np.arange(which, len(self), 2))
