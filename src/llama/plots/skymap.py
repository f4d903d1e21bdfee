"""The joint sky map: where the gravitational wave came from, and every neutrino around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from llama.plots.graticule import pole_in_view, whole_sky_graticule, zoom_graticule
from llama.plots.labels import needs_line, place_labels
from llama.plots.projection import FieldOfView, circle, colour_scale, evaluate, mollweide, square, tangent
from llama.plots.zoom import Zoom, zoom_on_map, zoom_on_neutrino
from llama.science.arrays import Float
from llama.science.sky import SkyMap, credible_area_deg2, credible_level

SR_IN_DEG2 = math.degrees(1.0) ** 2
WIDTH_IN, HEIGHT_IN = 11.0, 5.6
HEADER = 0.16
"""Part of the height that the words above the panels take."""
_BANNER = 0.062
_MAIN, _ZOOM, _BAR = (0.045, 0.17, 0.635, 0.624), (0.74, 0.29, 0.235, 0.4616), (0.142, 0.095, 0.44, 0.02)
_MAIN_COLUMNS, _ZOOM_COLUMNS = 1300, 520
_WIDTHS = {0.5: 1.3, 0.9: 0.6}
_LEVELS = tuple(_WIDTHS)
_SMALL_PX = 15.0  # a 90 % region of this radius is hidden by two contours
_CROSS_PX = 9.0  # rings smaller than the cross at their centre only smear it
# Vermilion, bluish green and near-black stay apart for every kind of colour vision, also on the blue scale
# (Okabe and Ito 2008)
_NOTABLE, _PLAIN, _CONTOUR, _FRAME = "#D55E00", "#222222", "#000000", "#007A5A"
_RED = "#B00020"


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
    """The words around the plot. `warning` is a red band along the top: what must not be overlooked.

    `zoom_note` says why the zoom shows the map when it does; `notable` what the neutrinos in colour have in common.
    """

    title: str
    time: str
    result: str
    version: str
    warning: str = ""
    notable: str = "p < 0.1"
    zoom_note: str = ""


def joint_skymap(
    skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], caption: Caption, focus: int | None = None
) -> Any:
    """The figure (a matplotlib `Figure` not known to pyplot).

    Left the whole sky (Mollweide), right a zoom on neutrino number `focus`, or on the map without one.
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
    chosen = next((mark for mark in neutrinos if mark.number == focus), None)
    zoom = _zoom(skymap, level, chosen)
    views = (mollweide(_MAIN_COLUMNS), tangent(*zoom.centre_deg, zoom.half_width_deg, _ZOOM_COLUMNS))
    axes = (_bare_axes(figure, _MAIN, views[0]), _zoom_axes(figure, views[1], zoom))
    labels = whole_sky_graticule(axes[0], views[0])
    scale = _paint(axes, views, skymap, level)
    ringed = _draw_neutrinos(axes[0], views[0], neutrinos, labels) | _draw_neutrinos(axes[1], views[1], neutrinos)
    box = views[0].line(*square(*zoom.centre_deg, zoom.half_width_deg))
    axes[0].plot(*box, color=_FRAME, linewidth=1.0, linestyle=(0, (3, 2)), zorder=4)
    _draw_bar(figure, scale)
    _draw_words(figure, caption, zoom)
    _draw_legend(figure, skymap, neutrinos, caption, ringed)
    return figure


def _zoom(skymap: SkyMap, level: Float, chosen: NeutrinoMark | None) -> Zoom:
    if chosen is None:
        return zoom_on_map(skymap, level)
    return zoom_on_neutrino(skymap, chosen.number, (chosen.ra_deg, chosen.dec_deg), chosen.r90_deg)


def _paint(axes: Sequence[Any], views: Sequence[FieldOfView], skymap: SkyMap, level: Float) -> Any:
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


