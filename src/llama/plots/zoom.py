"""What the zoom beside the whole sky shows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from llama.science.arrays import Float
from llama.science.sky import SkyMap, credible_area_deg2, directions_of

_LEVEL = 0.9
_LEAST_DEG, _MOST_DEG = 3.0, 30.0


@dataclass(frozen=True, slots=True)
class Zoom:
    """A direction (RA, Dec) and how far the view reaches to each side, in degrees; `title` says what it is of."""

    centre_deg: tuple[float, float]
    half_width_deg: float
    title: str


def zoom_on_neutrino(skymap: SkyMap, number: int, centre_deg: tuple[float, float], r90_deg: float) -> Zoom:
    """A few error radii, and part of the map's 90 % region when that is not much larger."""
    half_width = min(max(3.0 * r90_deg, min(2.0 * _radius_deg(skymap), 12.0), 2.0), 40.0)
    return Zoom(centre_deg, half_width, f"zoom on neutrino {number}")


def zoom_on_map(skymap: SkyMap, level: Float) -> Zoom:
    """The map's 90 % region, or as much of it around its densest cell as fits.

    `level` is the credible level of each cell (n,).
    """
    inside = np.flatnonzero(level <= _LEVEL)
    if not inside.size:  # one cell holds more than that
        inside = np.array([int(np.argmax(skymap.density))])
    there = directions_of(skymap.order[inside], skymap.ipix[inside])
    peak = there[int(np.argmax(skymap.density[inside]))]
    around_deg = min(max(3.0 * _radius_deg(skymap), 5.0), 25.0)
    near = _angle_deg(there, peak) <= around_deg
    middle = there[near].mean(axis=0)
    middle /= np.linalg.norm(middle)
    reach_deg = float(_angle_deg(there[near], middle).max())
    x, y, z = middle
    centre = (math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y))))
    what = "the 90 % region" if near.all() else "the densest part of the 90 % region"
    return Zoom(centre, min(max(1.2 * reach_deg, _LEAST_DEG), _MOST_DEG), f"zoom on {what}")


def _radius_deg(skymap: SkyMap) -> float:
    """Of a disc as large as the 90 % region."""
    return math.sqrt(credible_area_deg2(skymap, _LEVEL) / math.pi)


def _angle_deg(there: Any, here: Any) -> Float:
    return np.asarray(np.degrees(np.arccos(np.clip(there @ here, -1.0, 1.0))), float)
