"""What IceCube's list contributes to the statistic."""

from __future__ import annotations

import numpy as np

from llama.messengers.icecube.record import NeutrinoList
from llama.science.coincidence import Neutrinos


def neutrinos(found: NeutrinoList) -> Neutrinos:
    """The list as the statistic takes it: arrays in the order of the list, in seconds, radians and GeV."""
    columns = [(row.gps, row.ra, row.dec, row.sigma, row.energy) for row in found.neutrinos]
    gps_s, ra_deg, dec_deg, sigma_deg, energy_gev = np.array(columns, dtype=np.float64).reshape(-1, 5).T.copy()
    return Neutrinos(
        gps_s=gps_s,
        ra_rad=np.radians(ra_deg),
        dec_rad=np.radians(dec_deg),
        sigma_rad=np.radians(sigma_deg),
        energy_gev=energy_gev,
    )