def _zoom_axes(figure: Any, view: FieldOfView, zoom: Zoom) -> Any:
    axes = _bare_axes(figure, _ZOOM, view)
    zoom_graticule(axes, view, zoom.centre_deg, zoom.half_width_deg)
    style: dict[str, Any] = {"transform": axes.transAxes, "fontsize": 8, "ha": "center", "va": "center"}
    if pole_in_view(zoom.centre_deg, zoom.half_width_deg):
        axes.text(0.5, -0.13, "RA (deg) around, Dec (deg) on the circles", **style)
    else:
        axes.text(0.5, -0.13, "RA (deg)", **style)
        axes.text(-0.16, 0.5, "Dec (deg)", rotation=90, **style)
    return axes


def _bare_axes(figure: Any, place: tuple[float, float, float, float], view: FieldOfView) -> Any:
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.visualization.wcsaxes.frame import EllipticalFrame

    kinds = {"frame_class": EllipticalFrame} if view.whole_sky else {}
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
    if math.sqrt(np.count_nonzero(level <= max(_LEVELS)) / math.pi) < _SMALL_PX:
        drawn = drawn[-1:]
    if not drawn:
        return
    from matplotlib.collections import PathCollection

    contours = axes.contour(np.ma.masked_invalid(level), levels=drawn)
    lines = contours.get_paths()
    contours.remove()  # it would keep 30 MB of coordinates as long as the figure lives
    widths = [_WIDTHS[value] for value in drawn]
    style: dict[str, Any] = {"facecolors": "none", "edgecolors": _CONTOUR, "linewidths": widths, "zorder": 2}
    axes.add_collection(PathCollection(lines, **style), autolim=False)


def _draw_neutrinos(
    axes: Any, view: FieldOfView, neutrinos: Sequence[NeutrinoMark], labels: Sequence[tuple[float, float]] = ()
) -> set[int]:
    """Error circles, a cross at each centre and its number, clear of other `labels`; the notable ones on top.

    Returns the numbers of those whose circle can be seen.
    """
    if not neutrinos:
        return set()
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    marks = sorted(neutrinos, key=lambda mark: mark.notable)
    rings: dict[int, tuple[Float, Float]] = {}
    for mark in marks:
        if mark.r90_deg > _CROSS_PX * view.degrees_per_pixel:
            ring = rings[mark.number] = view.line(*circle(mark.ra_deg, mark.dec_deg, mark.r90_deg))
            axes.plot(*ring, color=_colour(mark), linewidth=1.0, path_effects=halo, zorder=4)
    x, y = view.pixels([mark.ra_deg for mark in marks], [mark.dec_deg for mark in marks])
    seen = np.flatnonzero(view.contains(x, y))
    x, y, marks = x[seen], y[seen], [marks[i] for i in seen]
    axes.scatter(x, y, marker="+", s=26, c="white", linewidths=2.4, zorder=4.5)
    axes.scatter(x, y, marker="+", s=22, c=[_colour(mark) for mark in marks], linewidths=1.1, zorder=5)
    _draw_numbers(axes, view, marks, (x, y), labels, list(rings.values()), halo)
    return {number for number, ring in rings.items() if np.any(view.contains(*ring))}


def _draw_numbers(
    axes: Any,
    view: FieldOfView,
    marks: Sequence[NeutrinoMark],
    at: tuple[Float, Float],
    labels: Sequence[tuple[float, float]],
    rings: Sequence[tuple[Float, Float]],
    halo: list[Any],
) -> None:
    """Each neutrino's number beside its cross, or with a line to it where others are in the way."""
    size = view.shape[1] / (60 if view.whole_sky else 26)
    digits = [len(str(mark.number)) for mark in marks]
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 8, "path_effects": halo, "zorder": 6}
    places = place_labels(*at, size, view.contains, labels, digits, rings)
    for i, (mark, place) in enumerate(zip(marks, places, strict=True)):
        if needs_line(place, i, *at, size):
            line = [(own[i], there) for own, there in zip(at, place, strict=True)]
            axes.plot(*line, color=_colour(mark), linewidth=0.5, zorder=5.5)
        weight = "bold" if mark.notable else "normal"
        axes.text(*place, str(mark.number), color=_colour(mark), fontweight=weight, **style)


