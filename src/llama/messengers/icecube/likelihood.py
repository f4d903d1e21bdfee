"""What IceCube's list contributes to the statistic."""

from __future__ import annotations

import math

import numpy as np

from llama.messengers.icecube.record import NeutrinoList
from llama.science.statistic import Neutrinos


def neutrinos(found: NeutrinoList, band_gev: tuple[float, float] = (0.0, math.inf)) -> Neutrinos:
    """The list as the statistic takes it: arrays in the order of the list, in seconds, radians and GeV.

    Raises ValueError, which names the neutrino, for an energy outside `band_gev`. All else that the statistic could
    refuse, a list cannot hold.
    """
    low, high = band_gev
    for row in found.neutrinos:
        if not low <= row.energy <= high:
            raise ValueError(
                f"neutrino {row.i3event} has energy {row.energy:g} GeV, outside the search's band of {low:g} to "
                f"{high:g} GeV; correct it or take it off the list"
            )
    columns = [(row.gps, row.ra, row.dec, row.sigma, row.energy) for row in found.neutrinos]
    gps_s, ra_deg, dec_deg, sigma_deg, energy_gev = np.array(columns, dtype=np.float64).reshape(-1, 5).T.copy()
    return Neutrinos(
        gps_s=gps_s,
        ra_rad=np.radians(ra_deg),
        dec_rad=np.radians(dec_deg),
        sigma_rad=np.radians(sigma_deg),
        energy_gev=energy_gev,
    )
