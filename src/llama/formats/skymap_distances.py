"""What is to be said of the distances in a sky map, once it is read."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from llama.formats.errors import SkyMapError
from llama.science.sky import SkyMap, has_distance, likeliest_distance, probability

NEAREST_MPC, FARTHEST_MPC = 1e-3, 1e6
"""Distances that a merger can have: from inside the Galaxy to farther than any galaxy that is known (z = 14 is
1.5e5 Mpc away)."""

_ROUNDING, _SHARE = 1e-3, 1e-3
"""Real maps have DISTNORM to 1e-5, single precision included; here relative, and of the map's probability."""
_BLOCK = 1 << 16


def distance_note(m: SkyMap, impossible: int) -> str:
    """What to tell of a map whose distances are none or contradict themselves, empty where all is well.

    `impossible` is how many cells had a distance that nothing can have. SkyMapError when no merger is seen as near or
    as far as it says: then the distances are in another unit.
    """
    if m.distmu is None:
        return ""
    typical = likeliest_distance(m)
    if typical is None and not impossible:
        return "its likeliest directions have no valid distance (DISTMU, DISTSIGMA, DISTNORM)"
    if typical is None or not NEAREST_MPC < typical < FARTHEST_MPC:
        found = "beyond all that can be" if typical is None else f"about {typical:.3g} Mpc"
        raise SkyMapError(
            f"its distances are {found}, where no merger is seen; correct the units (TUNIT) of "
            "DISTMU, DISTSIGMA and DISTNORM"
        )
    share = _share_of_other_norms(m)
    if share <= _SHARE:
        return ""
    return (
        f"its DISTNORM is not what DISTMU and DISTSIGMA make it, in cells with {share:.0%} of the probability: the "
        "distances are read from DISTMU and DISTSIGMA"
    )


def _share_of_other_norms(m: SkyMap) -> float:
    """The probability in cells whose DISTNORM does not make p(r) ∝ r² N(r; mu, sigma) one.

    1/DISTNORM = (mu² + sigma²) Φ(x) + mu sigma φ(x), x = mu/sigma (Singer et al. 2016, arXiv:1605.04242, eq. 3).
    """
    if m.distmu is None or m.distsigma is None or m.distnorm is None:
        return 0.0
    good, found = np.flatnonzero(has_distance(m) & (m.density > 0)), 0.0
    weight = probability(m)
    for first in range(0, good.size, _BLOCK):
        cells = good[first : first + _BLOCK]
        mu, sigma = m.distmu[cells], m.distsigma[cells]
        x = mu / sigma
        gauss = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
        integral = (mu**2 + sigma**2) * ndtr(x) + mu * sigma * gauss
        found += float(weight[cells][np.abs(integral * m.distnorm[cells] - 1) > _ROUNDING].sum())
    return found
