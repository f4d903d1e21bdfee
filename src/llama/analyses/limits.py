"""What the search could have seen, and how bright a source may be: fluence and energy over the map's 90 % region."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.analyses.report import LISTED_BELOW_P
from llama.messengers.icecube.record import NeutrinoList
from llama.science.limits import energy_limit_erg, fluence_limit, upper_limit_counts
from llama.science.pvalue import CONFIDENCE
from llama.science.response import SeasonTable, flux_sensitivity, sensitive_energies_gev
from llama.science.skymap import SkyMap, centres, credible_region, mean_distance


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
    if any(row.type == "blinded" for row in rows):
        return Coincident((), "the list is blinded, so whether one is coincident is not known")
    if event_p is None:
        likely = tuple(row.i3event for row, log in zip(rows, log_odds, strict=True) if log > 0)
        return Coincident(likely, "there is no p-value, so those with odds above 1 count")
    near = tuple(
        row.i3event for row, p in zip(rows, own_p, strict=True) if p is not None and max(p, event_p) < LISTED_BELOW_P
    )
    return Coincident(near, f"those count whose p-value and the event's are below {LISTED_BELOW_P:g}")


def livetime_fraction(neutrinos: NeutrinoList, first_gps: float, last_gps: float) -> float:
    """Part of the search's window that is good livetime of the list, if that is spread evenly over the list's own."""
    common = min(last_gps, neutrinos.stop_gps) - max(first_gps, neutrinos.start_gps)
    good = neutrinos.covered_s / (neutrinos.stop_gps - neutrinos.start_gps)
    return min(1.0, max(0.0, good * common / (last_gps - first_gps)))


def sensitivity(skymap: SkyMap, season: SeasonTable, livetime: float) -> dict[str, Any] | None:
    """Least and largest sensitivity over the 90 % region, and the energies it stands for; None without livetime."""
    if not livetime > 0:
        return None
    dec = _likely_declinations(skymap)
    return {
        "flux_sensitivity": [one / livetime for one in flux_sensitivity(season, dec)],
        "sensitive_energy_range": list(sensitive_energies_gev(season, dec)),
    }


def upper_limits(skymap: SkyMap, season: SeasonTable, livetime: float, seen: Coincident) -> dict[str, Any]:
    """Limits on the source's fluence and isotropic energy over the 90 % region, and what they assume.

    Both are those for the neutrinos that may be the source's, none or more, without taking background off.
    """
    counts = seen.counts / livetime if livetime > 0 else math.inf
    return {
        "neutrino_limit": {
            "confidence": CONFIDENCE,
            "coincident": list(seen.names),
            "counts": seen.counts,
            "livetime_fraction": livetime,
            "flux_limit": _fluence(skymap, season, counts),
            "assumes": _assumes(seen, livetime),
        },
        **_energy(skymap, season, counts, seen.counts),
    }


def _assumes(seen: Coincident, livetime: float) -> str:
    """The conditions under which the limits hold, for people."""
    number = len(seen.names)
    told = f"{number or 'no'} coincident neutrino{'s' if number > 1 else ''} ({seen.rule})"
    background = ", none of which is taken for background" if number else ""
    time = f"; {livetime:.1%} of the search's window is good livetime, anywhere in it" if livetime < 1 else ""
    return f"{told}{background}; a spectrum falling as E^-2 from 10 to 1e8 GeV{time}"


def _fluence(skymap: SkyMap, season: SeasonTable, counts: float) -> list[float] | None:
    if not math.isfinite(counts):
        return None
    limit = fluence_limit(season, _likely_declinations(skymap), counts)
    return [float(limit.min()), float(limit.max())]


def _energy(skymap: SkyMap, season: SeasonTable, counts: float, limit_counts: float) -> dict[str, Any]:
    """`counts` are those that all of the window as good livetime would have given."""
    found = mean_distance(skymap)
    if found is None or not 0 < found[0] < math.inf:
        reason = "the sky map has no distances" if found is None else f"the sky map's distance is {found[0]} Mpc"
        return {"isotropic_energy_limit_range": None, "isotropic_energy_limit_reason": reason}
    if not math.isfinite(counts):
        reason = "the neutrino list has no good livetime in the window"
        return {"isotropic_energy_limit_range": None, "isotropic_energy_limit_reason": reason}
    mean, std = found
    at_mean = energy_limit_erg(season, _likely_declinations(skymap), mean, counts)
    low, high = float(at_mean.min()), float(at_mean.max())
    return {
        "isotropic_energy_limit_range": {
            "energy_erg": [low, high],
            "energy_erg_one_sigma": [low * (max(mean - std, 0.0) / mean) ** 2, high * ((mean + std) / mean) ** 2],
            "distance_mpc": mean,
            "distance_std_mpc": std,
            "counts": limit_counts,
        },
        "isotropic_energy_limit_reason": "",
    }


def _likely_declinations(skymap: SkyMap) -> NDArray[np.float64]:
    """(n,) rad, of the cells of the 90 % region."""
    return centres(skymap)[1][credible_region(skymap, 0.9)]
