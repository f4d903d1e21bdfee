"""The list of neutrinos around a trigger, as it is written to `icecube_neutrino_list.json`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from llama.messengers.lists import (
    added,
    check_coverage,
    check_covered,
    check_direction,
    check_once,
    once,
    same_place,
)
from llama.ports import SIMULATED_SOURCE, Neutrino, NeutrinoWindow, SeasonStretch
from llama.science.sky import right_ascension_deg
from llama.science.statistic import LEAST_SIGMA_RAD
from llama.science.times import gps_from_mjd, is_mjd, not_an_mjd, utc_from_gps

TYPES = ("observation", "archival", "blinded", "injected", "simulated")
"""What a neutrino can be. Partners skip what is `blinded`, so a misspelt type would be taken for an observation."""

NOT_DETECTED = ("injected", "simulated")
"""Types of neutrinos that never happened."""

_SAME_TIME_S = 0.01  # releases give 1e-8 days, which is 0.9 ms
_ONE_EVENT_S, _ONE_EVENT_DEG = 1e-3, 0.01  # no two events of a detector are as near as this


@dataclass(frozen=True, slots=True)
class NeutrinoRow:
    """One neutrino: degrees (ICRS), GeV, UTC Modified Julian Date, GPS seconds.

    `ra` is kept from 0 to 360, however it was written.
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
        if not is_mjd(self.mjd):
            raise ValueError(f"{what} has mjd {not_an_mjd(self.mjd)}")
        if not (math.isfinite(self.energy) and self.energy > 0):
            raise ValueError(f"{what} has energy {self.energy} GeV; it must be above zero")
        least = math.degrees(LEAST_SIGMA_RAD)
        if not least <= self.sigma <= 180:
            raise ValueError(f"{what} has angular error {self.sigma} deg; it must be {least:.2g} to 180")
        check_direction(what, self.ra, self.dec)
        object.__setattr__(self, "ra", right_ascension_deg(self.ra))
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
        why: when not complete, the reason; also what was counted once that was listed more than once.
        neutrinos: in order of time.
        ask_again: when the source will know more (UTC, `Z`); null when it never will.
        made_up: whether some neutrinos never happened; kept here, since blinding takes their types.
        covered: when the good livetime is, each piece of one season, in order and without overlap; null when the list
            does not say it. Where that is all of the window, or none of it, it is filled in.
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
    made_up: bool = False
    covered: tuple[SeasonStretch, ...] | None = None

    def __post_init__(self) -> None:
        window, of = (self.start_gps, self.stop_gps, self.covered_s), f" of {self.season}"
        check_coverage(*window, complete=self.complete, slack_s=_SAME_TIME_S, of=of)
        if self.complete and self.season is None:
            raise ValueError("it says it is complete, but not of which season")
        self._check_covered()
        self._check_times()
        self._count_once()

    def _check_covered(self) -> None:
        if self.covered is None:
            object.__setattr__(self, "covered", self._all_or_none())
            return
        window = self.start_gps, self.stop_gps, self.covered_s
        check_covered(self.covered, *window, slack_s=_SAME_TIME_S)
        seasons = sorted({piece.season for piece in self.covered})
        if seasons and self.season not in seasons:
            raise ValueError(
                f"its season is {self.season}, but covered has only {', '.join(seasons)}: correct one of the two, or "
                "take covered out"
            )

    def _all_or_none(self) -> tuple[SeasonStretch, ...] | None:
        """When data are good, of a list that only says for how long: None where that leaves it open."""
        if not self.covered_s:
            return ()
        if self.season is None or len(self.seasons) > 1 or not self.all_covered:
            return None
        return (SeasonStretch(self.start_gps, self.stop_gps, self.season),)

    def _count_once(self) -> None:
        """Keep one row of each event, and say so: a list may name one twice, or under two names."""
        rows, told = once(self.neutrinos, [row.i3event for row in self.neutrinos], "neutrino")
        check_once((row.i3event for row in rows), "neutrino", "; i3event must be unique, and these rows differ")
        kept: list[NeutrinoRow] = []
        for row in rows:
            if same := next((other for other in kept if _one_event(row, other)), None):
                told = added(told, f"neutrino {row.i3event} has time and direction of {same.i3event}, counted once")
            else:
                kept.append(row)
        object.__setattr__(self, "neutrinos", tuple(kept))
        object.__setattr__(self, "why", added(self.why, told))

    @property
    def all_covered(self) -> bool:
        """Whether all of the window is good livetime; not, whether all of its neutrinos are here."""
        return self.covered_s >= self.stop_gps - self.start_gps - _SAME_TIME_S

    @property
    def seasons(self) -> tuple[str, ...]:
        """Of which it is, by its own word and that of its neutrinos, but for those that never happened."""
        rows = (row.season for row in self.neutrinos if row.type not in NOT_DETECTED)
        return tuple(sorted({self.season or "", *rows} - {""}))

    @property
    def blinded(self) -> bool:
        """Whether a right ascension in it is scrambled."""
        return any(row.type == "blinded" for row in self.neutrinos)

    @property
    def invented(self) -> bool:
        """Whether some of them never happened: as the list says, or the types, or the source's name."""
        return self.made_up or never_detected((row.type for row in self.neutrinos), self.source)

    def _check_times(self) -> None:
        """One time each, inside the window: an edit of `mjd` alone must not give a result for the old time."""
        times = np.atleast_1d(gps_from_mjd(np.array([row.mjd for row in self.neutrinos], dtype=np.float64)))
        for row, gps in zip(self.neutrinos, times.tolist(), strict=True):
            if abs(row.gps - gps) > _SAME_TIME_S:
                raise ValueError(f"neutrino {row.i3event} has mjd {row.mjd}, which is gps {gps}, but gps {row.gps}")
            if not self.start_gps - _SAME_TIME_S <= row.gps <= self.stop_gps + _SAME_TIME_S:
                raise ValueError(f"neutrino {row.i3event} at gps {row.gps} is outside the list's window")


def _one_event(one: NeutrinoRow, other: NeutrinoRow) -> bool:
    near = abs(one.gps - other.gps) <= _ONE_EVENT_S
    return near and same_place((one.ra, one.dec, _ONE_EVENT_DEG), (other.ra, other.dec, 0.0))


def never_detected(kinds: Iterable[str], source: str) -> bool:
    """Whether a list has neutrinos that never happened, by their types and the name of their source."""
    return source.startswith(SIMULATED_SOURCE) or any(kind in NOT_DETECTED for kind in kinds)


def from_window(window: NeutrinoWindow, source: str) -> NeutrinoList:
    """What a source answered, as a record."""
    times = np.atleast_1d(gps_from_mjd(np.array([n.mjd for n in window.neutrinos], dtype=np.float64)))
    return NeutrinoList(
        made_up=never_detected((one.type for one in window.neutrinos), source),
        complete=window.complete,
        covered_s=window.covered_s,
        start_gps=window.start_gps,
        stop_gps=window.stop_gps,
        season=window.season,
        source=source,
        why=window.why,
        neutrinos=tuple(_row(n, float(gps)) for n, gps in zip(window.neutrinos, times, strict=True)),
        ask_again=None if window.again_gps is None else utc_from_gps(window.again_gps),
        covered=window.covered,
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
