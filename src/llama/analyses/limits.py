"""What the search could have seen: flux and energy of a source that gives 2.3 neutrinos, in the map's 90 % region."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.science.limits import energy_limit_erg
from llama.science.response import UPPER_LIMIT_COUNTS, SeasonTable, flux_sensitivity, sensitive_energies_gev
from llama.science.skymap import SkyMap, centres, credible_region, mean_distance


def sensitivity(skymap: SkyMap, season: SeasonTable) -> dict[str, list[float]]:
    """Least and largest sensitivity over the 90 % region, and the energies it stands for."""
    dec = _likely_declinations(skymap)
    return {
        "flux_sensitivity": list(flux_sensitivity(season, dec)),
        "sensitive_energy_range": list(sensitive_energies_gev(season, dec)),
    }


def energy_limit(skymap: SkyMap, season: SeasonTable) -> dict[str, Any]:
    """Isotropic energy in muon neutrinos that would have given 2.3, over the 90 % region; null without a distance."""
    found = mean_distance(skymap)
    if found is None or not 0 < found[0] < math.inf:
        reason = "the sky map has no distances" if found is None else f"the sky map's distance is {found[0]} Mpc"
        return {"isotropic_energy_limit_range": None, "isotropic_energy_limit_reason": reason}
    mean, std = found
    at_mean = energy_limit_erg(season, _likely_declinations(skymap), mean)
    low, high = float(at_mean.min()), float(at_mean.max())
    return {
        "isotropic_energy_limit_range": {
            "energy_erg": [low, high],
            "energy_erg_one_sigma": [low * (max(mean - std, 0.0) / mean) ** 2, high * ((mean + std) / mean) ** 2],
            "distance_mpc": mean,
            "distance_std_mpc": std,
            "counts": UPPER_LIMIT_COUNTS,
        },
        "isotropic_energy_limit_reason": "",
    }


def _likely_declinations(skymap: SkyMap) -> NDArray[np.float64]:
    """(n,) rad, of the cells of the 90 % region."""
    return centres(skymap)[1][credible_region(skymap, 0.9)]
