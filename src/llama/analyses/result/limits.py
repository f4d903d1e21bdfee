"""What the search could have seen, and how bright a source may be: fluence and energy over the map's 90 % region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from llama.analyses.result.record import EnergyLimitRange, FluxSensitivity, NeutrinoLimit
from llama.messengers.icecube.record import NeutrinoList
from llama.science.arrays import Float
from llama.science.detector import (
    SeasonTable,
    energy_limit_erg,
    fluence_limit,
    flux_sensitivity,
    sensitive_energies_gev,
    upper_limit_counts,
)
from llama.science.significance import CONFIDENCE
from llama.science.sky import SkyMap, centres, credible_region

LISTED_BELOW_P = 0.1
"""A neutrino is reported as coincident when the event's p-value and its own are below this."""


def is_listed(event_p: float | None, own_p: float | None) -> bool:
    """Whether a neutrino counts as coincident, by the event's p-value and its own; never without both."""
    return event_p is not None and own_p is not None and max(event_p, own_p) < LISTED_BELOW_P


@dataclass(frozen=True)
class Coincident:
    """Neutrinos that a limit takes for possibly the source's, and by which rule they were chosen."""

    names: tuple[str, ...]
    rule: str

    @property
    def counts(self) -> float:
        """Mean of the Poisson law that gives more neutrinos with the limits' confidence."""
        return upper_limit_counts(len(self.names), CONFIDENCE)


def coincident(
    neutrinos: NeutrinoList, event_p: float | None, own_p: Sequence[float | None], log_odds: Sequence[float]
) -> Coincident:
    """Which neutrinos count as seen from the source.

    By p-value where there is one, else those more likely of a common source than not. Of a blinded list none can be
    told, and the rule says so.
    """
    rows = neutrinos.neutrinos
    if neutrinos.blinded:
        return Coincident((), "the list is blinded, so whether one is coincident is not known")
    if event_p is None:
        likely = tuple(row.i3event for row, log in zip(rows, log_odds, strict=True) if log > 0)
        return Coincident(likely, "there is no p-value, so those with odds above 1 count")
    near = tuple(row.i3event for row, p in zip(rows, own_p, strict=True) if is_listed(event_p, p))
    return Coincident(near, f"those count whose p-value and the event's are below {LISTED_BELOW_P:g}")


def livetime_fraction(neutrinos: NeutrinoList, first_gps: float, last_gps: float) -> float:
    """Part of the search's window that is good livetime of the list, if that is spread evenly over the list's own."""
    common = min(last_gps, neutrinos.stop_gps) - max(first_gps, neutrinos.start_gps)
    good = neutrinos.covered_s / (neutrinos.stop_gps - neutrinos.start_gps)
    return min(1.0, max(0.0, good * common / (last_gps - first_gps)))


def likely_declinations(skymap: SkyMap) -> Float:
    """(n,) rad, of the cells of the 90 % region, where sensitivity and limits are looked for."""
    return centres(skymap)[1][credible_region(skymap, 0.9)]


def sensitivity(season: SeasonTable, dec_rad: Float, livetime: float) -> FluxSensitivity | None:
    """Over the declinations; None without livetime."""
    if not livetime > 0:
        return None
    low, high = flux_sensitivity(season, dec_rad)
    return FluxSensitivity((low / livetime, high / livetime), sensitive_energies_gev(season, dec_rad))


@dataclass(frozen=True, slots=True)
class Reached:
    """What could have been seen of an event, whatever was.

    Attributes:
        livetime_fraction: part of the search's window that is good livetime.
        sensitivity: None without livetime.
        declinations_rad: of the 90 % region, where the detector sees most and least of a source.
    """

    livetime_fraction: float
    sensitivity: FluxSensitivity | None
    declinations_rad: tuple[float, float]


def reached(season: SeasonTable, skymap: SkyMap, neutrinos: NeutrinoList, window_gps: tuple[float, float]) -> Reached:
    """Over the map's 90 % region, in the livetime that there was in the search's window."""
    dec, livetime = likely_declinations(skymap), livetime_fraction(neutrinos, *window_gps)
    fluence = fluence_limit(season, dec)
    ends = float(dec[np.argmin(fluence)]), float(dec[np.argmax(fluence)])
    return Reached(livetime, sensitivity(season, dec, livetime), ends)


class EnergyLimitOrWhy(TypedDict):
    """The limit on the source's isotropic energy, or why there is none."""

    isotropic_energy_limit_range: EnergyLimitRange | None
    isotropic_energy_limit_reason: str


class UpperLimits(EnergyLimitOrWhy):
    """Both limits, as a result has them."""

    neutrino_limit: NeutrinoLimit


def upper_limits(
    season: SeasonTable, dec_rad: Float, distance: tuple[float, float] | None, livetime: float, seen: Coincident
) -> UpperLimits:
    """Limits on the source's fluence and isotropic energy over the declinations, and what they assume.

    Both are those for the neutrinos that may be the source's, none or more, without taking background off.
    `distance` is the map's, mean and standard deviation in Mpc; None where it has none.
    """
    fluence = fluence_limit(season, dec_rad, seen.counts / livetime) if livetime > 0 else None
    return {
        "neutrino_limit": NeutrinoLimit(
            confidence=CONFIDENCE,
            coincident=seen.names,
            counts=seen.counts,
            livetime_fraction=livetime,
            flux_limit=None if fluence is None else (float(fluence.min()), float(fluence.max())),
            assumes=_assumes(seen, livetime),
        ),
        **_energy(season, dec_rad, distance, livetime, seen.counts),
    }


def _assumes(seen: Coincident, livetime: float) -> str:
    """The conditions under which the limits hold, for people."""
    number = len(seen.names)
    told = f"{number or 'no'} coincident neutrino{'s' if number > 1 else ''} ({seen.rule})"
    background = ", none of which is taken for background" if number else ""
    time = f"; {livetime:.1%} of the search's window is good livetime, anywhere in it" if livetime < 1 else ""
    return f"{told}{background}; a spectrum falling as E^-2 from 10 to 1e8 GeV{time}"


def _energy(
    season: SeasonTable, dec_rad: Float, distance: tuple[float, float] | None, livetime: float, counts: float
) -> EnergyLimitOrWhy:
    if distance is None:
        return _no_energy("the sky map has no distances")
    mean, std = distance
    if not 0 < mean < math.inf:
        return _no_energy(f"the sky map's distance is {mean} Mpc")
    if not livetime > 0:
        return _no_energy("the neutrino list has no good livetime in the window")
    at_mean = energy_limit_erg(season, dec_rad, mean, counts / livetime)
    low, high = float(at_mean.min()), float(at_mean.max())
    return {
        "isotropic_energy_limit_range": EnergyLimitRange(
            energy_erg=(low, high),
            energy_erg_one_sigma=(low * (max(mean - std, 0.0) / mean) ** 2, high * ((mean + std) / mean) ** 2),
            distance_mpc=mean,
            distance_std_mpc=std,
            counts=counts,
        ),
        "isotropic_energy_limit_reason": "",
    }


def _no_energy(reason: str) -> EnergyLimitOrWhy:
    return {"isotropic_energy_limit_range": None, "isotropic_energy_limit_reason": reason}
