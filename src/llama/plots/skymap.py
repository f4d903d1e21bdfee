"""The joint sky map: where the gravitational wave came from, and every neutrino around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.plots.graticule import pole_in_view, whole_sky_graticule, zoom_graticule
from llama.plots.labels import place_labels
from llama.plots.projection import View, circle, colour_scale, evaluate, mollweide, square, tangent
from llama.science.skymap import SkyMap, credible_area_deg2, credible_level, directions

Float = NDArray[np.float64]

SR_IN_DEG2 = math.degrees(1.0) ** 2
WIDTH_IN, HEIGHT_IN = 11.0, 5.2
_MAIN, _ZOOM, _BAR = (0.04, 0.135, 0.635, 0.69), (0.74, 0.285, 0.235, 0.497), (0.138, 0.095, 0.44, 0.022)
_MAIN_COLUMNS, _ZOOM_COLUMNS = 1300, 520
_WIDTHS = {0.5: 1.3, 0.9: 0.6}
_LEVELS = tuple(_WIDTHS)
# Vermilion and near-black stay apart for every kind of colour vision, also on the blue scale (Okabe and Ito 2008)
_NOTABLE, _PLAIN, _CONTOUR = "#D55E00", "#222222", "#000000"


@dataclass(frozen=True, slots=True)
class NeutrinoMark:
    """One neutrino to draw: its number in the tables, direction and 90 % radius in degrees (ICRS).

    `notable` ones are drawn in colour.
    """

    number: int
    ra_deg: float
    dec_deg: float
    r90_deg: float
    notable: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """The words around the plot. `warning` is printed large and in red: what must not be overlooked."""

    title: str
    time: str
    result: str
    version: str
    warning: str = ""
    notable: str = "p < 0.1"


@dataclass(frozen=True, slots=True)
class Zoom:
    """What the right panel shows: a direction (RA, Dec) and how far it reaches to each side, in degrees."""

    centre_deg: tuple[float, float]
    half_width_deg: float
    title: str


def joint_skymap(
    skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], caption: Caption, focus: int | None = None
) -> Any:
    """The figure (a matplotlib `Figure` not known to pyplot).

    Left the whole sky (Mollweide), right a zoom on neutrino number `focus`, or on the peak of the map without one.
    """
    import matplotlib

    # A user's matplotlibrc must not change what comes out
    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    with matplotlib.rc_context(own):
        return _figure(skymap, neutrinos, caption, focus)


def _figure(skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], caption: Caption, focus: int | None) -> Any:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), facecolor="white")
    level = credible_level(skymap)
    zoom = _zoom_on(skymap, neutrinos, focus)
    views = (mollweide(_MAIN_COLUMNS), tangent(*zoom.centre_deg, zoom.half_width_deg, _ZOOM_COLUMNS))
    axes = (_whole_sky_axes(figure, views[0]), _zoom_axes(figure, views[1], zoom))
    scale = _paint(axes, views, skymap, level)
    for one, view in zip(axes, views, strict=True):
        _draw_neutrinos(one, view, neutrinos)
    box = views[0].line(*square(*zoom.centre_deg, zoom.half_width_deg))
    axes[0].plot(*box, color=_NOTABLE, linewidth=0.9, linestyle=(0, (3, 2)), zorder=4)
    _draw_bar(figure, scale)
    _draw_words(figure, caption, skymap)
    _draw_legend(figure, neutrinos, caption)
    return figure


def _zoom_on(skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], focus: int | None) -> Zoom:
    """A few error radii, and part of the map's 90 % region when it is not much larger."""
    region_deg = math.sqrt(credible_area_deg2(skymap, 0.9) / math.pi)
    chosen = next((mark for mark in neutrinos if mark.number == focus), None)
    if chosen is not None:
        half_width = min(max(3.0 * chosen.r90_deg, min(2.0 * region_deg, 12.0), 2.0), 40.0)
        return Zoom((chosen.ra_deg, chosen.dec_deg), half_width, f"zoom on neutrino {chosen.number}")
    x, y, z = directions(skymap)[int(np.argmax(skymap.density))]
    peak = (math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.atan2(z, math.hypot(x, y))))
    return Zoom(peak, min(max(2.0 * region_deg, 2.0), 25.0), "zoom on the peak of the map")


