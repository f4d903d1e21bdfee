"""Where to put the numbers beside markers so that they stay readable when markers crowd."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]

_SIDES = 12
_RINGS = (0.75, 1.3, 1.9)
_CORNERS = np.array([[0.6, 0.6, -0.6, -0.6], [0.5, -0.5, 0.5, -0.5]])


def place_labels(
    x: Float,
    y: Float,
    size: float,
    inside: Callable[[Any, Any], Any],
    others: Sequence[tuple[float, float]] = (),
) -> list[tuple[float, float]]:
    """A place for each marker's label, one after the other: the nearest of 36 candidates that collides least.

    `size` is the height of a label in pixels; `inside` tells whether points lie in the picture, where labels stay;
    `others` are the centres of words that are there already.
    """
    candidates = [
        (ring * size * math.cos(angle), ring * size * math.sin(angle), ring)
        for ring in _RINGS
        for angle in (2 * math.pi * (side + 1.5) / _SIDES for side in range(_SIDES))
    ]
    words = [(word_x + shift * size, word_y) for word_x, word_y in others for shift in (-0.6, 0.0, 0.6)]
    taken = np.vstack([np.stack([x, y], axis=-1), np.reshape(words, (-1, 2))])
    places: list[tuple[float, float]] = []
    for own_x, own_y in zip(x, y, strict=True):
        best = min(candidates, key=lambda c: _cost(own_x + c[0], own_y + c[1], c[2], taken, size, inside))
        places.append((float(own_x + best[0]), float(own_y + best[1])))
        taken = np.vstack([taken, places[-1]])
    return places


def _cost(x: float, y: float, ring: float, taken: Float, size: float, inside: Callable[[Any, Any], Any]) -> float:
    near = np.hypot(taken[:, 0] - x, taken[:, 1] - y) / size
    corners = inside(x + size * _CORNERS[0], y + size * _CORNERS[1])
    return float(np.sum(np.clip(1.0 - near, 0.0, None) ** 2)) + 0.05 * ring + 10.0 * (not np.all(corners))