def _colour(mark: NeutrinoMark) -> str:
    return _NOTABLE if mark.notable else _PLAIN


def _draw_bar(figure: Any, scale: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    power = math.floor(math.log10(scale.norm.vmax))
    unit = "per deg²" if power in (-1, 0) else f"10{str(power).translate(_SUPERSCRIPTS)} per deg²"
    factor = 1.0 if power in (-1, 0) else 10.0**power
    bar = figure.colorbar(scale, cax=figure.add_axes(_BAR), orientation="horizontal")
    bar.set_label(f"probability density of the source's direction ({unit})", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.formatter = FuncFormatter(lambda value, _: f"{value / factor:g}")


_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _draw_words(figure: Any, caption: Caption, zoom: Zoom) -> None:
    style: dict[str, Any] = {"va": "center", "parse_math": False}  # names may hold dollar signs
    title, result = (0.905, 0.858) if caption.warning else (0.945, 0.89)
    figure.text(0.02, title, caption.title, fontsize=13, fontweight="bold", **style)
    figure.text(0.98, title, caption.time, fontsize=10, ha="right", **style)
    figure.text(0.02, result, caption.result, fontsize=9, **style)
    figure.text(0.98, 0.025, f"ICRS; {caption.version}", fontsize=7, ha="right", color="#555555", **style)
    middle, bottom = _MAIN[0] + _MAIN[2] / 2, _MAIN[1] + _MAIN[3] / 2
    figure.text(middle, 0.15, "RA (deg) along the equator", fontsize=8, ha="center", **style)
    figure.text(0.012, bottom, "Dec (deg)", fontsize=8, rotation=90, ha="center", **style)
    over_zoom = _ZOOM[0] + _ZOOM[2] / 2
    lines = [zoom.title, caption.zoom_note] if caption.zoom_note else [zoom.title]
    for i, line in enumerate(reversed(lines)):
        figure.text(over_zoom, 0.772 + 0.032 * i, line, fontsize=8.5, color=_FRAME, ha="center", **style)
    if caption.warning:
        _draw_banner(figure, caption.warning, style)


def _draw_banner(figure: Any, warning: str, style: dict[str, Any]) -> None:
    """A band along the whole top edge."""
    from matplotlib.patches import Rectangle

    figure.add_artist(Rectangle((0, 1 - _BANNER), 1, _BANNER, transform=figure.transFigure, color=_RED))
    figure.text(0.5, 1 - _BANNER / 2, warning, fontsize=12, fontweight="bold", color="white", ha="center", **style)


def _area(deg2: float) -> str:
    return f"{deg2:.1f} deg²" if deg2 < 100 else f"{deg2:,.0f} deg²"


def _draw_legend(
    figure: Any, skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], caption: Caption, ringed: set[int]
) -> None:
    """What lines and crosses mean; circles only where some are drawn (`ringed`, by number)."""
    from matplotlib.lines import Line2D

    def cross(colour: str, text: str) -> Any:
        return Line2D([], [], color=colour, label=text, marker="+", markersize=6, linestyle="")

    areas = {value: _area(credible_area_deg2(skymap, value)) for value in _LEVELS}
    entries = [
        Line2D([], [], color=_CONTOUR, linewidth=width, label=f"{100 * value:.0f} % credible region, {areas[value]}")
        for value, width in _WIDTHS.items()
    ]
    for notable, colour, also in ((False, _PLAIN, ""), (True, _NOTABLE, f", {caption.notable}")):
        numbers = {mark.number for mark in neutrinos if mark.notable is notable}
        radius = "; circle: 90 % radius (2.146 σ)" if numbers & ringed else ""
        if numbers:
            entries.append(cross(colour, f"neutrino{radius}{also}"))
    figure.legend(handles=entries, loc="upper left", bbox_to_anchor=(0.7, 0.2), fontsize=7.5, frameon=False)
