"""How well a network of gravitational-wave detectors hears each direction: f_A of SCIENCE 1.3 and 1.7.

Detectors of equal sensitivity, amplitude averaged over polarisation: A² = Σ_d (F₊² + F_×²), scaled to 1 in the best
direction. Directions count in the frame of date as if it were ICRS, which is 0.2° off by now; A changes over tens of
degrees.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.sky import directions_of
from llama.science.times import mjd_from_gps

_ORDER = 5


@dataclass(frozen=True)
class Detector:
    """An interferometer: geodetic position, directions of its arms clockwise from north, and their rise."""

    longitude_rad: float
    latitude_rad: float
    x_azimuth_rad: float
    y_azimuth_rad: float
    x_altitude_rad: float = 0.0
    y_altitude_rad: float = 0.0

    def tensor(self) -> Float:
        """(3, 3) D = (u u − v v)/2 in the Earth's frame: x towards Greenwich, z towards the north pole."""
        u = self._arm(self.x_azimuth_rad, self.x_altitude_rad)
        v = self._arm(self.y_azimuth_rad, self.y_altitude_rad)
        return np.asarray((np.outer(u, u) - np.outer(v, v)) / 2)

    def _arm(self, azimuth_rad: float, altitude_rad: float) -> Float:
        sin_lat, cos_lat = np.sin(self.latitude_rad), np.cos(self.latitude_rad)
        sin_lon, cos_lon = np.sin(self.longitude_rad), np.cos(self.longitude_rad)
        north = np.array([-sin_lat * cos_lon, -sin_lat * sin_lon, cos_lat])
        east = np.array([-sin_lon, cos_lon, 0.0])
        up = np.array([cos_lat * cos_lon, cos_lat * sin_lon, sin_lat])
        level = np.cos(azimuth_rad) * north + np.sin(azimuth_rad) * east
        return np.asarray(np.cos(altitude_rad) * level + np.sin(altitude_rad) * up)


DETECTORS: Mapping[str, Detector] = {
    "G1": Detector(0.17116780435, 0.91184982752, 1.19360100484, 5.83039279401),
    "H1": Detector(-2.08405676917, 0.81079526383, 5.65487724844, 4.08408092164, -6.195e-4, 1.25e-5),
    "K1": Detector(2.396441015, 0.6355068497, 1.054113, -0.5166798, 3.1414e-3, -3.6270e-3),
    "L1": Detector(-1.58430937078, 0.53342313506, 4.40317772346, 2.83238139666, -3.121e-4, -6.107e-4),
    "V1": Detector(0.18333805213, 0.76151183984, 0.33916285222, 5.05155183261),
}
"""From LALDetectors.h of LALSuite, which cites the observatories' own surveys."""


@dataclass(frozen=True, eq=False)
class AntennaPattern:
    """f_A of a network at one time.

    Attributes:
        tensors: (d, 3, 3) of the detectors, in equatorial coordinates at that time.
        best: amplitude A in the best direction; √d if all of d detectors had theirs there.
    """

    tensors: Float
    best: float

    @classmethod
    def of(cls, instruments: tuple[str, ...], gps_s: float) -> AntennaPattern:
        """Of these detectors; ValueError when there are none, or one is not known."""
        if not instruments:
            raise ValueError("no instruments are named")
        if unknown := sorted(set(instruments) - set(DETECTORS)):
            raise ValueError(f"the place of {', '.join(unknown)} is not known; there are {', '.join(DETECTORS)}")
        angle = gmst_rad(gps_s)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        tensors = np.stack([DETECTORS[name].tensor() for name in sorted(set(instruments))])
        return cls(turn @ tensors @ turn.T, _largest(tensors))

    def amplitude(self, direction: Float) -> Float:
        """(n,) f_A between 0 and 1 towards (n, 3) unit vectors."""
        return np.minimum(_amplitude(self.tensors, direction) / self.best, 1.0)


def gmst_rad(gps_s: float) -> float:
    """Greenwich mean sidereal time, good to 1e-4 rad: UT1 is taken as UTC, from which it stays within 0.9 s."""
    days = float(mjd_from_gps(gps_s)) - 51544.5
    centuries = days / 36525
    degrees = 280.46061837 + 360.98564736629 * days + 0.000387933 * centuries**2  # Meeus 1998, eq. 12.4
    return float(np.radians(degrees) % (2 * np.pi))


def _amplitude(tensors: Float, direction: Float) -> Float:
    """√Σ(F₊² + F_×²): each detector gives 2|D^TT|² = 2 tr DD − 4 |Dn|² + (nDn)²."""
    along = np.einsum("dij,nj->dni", tensors, direction)
    power = 2 * np.einsum("dij,dij->d", tensors, tensors)[:, None] - 4 * np.einsum("dni,dni->dn", along, along)
    power += np.einsum("dni,ni->dn", along, direction) ** 2
    return np.asarray(np.sqrt(np.maximum(power.sum(axis=0), 0.0)))


def _largest(tensors: Float) -> float:
    """The amplitude's maximum over the Earth: of 12 288 HEALPix pixels, which is 2e-4 low at most."""
    pixels = np.arange(12 * 4**_ORDER)
    return float(_amplitude(tensors, directions_of(np.full(pixels.size, _ORDER, np.uint8), pixels)).max())
