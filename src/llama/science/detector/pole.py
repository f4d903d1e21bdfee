"""Directions at the South Pole, where the sky turns about the zenith: IceCube's frame of a place on the sky."""

from __future__ import annotations

import math


def azimuth_deg(mjd: float, ra_deg: float) -> float:
    """IceCube's azimuth, 0 to 360 and to four digits, of a right ascension (ICRS, degrees) at a UTC time.

    azimuth + RA = Earth rotation angle + 90° at the Pole. Holds to 0.5° (precession since J2000) for all events of
    IceCube's 3-year release below 80° in declination.
    """
    days = mjd - 51544.5
    rotation = 360.0 * math.fmod(0.7790572732640 + 1.00273781191135448 * days, 1.0)  # IERS Conventions 2010, 5.15
    return round((rotation + 90.0 - ra_deg) % 360.0, 4) % 360.0


def zenith_deg(dec_deg: float) -> float:
    """IceCube's zenith angle of a declination, to four digits; precession moves the real one by up to 0.1°."""
    return round(90.0 + dec_deg, 4)
