"""Coordinate lines and their labels.

Drawn by ourselves: WCSAxes takes longer over its own lines than the rest of the figure does, and its labels
fail where a pole is in view.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from llama.plots.projection import FieldOfView
from llama.science.arrays import Float

FONT_SIZE = 7.5
_LINE: dict[str, Any] = {"color": "#777777", "linewidth": 0.4, "zorder": 1}
_STEPS_DEG = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0)


def whole_sky_graticule(axes: Any, view: FieldOfView) -> list[tuple[float, float]]:
    """Lines every 60° in RA and 30° in Dec; RA along the equator, Dec down the left edge.

    Returns where inside the sky the labels are, in pixels.
    """
    inside = []
    run = np.linspace(-90.0, 90.0, 91)
    for ra in range(60, 360, 60):
        axes.plot(*view.pixels(np.full_like(run, float(ra)), run), **_LINE)
        x, y = view.pixels(float(ra), 0.0)
        _text(axes, x[0], y[0] - 7, f"{ra}°", ha="center", va="top")
        inside.append((float(x[0]), float(y[0]) - 16))
    turn = np.linspace(1e-6, 360.0 - 1e-6, 181)
    for dec in range(-60, 90, 30):
        axes.plot(*view.pixels(turn, np.full_like(turn, float(dec))), **_LINE)
        x, y = view.pixels(360.0 - 1e-6, float(dec))
        _text(axes, min(x[0], view.shape[1] - x[0]) - 10, y[0], f"{_degrees(dec)}°", ha="right", va="center")
    return inside


def pole_in_view(centre_deg: tuple[float, float], half_width_deg: float) -> bool:
    """Whether a zoom shows a pole, or comes so near that meridians fan out."""
    return abs(centre_deg[1]) + 1.5 * half_width_deg > 85.0


def zoom_graticule(axes: Any, view: FieldOfView, centre_deg: tuple[float, float], half_width_deg: float) -> None:
    """About five lines each way. RA is labelled below and Dec at the left; with a pole in view RA all around and
    Dec on the circles."""
    ra0, dec0 = centre_deg
    reach = 1.5 * half_width_deg  # to the corners
    step = _nice(half_width_deg / 2.8)
    polar = pole_in_view(centre_deg, half_width_deg)
    ra_step = 45.0 if polar else _nice(half_width_deg / 2.8 / math.cos(math.radians(dec0)))
    span = 180.0 if polar else min(reach / math.cos(math.radians(min(abs(dec0) + reach, 89.0))), 180.0)
    low, high = max(dec0 - reach, -90.0), min(dec0 + reach, 90.0)
    run = np.linspace(low, high, 400)
    for ra in _multiples(ra_step, ra0 - span, ra0 + span - 1e-6):
        line = view.pixels(np.full_like(run, ra), run)
        axes.plot(*line, **_LINE)
        _label_at_edge(axes, line, view, _degrees(ra % 360.0, signed=False), "any" if polar else "bottom")
    around = np.linspace(ra0 - span, ra0 + span, 400)
    for dec in _multiples(step, low, high):
        line = view.pixels(around, np.full_like(around, dec))
        axes.plot(*line, **_LINE)
        if polar:
            x, y = view.pixels(ra0 + 22.5, dec)
            if view.contains(x, y)[0] and abs(dec) < 90:
                _text(axes, x[0], y[0], _degrees(dec), ha="center", va="center", color="#555555")
        else:
            _label_at_edge(axes, line, view, _degrees(dec), "left")


def _label_at_edge(axes: Any, line: tuple[Float, Float], view: FieldOfView, text: str, edge: str) -> None:
    """Write `text` outside the frame where the line crosses that edge (or the first edge it crosses)."""
    x, y = line
    inside = view.contains(x, y)
    size, gap = view.shape[0], 0.02 * view.shape[0]
    for i in np.flatnonzero(np.diff(inside.astype(int)) != 0):
        at = i if inside[i] else i + 1
        distance = {"bottom": y[at], "left": x[at], "top": size - y[at], "right": size - x[at]}
        crossed = min(distance, key=lambda side: float(distance[side]))
        if edge not in ("any", crossed):
            continue
        place: dict[str, Any] = {
            "bottom": {"x": x[at], "y": -gap, "ha": "center", "va": "top"},
            "top": {"x": x[at], "y": size + 0.4 * gap, "ha": "center", "va": "bottom"},
            "left": {"x": -gap, "y": y[at], "ha": "right", "va": "center"},
            "right": {"x": size + 0.6 * gap, "y": y[at], "ha": "left", "va": "center"},
        }[crossed]
        _text(axes, place.pop("x"), place.pop("y"), text, **place)
        return


def _text(axes: Any, x: float, y: float, text: str, **style: Any) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.0, foreground="white")]
    axes.text(x, y, text, **{"fontsize": FONT_SIZE, "path_effects": halo, "zorder": 3, **style})


def _degrees(value: float, signed: bool = True) -> str:
    text = f"{abs(value):g}"
    if not signed or value == 0:
        return text
    return f"+{text}" if value > 0 else f"−{text}"


def _nice(step_deg: float) -> float:
    return min(_STEPS_DEG, key=lambda nice: abs(math.log(nice / step_deg)))


def _multiples(step: float, low: float, high: float) -> list[float]:
    return [round(k * step, 6) for k in range(math.ceil(low / step), math.floor(high / step) + 1)]
