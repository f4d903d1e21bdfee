"""Neutrino lists as their files write them: every depth of a study computes with the digits of the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.messengers.icecube.products import WINDOW_S
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.ports import SIMULATED_SOURCE, SeasonStretch
from llama.science.arrays import Float, Index
from llama.science.detector import azimuth_deg, zenith_deg
from llama.science.statistic import NeutrinoLists, Neutrinos
from llama.science.times import gps_from_mjd, mjd_from_gps
from llama.studies.truth import BACKGROUND, Lists

_MJD_DIGITS, _DEG_DIGITS, _ENERGY_DIGITS = 9, 4, 6
_LEAST_SIGMA_DEG = 10.0**-_DEG_DIGITS


@dataclass(frozen=True, eq=False)
class Listed:
    """Lists of many trials around one trigger, in the units and with the digits of `icecube_neutrino_list.json`.

    Attributes:
        gps_s: of the trigger. start: (trials + 1,) neutrinos of trial i are start[i] … start[i + 1].
        mjd, gps: (n,) UTC Modified Julian Date to 1e-9, and the same in GPS seconds.
        ra_deg, dec_deg, sigma_deg: (n,) degrees to 1e-4. energy_gev: (n,) to six digits.
        injected: (n,) whether it is a source's.
        season: whose background it is.
    """

    gps_s: float
    start: Index
    mjd: Float
    gps: Float
    ra_deg: Float
    dec_deg: Float
    sigma_deg: Float
    energy_gev: Float
    injected: NDArray[np.bool_]
    season: str

    @classmethod
    def of(cls, lists: Lists, gps_s: float, season: str) -> Listed:
        """Lists whose times are seconds after the trigger."""
        drawn = lists.neutrinos
        mjd = np.round(np.atleast_1d(mjd_from_gps(gps_s + drawn.gps_s)), _MJD_DIGITS)
        ra, dec, sigma = map(_degrees, (drawn.ra_rad, drawn.dec_rad, drawn.sigma_rad))
        return cls(
            gps_s=gps_s,
            start=lists.start,
            mjd=mjd,
            gps=np.atleast_1d(gps_from_mjd(mjd)),
            ra_deg=ra % 360.0,
            dec_deg=dec,
            sigma_deg=np.maximum(sigma, _LEAST_SIGMA_DEG),
            energy_gev=_to_digits(drawn.energy_gev, _ENERGY_DIGITS),
            injected=lists.origin != BACKGROUND,
            season=season,
        )

    def __len__(self) -> int:
        return int(self.start.size - 1)

    def as_kernel(self) -> NeutrinoLists:
        """All of them as the statistic takes them: what `neutrinos` makes of each record."""
        ra, dec, sigma = (np.radians(column) for column in (self.ra_deg, self.dec_deg, self.sigma_deg))
        return NeutrinoLists(Neutrinos(self.gps, ra, dec, sigma, self.energy_gev), self.start)

    def record(self, i: int) -> NeutrinoList:
        """The list of trial i as its file has it."""
        first, last = self.start[i : i + 2].tolist()
        window = self.gps_s - WINDOW_S, self.gps_s + WINDOW_S
        return NeutrinoList(
            complete=True,
            covered_s=2 * WINDOW_S,
            start_gps=window[0],
            stop_gps=window[1],
            season=self.season,
            source=f"{SIMULATED_SOURCE}: real events of {self.season}, right ascension and time scrambled",
            why="",
            neutrinos=tuple(self._row(k, k - first) for k in range(first, last)),
            made_up=True,
            covered=(SeasonStretch(*window, self.season),),
        )

    def _row(self, k: int, number: int) -> NeutrinoRow:
        kind = "injected" if self.injected[k] else "simulated"
        mjd, ra, dec = float(self.mjd[k]), float(self.ra_deg[k]), float(self.dec_deg[k])
        return NeutrinoRow(
            mjd=mjd,
            ra=ra,
            dec=dec,
            zenith=zenith_deg(dec),
            azimuth=azimuth_deg(mjd, ra),
            sigma=float(self.sigma_deg[k]),
            energy=float(self.energy_gev[k]),
            type=kind,
            run=0,
            event=number,
            season=self.season,
            i3event=f"{kind}-{self.season}_{number}",
            gps=float(self.gps[k]),
        )


def _degrees(rad: Float) -> Float:
    return np.asarray(np.round(np.degrees(rad), _DEG_DIGITS), dtype=np.float64)


def _to_digits(values: Float, digits: int) -> Float:
    """To so many digits, each the double that the digits mean."""
    return np.array([float(f"{value:.{digits}g}") for value in values.tolist()], dtype=np.float64)