def _paint(axes: Sequence[Any], views: Sequence[View], skymap: SkyMap, level: Float) -> Any:
    """Draw density and credible regions into each panel on one colour scale; returns what the colour bar shows."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    values = ((skymap.density / SR_IN_DEG2, 0.0), (level, 1.0))
    images = [evaluate(skymap, values, view) for view in views]
    peak = max(float(np.nanmax(density)) for density, _ in images) or 1.0
    scale = ScalarMappable(Normalize(0.0, peak), colour_scale())
    for one, (density, levels) in zip(axes, images, strict=True):
        # As colours: matplotlib would resample numbers, in several copies, and keep them as long as the figure
        painted = scale.to_rgba(np.ma.masked_invalid(density), bytes=True)
        one.imshow(painted, origin="lower", zorder=0, interpolation="nearest")
        _draw_contours(one, levels)
    return scale


def _whole_sky_axes(figure: Any, view: View) -> Any:
    from astropy.visualization.wcsaxes.frame import EllipticalFrame

    axes = _bare_axes(figure, _MAIN, view, frame_class=EllipticalFrame)
    whole_sky_graticule(axes, view)
    return axes


def _zoom_axes(figure: Any, view: View, zoom: Zoom) -> Any:
    axes = _bare_axes(figure, _ZOOM, view)
    zoom_graticule(axes, view, zoom.centre_deg, zoom.half_width_deg)
    axes.text(0.5, 1.07, zoom.title, transform=axes.transAxes, fontsize=9, color=_NOTABLE, ha="center")
    style: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8, "ha": "center", "va": "center"}
    if pole_in_view(zoom.centre_deg, zoom.half_width_deg):
        axes.text(0.5, -0.13, "RA (deg) around, Dec (deg) on the circles", **style)
    else:
        axes.text(0.5, -0.13, "RA (deg)", **style)
        axes.text(-0.16, 0.5, "Dec (deg)", rotation=90, **style)
    return axes


def _bare_axes(figure: Any, place: tuple[float, float, float, float], view: View, **kinds: Any) -> Any:
    from astropy.visualization.wcsaxes import WCSAxes

    axes = WCSAxes(figure, place, wcs=view.wcs, aspect="equal", **kinds)
    figure.add_axes(axes)
    rows, columns = view.shape
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-0.5, rows - 0.5)
    for coordinate in axes.coords:
        coordinate.set_ticks_visible(False)
        coordinate.set_ticklabel_visible(False)
        coordinate.set_auto_axislabel(False)
    axes.coords.frame.set_linewidth(0.8)
    return axes


def _draw_contours(axes: Any, level: Float) -> None:
    drawn = [value for value in _LEVELS if np.nanmin(level) < value < np.nanmax(level)]
    if not drawn:
        return
    from matplotlib.collections import PathCollection

    contours = axes.contour(np.ma.masked_invalid(level), levels=drawn)
    lines = contours.get_paths()
    contours.remove()  # it would keep 30 MB of coordinates as long as the figure lives
    widths = [_WIDTHS[value] for value in drawn]
    style: dict[str, Any] = {"facecolors": "none", "edgecolors": _CONTOUR, "linewidths": widths, "zorder": 2}
    axes.add_collection(PathCollection(lines, **style), autolim=False)


def _draw_neutrinos(axes: Any, view: View, neutrinos: Sequence[NeutrinoMark]) -> None:
    """Error circles, a cross at each centre and its number; the notable ones last, on top."""
    if not neutrinos:
        return
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    marks = sorted(neutrinos, key=lambda mark: mark.notable)
    for mark in marks:
        ring = view.line(*circle(mark.ra_deg, mark.dec_deg, mark.r90_deg))
        axes.plot(*ring, color=_colour(mark), linewidth=1.0, path_effects=halo, zorder=4)
    x, y = view.pixels([mark.ra_deg for mark in marks], [mark.dec_deg for mark in marks])
    seen = np.flatnonzero(view.contains(x, y))
    x, y, marks = x[seen], y[seen], [marks[i] for i in seen]
    axes.scatter(x, y, marker="+", s=26, c="white", linewidths=2.4, zorder=4.5)
    axes.scatter(x, y, marker="+", s=22, c=[_colour(mark) for mark in marks], linewidths=1.1, zorder=5)
    size = view.shape[1] / (60 if view.whole_sky else 26)
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "path_effects": halo, "zorder": 6}
    for mark, place in zip(marks, place_labels(x, y, size, view.contains), strict=True):
        weight = "bold" if mark.notable else "normal"
        axes.text(*place, str(mark.number), color=_colour(mark), fontweight=weight, **style)


def _colour(mark: NeutrinoMark) -> str:
    return _NOTABLE if mark.notable else _PLAIN


def _draw_bar(figure: Any, scale: Any) -> None:
    bar = figure.colorbar(scale, cax=figure.add_axes(_BAR), orientation="horizontal")
    bar.set_label("probability per deg²", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.formatter.set_powerlimits((-2, 3))
    bar.ax.xaxis.get_offset_text().set_fontsize(7.5)


def _draw_words(figure: Any, caption: Caption, skymap: SkyMap) -> None:
    areas = ", ".join(f"{100 * p:.0f} % area {_area(credible_area_deg2(skymap, p))}" for p in _LEVELS)
    style: dict[str, Any] = {"va": "center", "parse_math": False}  # names may hold dollar signs
    figure.text(0.02, 0.95, caption.title, fontsize=13, fontweight="bold", **style)
    figure.text(0.02, 0.895, f"{caption.time}    {areas}", fontsize=9, **style)
    figure.text(0.02, 0.85, caption.result, fontsize=9, **style)
    figure.text(0.985, 0.025, f"ICRS; {caption.version}", fontsize=7, ha="right", color="#555555", **style)
    if caption.warning:
        style |= {"bbox": {"boxstyle": "round,pad=0.35", "facecolor": "#B00020", "edgecolor": "none"}, "ha": "right"}
        size = 12 if len(caption.warning) <= 30 else 9
        figure.text(0.985, 0.945, caption.warning, fontsize=size, fontweight="bold", color="white", **style)


def _area(deg2: float) -> str:
    return f"{deg2:.1f} deg²" if deg2 < 100 else f"{deg2:,.0f} deg²"


def _draw_legend(figure: Any, neutrinos: Sequence[NeutrinoMark], caption: Caption) -> None:
    from matplotlib.lines import Line2D

    def ring(colour: str, text: str) -> Any:
        style: dict[str, Any] = {"marker": "o", "markersize": 9, "markerfacecolor": "none", "linestyle": ""}
        return Line2D([], [], color=colour, label=text, **style)

    entries = [
        Line2D([], [], color=_CONTOUR, linewidth=width, label=f"{100 * value:.0f} % credible region")
        for value, width in _WIDTHS.items()
    ]
    radius = "neutrino, 90 % radius (2.146 σ)"
    if any(not mark.notable for mark in neutrinos):
        entries.append(ring(_PLAIN, radius))
    if any(mark.notable for mark in neutrinos):
        entries.append(ring(_NOTABLE, f"{radius}, {caption.notable}"))
    figure.legend(handles=entries, loc="upper left", bbox_to_anchor=(0.7, 0.19), fontsize=7.5, frameon=False)
