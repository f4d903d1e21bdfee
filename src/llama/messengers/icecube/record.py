"""The list of neutrinos around a trigger, as it is written to `icecube_neutrino_list.json`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from llama.messengers.lists import check_coverage, check_once
from llama.ports import Neutrino, NeutrinoWindow
from llama.science.statistic import LEAST_SIGMA_RAD
from llama.science.times import gps_from_mjd, utc_from_gps

TYPES = ("observation", "archival", "blinded", "injected", "simulated")
"""What a neutrino can be. Partners skip what is `blinded`, so a misspelt type would be taken for an observation."""

_SAME_TIME_S = 0.01  # releases give 1e-8 days, which is 0.9 ms


@dataclass(frozen=True, slots=True)
class NeutrinoRow:
    """One neutrino: degrees (ICRS), GeV, UTC Modified Julian Date, GPS seconds.

    `sigma` is the 1σ error of the direction as one circle (the width of the Gaussian PSF), `energy` the muon's at the
    detector. `type` is one of TYPES. `i3event` is unique in its sample.
    Raises ValueError, which the codec reports with the place in the file, for what cannot be a neutrino.
    """

    mjd: float
    ra: float
    dec: float
    zenith: float
    azimuth: float
    sigma: float
    energy: float
    type: str
    run: int
    event: int
    season: str
    i3event: str
    gps: float

    def __post_init__(self) -> None:
        what = f"neutrino {self.i3event}"
        if not (math.isfinite(self.mjd) and math.isfinite(self.gps)):
            raise ValueError(f"{what} has time MJD {self.mjd}, GPS {self.gps}; both must be finite")
        if not (math.isfinite(self.energy) and self.energy > 0):
            raise ValueError(f"{what} has energy {self.energy} GeV; it must be above zero")
        least = math.degrees(LEAST_SIGMA_RAD)
        if not least <= self.sigma <= 180:
            raise ValueError(f"{what} has angular error {self.sigma} deg; it must be {least:.2g} to 180")
        if not (math.isfinite(self.ra) and abs(self.dec) <= 90):
            raise ValueError(f"{what} has direction RA {self.ra}, Dec {self.dec} deg, which is not on the sky")
        if self.type not in TYPES:
            raise ValueError(f"{what} has type {self.type!r}; there are {', '.join(TYPES)}")


@dataclass(frozen=True, slots=True)
class NeutrinoList:
    """All neutrinos of one window, and how far they can be trusted to be all.

    Attributes:
        complete: whether all of the window is good livetime and all its neutrinos are here.
        covered_s: seconds of good livetime in the window.
        start_gps, stop_gps: the window, start <= time < stop.
        season: the sample that decides rate, densities and effective area; null when no livetime is covered.
        source: who gave the list.
        why: when not complete, the reason.
        neutrinos: in order of time.
        ask_again: when the source will know more (UTC, `Z`); null when it never will.
    """

    complete: bool
    covered_s: float
    start_gps: float
    stop_gps: float
    season: str | None
    source: str
    why: str
    neutrinos: tuple[NeutrinoRow, ...]
    ask_again: str | None = None

    def __post_init__(self) -> None:
        window, of = (self.start_gps, self.stop_gps, self.covered_s), f" of {self.season}"
        check_coverage(*window, complete=self.complete, slack_s=_SAME_TIME_S, of=of)
        if self.complete and self.season is None:
            raise ValueError("it says it is complete, but not of which season")
        self._check_times()
        check_once((row.i3event for row in self.neutrinos), "neutrino", "; i3event must be unique")

    def _check_times(self) -> None:
        """One time each, inside the window: an edit of `mjd` alone must not give a result for the old time."""
        times = np.atleast_1d(gps_from_mjd(np.array([row.mjd for row in self.neutrinos], dtype=np.float64)))
        for row, gps in zip(self.neutrinos, times.tolist(), strict=True):
            if abs(row.gps - gps) > _SAME_TIME_S:
                raise ValueError(f"neutrino {row.i3event} has mjd {row.mjd}, which is gps {gps}, but gps {row.gps}")
            if not self.start_gps - _SAME_TIME_S <= row.gps <= self.stop_gps + _SAME_TIME_S:
                raise ValueError(f"neutrino {row.i3event} at gps {row.gps} is outside the list's window")


def from_window(window: NeutrinoWindow, source: str) -> NeutrinoList:
    """What a source answered, as a record."""
    times = np.atleast_1d(gps_from_mjd(np.array([n.mjd for n in window.neutrinos], dtype=np.float64)))
    return NeutrinoList(
        complete=window.complete,
        covered_s=window.covered_s,
        start_gps=window.start_gps,
        stop_gps=window.stop_gps,
        season=window.season,
        source=source,
        why=window.why,
        neutrinos=tuple(_row(n, float(gps)) for n, gps in zip(window.neutrinos, times, strict=True)),
        ask_again=None if window.again_gps is None else utc_from_gps(window.again_gps),
    )


def _row(neutrino: Neutrino, gps: float) -> NeutrinoRow:
    return NeutrinoRow(
        mjd=neutrino.mjd,
        ra=neutrino.ra_deg,
        dec=neutrino.dec_deg,
        zenith=neutrino.zenith_deg,
        azimuth=neutrino.azimuth_deg,
        sigma=neutrino.sigma_deg,
        energy=neutrino.energy_gev,
        type=neutrino.type,
        run=neutrino.run,
        event=neutrino.event,
        season=neutrino.season,
        i3event=neutrino.i3event,
        gps=gps,
    )
