"""Where to put the numbers beside markers so that they stay readable when markers crowd."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from llama.science.arrays import Float

_SIDES = 16
_RINGS = (0.75, 1.3, 1.9, 2.6, 3.4, 4.3)
_DIGIT = 0.62  # width of a digit, in heights of a label
_MARKER = 0.9  # size of a cross
_CORNERS = np.array([[0.6, 0.6, -0.6, -0.6], [0.5, -0.5, 0.5, -0.5]])
_CROSSED = 0.5  # what a line through a label costs: more than a few steps outwards, less than covering a label
_BESIDE = 1.6  # farther than so many heights from its marker a label needs a line to it


def place_labels(
    x: Float,
    y: Float,
    size: float,
    inside: Callable[[Any, Any], Any],
    others: Sequence[tuple[float, float]] = (),
    digits: Sequence[int] | None = None,
    lines: Sequence[tuple[Float, Float]] = (),
) -> list[tuple[float, float]]:
    """A place for each marker's label, one after the other: the nearest candidate around it that collides least.

    `size` is the height of a label in pixels; `inside` tells whether points lie in the picture, where labels stay;
    `others` are the centres of words that are there already; `digits` how many each label has (one); `lines`
    are points (x, y) along lines that a label should not lie on.
    """
    drawn = np.concatenate([np.empty((0, 2)), *(np.stack(line, -1) for line in lines)])
    candidates = [
        (ring * size * math.cos(angle), ring * size * math.sin(angle), ring)
        for ring in _RINGS
        for angle in (2 * math.pi * (side + 1.5) / _SIDES for side in range(_SIDES))
    ]
    # x, y, width of what is there already; all are one label high
    taken = [(mark_x, mark_y, _MARKER * size) for mark_x, mark_y in zip(x, y, strict=True)]
    taken += [(word_x, word_y, 2.0 * size) for word_x, word_y in others]
    places: list[tuple[float, float]] = []
    for own_x, own_y, count in zip(x, y, digits or [1] * len(x), strict=True):
        width = (_DIGIT * count + 0.35) * size
        there = np.array(taken)
        costs = [
            _cost(own_x + x_off, own_y + y_off, ring, width, there, size, inside)
            + _CROSSED * _is_crossed((own_x + x_off, own_y + y_off), (width, size), drawn)
            for x_off, y_off, ring in candidates
        ]
        best = candidates[int(np.argmin(costs))]
        places.append((float(own_x + best[0]), float(own_y + best[1])))
        taken.append((*places[-1], width))
    return places


def needs_line(place: tuple[float, float], own: int, x: Float, y: Float, size: float) -> bool:
    """Whether only a line tells whose a label is: it is far from its own marker, or another is about as near."""
    away = np.hypot(x - place[0], y - place[1])
    return bool(away[own] > _BESIDE * size or np.any(np.delete(away, own) < 1.5 * away[own]))


def _is_crossed(place: tuple[float, float], box: tuple[float, float], drawn: Float) -> bool:
    """Whether a point of the lines (n, 2) lies in a label's box (width, height) at that place."""
    return bool(np.any(np.all(np.abs(drawn - place) < 0.5 * np.array(box), axis=1)))


def _cost(
    x: float, y: float, ring: float, width: float, taken: Float, size: float, inside: Callable[[Any, Any], Any]
) -> float:
    """Overlap with every box that is there already, then distance, then edges of the picture."""
    apart_x = np.abs(taken[:, 0] - x) / ((taken[:, 2] + width) / 2)
    apart_y = np.abs(taken[:, 1] - y) / size
    overlap = np.clip(1.0 - np.maximum(apart_x, apart_y), 0.0, None)
    corners = inside(x + size * _CORNERS[0], y + size * _CORNERS[1])
    return float(np.sum(3.0 * overlap)) + 0.15 * ring + 10.0 * (not np.all(corners))
