"""The joint sky map: where the gravitational wave came from, and every neutrino around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.plots.labels import place_labels
from llama.plots.projection import View, circle, colour_scale, evaluate, mollweide, square, tangent
from llama.science.skymap import SkyMap, area_sr, credible_level, directions

Float = NDArray[np.float64]

SR_IN_DEG2 = math.degrees(1.0) ** 2
WIDTH_IN, HEIGHT_IN = 11.0, 5.6
_MAIN, _ZOOM, _BAR = (0.035, 0.13, 0.62, 0.70), (0.735, 0.27, 0.245, 0.48), (0.125, 0.085, 0.44, 0.022)
_MAIN_COLUMNS, _ZOOM_COLUMNS = 1300, 520
_LEVELS = (0.5, 0.9)
# Vermilion, near-black: apart for every kind of colour vision, and both apart from the blue scale (Okabe and Ito 2008)
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


def joint_skymap(skymap: SkyMap, neutrinos: Sequence[NeutrinoMark], caption: Caption, focus: int | None = None) -> Any:
    """The figure (matplotlib `Figure`, not known to pyplot).

    Left the whole sky (Mollweide), right a zoom on neutrino number `focus`, or on the peak of the map without one.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), facecolor="white")
    level = credible_level(skymap)
    per_deg2 = skymap.density / SR_IN_DEG2
    centre, half_width_deg, zoom_title = _zoom_on(skymap, level, neutrinos, focus)
    whole, zoom = mollweide(_MAIN_COLUMNS), tangent(*centre, half_width_deg, _ZOOM_COLUMNS)
    values = ((per_deg2, 0.0), (level, 1.0))
    images = [evaluate(skymap, values, view) for view in (whole, zoom)]
    peak = max(float(np.nanmax(density)) for density, _ in images) or 1.0
    main_axes = _whole_sky_axes(figure, whole)
    zoom_axes = _zoom_axes(figure, zoom, zoom_title)
    for axes, view, (density, levels) in zip((main_axes, zoom_axes), (whole, zoom), images, strict=True):
        painted = axes.imshow(
            density, cmap=colour_scale(), vmin=0.0, vmax=peak, interpolation="nearest", origin="lower", zorder=0
        )
        _draw_contours(axes, levels)
        _draw_neutrinos(axes, view, neutrinos)
    _draw_line(main_axes, whole, square(*centre, half_width_deg), color=_NOTABLE, linewidth=0.9, linestyle=(0, (3, 2)))
    _draw_bar(figure, painted)
    _draw_words(figure, caption, skymap, level)
    _draw_legend(figure, neutrinos, caption)
    return figure


def _zoom_on(
    skymap: SkyMap, level: Float, neutrinos: Sequence[NeutrinoMark], focus: int | None
) -> tuple[tuple[float, float], float, str]:
    """Centre (RA, Dec in degrees), half width in degrees and title of the zoom.

    A few error radii, and part of the map's 90 % region when it is not much larger.
    """
    region_deg = math.sqrt(float(np.sum(area_sr(skymap)[level <= 0.9])) * SR_IN_DEG2 / math.pi)
    chosen = next((mark for mark in neutrinos if mark.number == focus), None)
    if chosen is None:
        x, y, z = directions(skymap)[int(np.argmax(skymap.density))]
        centre = (math.degrees(math.atan2(y, x)) % 360.0, math.degrees(math.asin(max(-1.0, min(1.0, z)))))
        return centre, min(max(2.0 * region_deg, 2.0), 25.0), "Zoom: peak of the map"
    half_width = max(3.0 * chosen.r90_deg, min(2.0 * region_deg, 12.0), 2.0)
    return (chosen.ra_deg, chosen.dec_deg), min(half_width, 40.0), f"Zoom: neutrino {chosen.number}"


def _whole_sky_axes(figure: Any, view: View) -> Any:
    from astropy.visualization.wcsaxes import WCSAxes
    from astropy.visualization.wcsaxes.frame import EllipticalFrame

    axes = WCSAxes(figure, _MAIN, wcs=view.wcs, frame_class=EllipticalFrame, aspect="equal")
    figure.add_axes(axes)
    rows, columns = view.shape
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(-0.5, rows - 0.5)
    for coordinate in axes.coords:
        coordinate.set_ticks_visible(False)
        coordinate.set_ticklabel_visible(False)
        coordinate.set_auto_axislabel(False)
    axes.coords.frame.set_linewidth(0.8)
    _draw_graticule(axes, view)
    return axes


def _draw_graticule(axes: Any, view: View) -> None:
    """Every 60° in RA and 30° in Dec. Our own lines: WCSAxes takes longer over them than all else together."""
    from matplotlib.patheffects import withStroke

    style: dict[str, Any] = {"color": "#888888", "linewidth": 0.4, "zorder": 1}
    halo = [withStroke(linewidth=2.0, foreground="white")]
    run = np.linspace(-90.0, 90.0, 91)
    for ra in range(0, 360, 60):
        if ra:
            axes.plot(*view.pixels(np.full_like(run, float(ra)), run), **style)
            x, y = view.pixels(float(ra), 0.0)
            axes.text(x[0], y[0] - 8, f"{ra}°", ha="center", va="top", fontsize=7.5, path_effects=halo, zorder=6)
    turn = np.linspace(1e-6, 360.0 - 1e-6, 181)
    for dec in range(-60, 90, 30):
        axes.plot(*view.pixels(turn, np.full_like(turn, float(dec))), **style)
        x, y = view.pixels(360.0 - 1e-6, float(dec))
        side = min(x[0], view.shape[1] - x[0])
        axes.text(side - 8, y[0], f"{dec:+d}°" if dec else "0°", ha="right", va="center", fontsize=7.5)


