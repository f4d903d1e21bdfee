"""Simulated background: neutrinos that never happened, with the rate and densities of a real season.

Their number is Poisson with the season's rate in good runs. Declination, zenith, energy and angular error are those
of a real event drawn at random, so every correlation between them stays; right ascension and time are uniform.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from llama.ports import SIMULATED_SOURCE, Neutrino, NeutrinoWindow, SeasonStretch
from llama.science.detector import azimuth_deg
from llama.science.times import mjd_from_gps
from llama.services.errors import ArchiveError
from llama.services.icecube.archive import IceCubeArchive, neutrino_of
from llama.services.icecube.sample import COLUMNS
from llama.services.window import require_window


class IceCubeSimulated:
    """A neutrino source that covers every window completely, at any time."""

    def __init__(self, archive: IceCubeArchive, season: str) -> None:
        """Draws from one season of an installed release. ArchiveError when it has no such season."""
        self._season = archive.season(season)
        self._good = self._season.events[:, self._season.in_good_run()]
        self._release = archive.name
        if not self._good.size:
            raise ArchiveError(f"{archive.name} has no events of {season} in good runs to draw from")

    @property
    def name(self) -> str:
        """Says that it is simulated, and from what."""
        return f"{SIMULATED_SOURCE} from {self._release} {self._season.name}"

    @property
    def rate_hz(self) -> float:
        """Neutrinos per second."""
        return float(self._good.shape[1] / self._season.livetime_s)

    def window(self, start_gps: float, stop_gps: float, *, seed: str) -> NeutrinoWindow:
        """Neutrinos with start <= time < stop; the same seed and window always give the same ones."""
        require_window(start_gps, stop_gps)
        start_gps, stop_gps = float(start_gps), float(stop_gps)
        duration = stop_gps - start_gps
        rng = _generator(f"{seed}\0{self._season.name}\0{start_gps!r}\0{stop_gps!r}")
        number = int(rng.poisson(self.rate_hz * duration))
        times = start_gps + duration * np.sort(rng.random(number))
        drawn = self._good[:, rng.integers(self._good.shape[1], size=number)].copy()
        drawn[COLUMNS.index("ra_deg")] = np.round(360.0 * rng.random(number), 4) % 360.0
        neutrinos = self._neutrinos(times, drawn)
        season = self._season.name
        covered = (SeasonStretch(start_gps, stop_gps, season),)
        return NeutrinoWindow(start_gps, stop_gps, neutrinos, season, duration, True, covered=covered)

    def close(self) -> None:
        """Nothing is held open: what it knows was read into memory."""

    def _neutrinos(self, times: NDArray[np.float64], drawn: NDArray[np.float64]) -> tuple[Neutrino, ...]:
        mjds = np.atleast_1d(mjd_from_gps(times)).tolist()
        real = [neutrino_of(event, self._season.name) for event in drawn.T.tolist()]
        return tuple(
            replace(one, mjd=mjd, azimuth_deg=azimuth_deg(mjd, one.ra_deg), event=number, type="simulated")
            for number, (mjd, one) in enumerate(zip(mjds, real, strict=True))
        )


def _generator(seed: str) -> np.random.Generator:
    digest = hashlib.sha256(f"simulated\0{seed}".encode()).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int.from_bytes(digest, "big"))))
