"""What was observed: a gravitational-wave trigger and neutrinos around it, as numbers that can be analysed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.search import Search

LEAST_SIGMA_RAD = 1e-6
"""0.2″: what the digits of products of unit vectors still resolve."""
_LARGEST_SIGMA_RAD = 1e3  # from anywhere, to 1e-6


@dataclass(frozen=True, eq=False)
class Neutrinos:
    """Neutrino candidates as arrays of one length: GPS seconds, ICRS radians, 1σ radians, reconstructed GeV."""

    gps_s: Float
    ra_rad: Float
    dec_rad: Float
    sigma_rad: Float
    energy_gev: Float

    def __len__(self) -> int:
        return int(self.gps_s.size)


@dataclass(frozen=True)
class GWTrigger:
    """A trigger: GPS seconds, network SNR and the pipeline's p_astro, None when unknown, who saw it."""

    gps_s: float
    snr: float | None = None
    p_astro: float | None = None
    instruments: tuple[str, ...] = ()


def check_trigger(trigger: GWTrigger) -> None:
    """ValueError for a trigger that cannot be analysed; the message says why."""
    if trigger.p_astro is not None and not 0 <= trigger.p_astro <= 1:
        raise ValueError(f"p_astro is {trigger.p_astro}, it must lie between 0 and 1")
    if trigger.snr is not None and not 0 < trigger.snr < np.inf:
        raise ValueError(f"the trigger's SNR is {trigger.snr}; give a positive number or leave it out")
    if not np.isfinite(trigger.gps_s):
        raise ValueError(f"the trigger's time is {trigger.gps_s}; give GPS seconds")


def check_neutrinos(neutrinos: Neutrinos, search: Search) -> None:
    """ValueError for a neutrino that cannot be analysed; the message says which and why."""
    sizes = {np.shape(getattr(neutrinos, name)) for name in Neutrinos.__dataclass_fields__}
    if len(sizes) != 1 or len(next(iter(sizes))) != 1:
        raise ValueError(f"the neutrinos' arrays must be one-dimensional and of one length, not {sorted(sizes)}")
    band = f"{search.energy_min_gev:g} to {search.energy_max_gev:g} GeV"
    with np.errstate(invalid="ignore"):
        _refuse(~((neutrinos.energy_gev >= search.energy_min_gev) & (neutrinos.energy_gev <= search.energy_max_gev)),
                neutrinos.energy_gev, f"energy outside the search's band of {band}", "GeV")  # fmt: skip
        _refuse(~((neutrinos.sigma_rad > 0) & (neutrinos.sigma_rad < np.inf)),
                neutrinos.sigma_rad, "no positive angular error", "rad")  # fmt: skip
        _refuse((neutrinos.sigma_rad < LEAST_SIGMA_RAD) | (neutrinos.sigma_rad > _LARGEST_SIGMA_RAD),
                neutrinos.sigma_rad,
                f"an angular error outside {LEAST_SIGMA_RAD:g} to {_LARGEST_SIGMA_RAD:g} rad", "rad")  # fmt: skip
        _refuse(~(np.abs(neutrinos.dec_rad) <= np.pi / 2), neutrinos.dec_rad, "no declination between ±π/2", "rad")
        _refuse(~np.isfinite(neutrinos.ra_rad), neutrinos.ra_rad, "no finite right ascension", "rad")
        _refuse(~np.isfinite(neutrinos.gps_s), neutrinos.gps_s, "no finite time", "s")


def _refuse(bad: NDArray[np.bool_], values: Float, what: str, unit: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"neutrino {i} has {what}: {values[i]} {unit}. Correct it or take it off the list")