def _zoom_axes(figure: Any, view: View, title: str) -> Any:
    from astropy.visualization.wcsaxes import WCSAxes

    axes = WCSAxes(figure, _ZOOM, wcs=view.wcs, aspect="equal")
    figure.add_axes(axes)
    for coordinate, name in zip(axes.coords, ("RA (deg)", "Dec (deg)"), strict=True):
        coordinate.set_format_unit("deg", decimal=True, show_decimal_unit=False)
        coordinate.set_ticklabel(size=7.5)
        coordinate.set_axislabel(name, size=8, minpad=0.5)
        coordinate.set_ticks(number=5)
        coordinate.grid(color="#888888", linewidth=0.4)
    axes.set_xlim(-0.5, view.shape[1] - 0.5)
    axes.set_ylim(-0.5, view.shape[0] - 0.5)
    axes.set_title(title, fontsize=9, color=_NOTABLE)
    return axes


def _draw_contours(axes: Any, level: Float) -> None:
    drawn = [value for value in _LEVELS if np.nanmin(level) < value < np.nanmax(level)]
    if not drawn:
        return
    contours = axes.contour(
        np.ma.masked_invalid(level), levels=drawn, colors=_CONTOUR, linewidths=[1.1 if v == 0.5 else 0.7 for v in drawn]
    )
    contours.set_zorder(2)


def _draw_line(axes: Any, view: View, ra_dec_deg: tuple[Float, Float], **style: Any) -> None:
    axes.plot(*view.line(*ra_dec_deg), **{"zorder": 4, **style})


def _draw_neutrinos(axes: Any, view: View, neutrinos: Sequence[NeutrinoMark]) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.2, foreground="white")]
    rows, columns = view.shape
    for mark in sorted(neutrinos, key=lambda one: one.notable):
        colour = _NOTABLE if mark.notable else _PLAIN
        _draw_line(
            axes, view, circle(mark.ra_deg, mark.dec_deg, mark.r90_deg), color=colour, linewidth=1.0, path_effects=halo
        )
    if not neutrinos:
        return
    x, y = view.pixels([mark.ra_deg for mark in neutrinos], [mark.dec_deg for mark in neutrinos])
    inside = (x >= 0) & (x <= columns) & (y >= 0) & (y <= rows)
    shown = [i for i in range(len(neutrinos)) if inside[i]]
    colours = [_NOTABLE if neutrinos[i].notable else _PLAIN for i in shown]
    axes.scatter(x[shown], y[shown], marker="+", s=26, c="white", linewidths=2.4, zorder=4.5)
    axes.scatter(x[shown], y[shown], marker="+", s=22, c=colours, linewidths=1.1, zorder=5)
    size = columns / 60 if view.whole_sky else columns / 26
    for i, (at_x, at_y) in zip(shown, place_labels(x[shown], y[shown], size, view.shape), strict=True):
        colour = _NOTABLE if neutrinos[i].notable else _PLAIN
        axes.text(
            at_x, at_y, str(neutrinos[i].number), color=colour, fontsize=8, ha="center", va="center",
            fontweight="bold" if neutrinos[i].notable else "normal", path_effects=halo, zorder=6, clip_on=True,
        )  # fmt: skip


def _draw_bar(figure: Any, painted: Any) -> None:
    bar = figure.colorbar(painted, cax=figure.add_axes(_BAR), orientation="horizontal")
    bar.set_label("probability per deg²", fontsize=8)
    bar.ax.tick_params(labelsize=7.5)
    bar.formatter.set_powerlimits((-2, 3))
    bar.ax.xaxis.get_offset_text().set_fontsize(7.5)


def _draw_words(figure: Any, caption: Caption, skymap: SkyMap, level: Float) -> None:
    area = area_sr(skymap) * SR_IN_DEG2
    areas = ", ".join(f"{100 * value:.0f} % area {_area(float(np.sum(area[level <= value])))}" for value in _LEVELS)
    figure.text(0.02, 0.955, caption.title, fontsize=13, fontweight="bold", va="center")
    figure.text(0.02, 0.908, f"{caption.time}   {areas}", fontsize=9, va="center")
    figure.text(0.02, 0.868, caption.result, fontsize=9, va="center")
    figure.text(0.985, 0.02, f"{caption.version}; ICRS", fontsize=7, ha="right", color="#555555")
    if caption.warning:
        box = {"boxstyle": "round,pad=0.35", "facecolor": "#B00020", "edgecolor": "none"}
        figure.text(
            0.985, 0.95, caption.warning, fontsize=12, fontweight="bold", color="white", ha="right", va="center", bbox=box
        )


def _area(deg2: float) -> str:
    return f"{deg2:.1f} deg²" if deg2 < 100 else f"{deg2:,.0f} deg²"


def _draw_legend(figure: Any, neutrinos: Sequence[NeutrinoMark], caption: Caption) -> None:
    from matplotlib.lines import Line2D

    def ring(colour: str, text: str) -> Any:
        return Line2D([], [], color=colour, marker="o", markersize=9, markerfacecolor="none", linestyle="", label=text)

    entries = [
        Line2D([], [], color=_CONTOUR, linewidth=1.1, label="50 % credible region"),
        Line2D([], [], color=_CONTOUR, linewidth=0.7, label="90 % credible region"),
    ]
    if any(not mark.notable for mark in neutrinos):
        entries.append(ring(_PLAIN, "neutrino, 90 % radius (2.146 σ)"))
    if any(mark.notable for mark in neutrinos):
        entries.append(ring(_NOTABLE, f"the same, {caption.notable}"))
    figure.legend(handles=entries, loc="upper left", bbox_to_anchor=(0.7, 0.185), fontsize=7.5, frameon=False)
