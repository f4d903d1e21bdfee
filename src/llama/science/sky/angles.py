"""Right ascensions as people write them, as one number each."""

from __future__ import annotations

import math


def right_ascension_deg(ra_deg: float) -> float:
    """The same right ascension in [0, 360), for one written from −360 to 720; ValueError for what is none.

    Some count from −180 to 180. What is further off is no right ascension in degrees, but another column.
    """
    if not (math.isfinite(ra_deg) and -360 <= ra_deg <= 720):
        raise ValueError(f"{ra_deg} is no right ascension in degrees, which lies from 0 to 360")
    found = ra_deg % 360.0
    return 0.0 if found == 360.0 else found  # the remainder of −1e-20 rounds up to 360


def declination_deg(dec_deg: float) -> float:
    """The declination itself; ValueError for one that is not from −90 to 90."""
    if not abs(dec_deg) <= 90:
        raise ValueError(f"{dec_deg} is no declination in degrees, which lies from -90 to 90")
    return dec_deg
