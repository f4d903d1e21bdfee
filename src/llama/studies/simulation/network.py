"""A network of detectors at one time: where they are, how they hear each direction, when a signal arrives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import DETECTORS, gmst_rad

_LIGHT_M_PER_S = 299_792_458.0
_EQUATOR_M, _FLATTENING = 6378137.0, 1 / 298.257223563  # WGS 84
_HEIGHT_M = {"G1": 114.425, "H1": 142.554, "K1": 414.181, "L1": -6.574, "V1": 51.884}


@dataclass(frozen=True, eq=False)
class Network:
    """Detectors in equatorial coordinates at one time.

    Attributes:
        names: of the d detectors. tensors: (d, 3, 3) response. places: (d, 3) light seconds from the Earth's centre.
    """

    names: tuple[str, ...]
    tensors: Float
    places: Float

    @classmethod
    def at(cls, names: tuple[str, ...], gps_s: float) -> Network:
        """These detectors at this time."""
        cos, sin = np.cos(gmst_rad(gps_s)), np.sin(gmst_rad(gps_s))
        turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
        tensors = np.stack([DETECTORS[name].tensor() for name in names])
        places = np.stack([_place(name) for name in names])
        return cls(names, turn @ tensors @ turn.T, places @ turn.T)

    def only(self, kept: list[int]) -> Network:
        """Some of them."""
        return Network(tuple(self.names[i] for i in kept), self.tensors[kept], self.places[kept])

    def delays(self, direction: Float) -> Float:
        """(n, d) seconds by which a signal from (n, 3) directions is later than at the Earth's centre."""
        return np.asarray(-direction @ self.places.T)

    def patterns(self, direction: Float) -> tuple[Float, Float]:
        """(n, d) F₊ and F_× towards (n, 3) directions, polarisation measured from west through north."""
        x, y, z = direction.T
        flat = np.maximum(np.hypot(x, y), 1e-300)
        west = np.stack([y / flat, -x / flat, np.zeros_like(x)], axis=1)
        north = np.stack([-x * z / flat, -y * z / flat, flat], axis=1)
        of_west, of_north = (np.einsum("dij,nj->ndi", self.tensors, one) for one in (west, north))
        plus = np.einsum("ndi,ni->nd", of_west, west) - np.einsum("ndi,ni->nd", of_north, north)
        return plus, 2 * np.einsum("ndi,ni->nd", of_west, north)


def _place(name: str) -> Float:
    """Light seconds from the centre, in the Earth's frame."""
    one = DETECTORS[name]
    sin, cos = np.sin(one.latitude_rad), np.cos(one.latitude_rad)
    squared = _FLATTENING * (2 - _FLATTENING)
    curvature = _EQUATOR_M / np.sqrt(1 - squared * sin**2)
    out = (curvature + _HEIGHT_M[name]) * cos
    along = np.array(
        [
            out * np.cos(one.longitude_rad),
            out * np.sin(one.longitude_rad),
            (curvature * (1 - squared) + _HEIGHT_M[name]) * sin,
        ]
    )
    return np.asarray(along / _LIGHT_M_PER_S)
