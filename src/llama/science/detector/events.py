"""Real events of IceCube to draw from: what each looked like, without where on the sky in right ascension or when.

Declination, angular error and energy of an event belong together, so one that is drawn keeps all three; right
ascension and time, in which the background is uniform, are drawn anew. Made by scripts/derive_icecube_events.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float

MOST_ENERGY_GEV = 1e12
"""No event has more: the highest that any detector saw has some 1e8 GeV."""


@dataclass(frozen=True, eq=False)
class SeasonEvents:
    """The events that one season's background is made from, all of them: `SeasonTable.n_observed`.

    Attributes:
        name: season, e.g. "IC86-2012".
        dec_rad: (n,) declination, ICRS.
        sigma_rad: (n,) 1σ error of the direction as one circle, at least what the search takes for the least.
        energy_gev: (n,) reconstructed energy: of the muon at the detector.
        digest: SHA-256 of name and events, in hexadecimal: names what was drawn from.
        source: where they come from, for people.

    Raises ValueError for what cannot be the events of a season.
    """

    name: str
    dec_rad: Float
    sigma_rad: Float
    energy_gev: Float
    digest: str
    source: str = ""

    def __post_init__(self) -> None:
        sizes = {column.shape for column in (self.dec_rad, self.sigma_rad, self.energy_gev)}
        if len(sizes) != 1 or self.dec_rad.ndim != 1:
            raise ValueError(
                f"season {self.name}: its columns of events have the shapes {sorted(sizes)}; one is wanted"
            )
        if not self.dec_rad.size:
            raise ValueError(f"season {self.name} has no events to draw from")
        with np.errstate(invalid="ignore"):
            self._refuse("declination (rad)", self.dec_rad, np.abs(self.dec_rad) <= np.pi / 2)
            self._refuse("angular error (rad)", self.sigma_rad, (self.sigma_rad > 0) & (self.sigma_rad <= np.pi))
            energy = self.energy_gev
            self._refuse("energy (GeV)", energy, (energy > 0) & (energy <= MOST_ENERGY_GEV))

    def within(self, low_gev: float, high_gev: float) -> SeasonEvents:
        """Those with energies that a search takes. ValueError when there is none."""
        keep = (self.energy_gev >= low_gev) & (self.energy_gev <= high_gev)
        if keep.all():
            return self
        dec, sigma, energy = (column[keep] for column in (self.dec_rad, self.sigma_rad, self.energy_gev))
        return replace(self, dec_rad=dec, sigma_rad=sigma, energy_gev=energy)

    def _refuse(self, what: str, values: Float, good: NDArray[np.bool_]) -> None:
        if not good.all():
            event = int(np.argmin(good))
            raise ValueError(f"season {self.name}: event {event} (counting from 0) has {what} {values[event]:g}")


@dataclass(frozen=True, eq=False)
class IceCubeEvents:
    """Events of all seasons by name."""

    seasons: Mapping[str, SeasonEvents]

    def season(self, name: str | None) -> SeasonEvents:
        """The named season's; ValueError that lists those there are."""
        if name is None or name not in self.seasons:
            there = ", ".join(sorted(self.seasons))
            raise ValueError(f"no events to draw from of season {name!r}; there are {there}")
        return self.seasons[name]
