"""The figures of a sensitivity study, for print: colours that all kinds of vision tell apart, and marks besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from llama.studies.sensitivity.efficiency import AXES, Axis
from llama.studies.sensitivity.study import Sensitivity, levels_of
from llama.studies.sensitivity.tables import LEAST_LOG10, NAMES, log10_odds, odds_edges

# Okabe and Ito (2008)
COLOURS = {"background": "#000000", "signal": "#0072B2", "doublet": "#D55E00"}
MARKERS = {"background": "^", "signal": "o", "doublet": "s"}
DASHES = {"background": ":", "signal": "-", "doublet": "--"}
_SHOWN = ("true_energy_gev", "distance_mpc", "sin_dec")


def efficiency_figure(found: Sensitivity) -> Any:
    """Efficiency against energy, distance and declination, at the false alarm probability."""
    figure, axes = _panels(3, 9.0, 3.3)
    for ax, key in zip(axes, _SHOWN, strict=True):
        _efficiency(ax, found, next(axis for axis in AXES if axis.key == key))
    axes[0].set_ylabel("Detection efficiency")
    axes[0].legend(fontsize=8, frameon=False, loc="lower right", title=f"false alarm probability\n"
                   f"{found.threshold.asked:g} per alert", title_fontsize=8)  # fmt: skip
    return figure


def _efficiency(ax: Any, found: Sensitivity, axis: Axis) -> None:
    for k, one in enumerate(found.efficiencies):
        (each,) = (some for some in one.curves if some.axis == axis.key)
        shift = 1.0 + 0.03 * k if axis.log else 0.01 * k
        x = np.array([b.middle for b in each.bins])
        y = np.array([b.found.value for b in each.bins])
        ends = np.array([b.found.interval for b in each.bins]).reshape(-1, 2)
        spread = np.abs(np.stack([y - ends[:, 0], ends[:, 1] - y]))
        ax.errorbar(
            x * shift if axis.log else x + shift, y, spread, color=COLOURS[one.kind], marker=MARKERS[one.kind],
            markersize=4, linestyle=DASHES[one.kind], linewidth=1, elinewidth=0.9, capsize=1.5, label=NAMES[one.kind],
        )  # fmt: skip
    if axis.log:
        ax.set_xscale("log")
    else:
        ax.set_xlim(-1.02, 1.02)
    ax.axhline(found.threshold.asked, color="#777777", linewidth=0.8, linestyle=":", zorder=0)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel(axis.label, fontsize=9)


def p_value_figure(found: Sensitivity) -> Any:
    """Fraction of trials with a p-value of at most p."""
    figure, (ax,) = _panels(1, 4.6, 3.8)
    levels = np.array(levels_of(found))
    ax.plot(levels, levels, color="#777777", linewidth=0.8, zorder=0, label="uniform")
    for kind, values in found.p_values.items():
        share = np.array([(values <= level).mean() for level in levels])
        seen = share > 0
        ax.plot(
            levels[seen], share[seen], color=COLOURS[kind], marker=MARKERS[kind], markersize=4,
            linestyle=DASHES[kind], linewidth=1, label=NAMES[kind],
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("p-value, $p$")
    ax.set_ylabel("Fraction of trials with a p-value of at most $p$")
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def odds_figure(found: Sensitivity) -> Any:
    """How the odds of each kind of trials are distributed."""
    figure, (ax,) = _panels(1, 4.6, 3.8)
    edges = odds_edges(found, 60)
    for kind, values in found.log_odds.items():
        share = np.histogram(log10_odds(found, kind), edges)[0] / values.size
        zero = float(np.isneginf(values).mean())
        told = f"{NAMES[kind]} ({zero:.1%} with odds 0)" if zero else NAMES[kind]
        ax.stairs(share, edges, color=COLOURS[kind], linestyle=DASHES[kind], linewidth=1.2, label=told)
    if np.isfinite(found.threshold.log_odds):
        at = found.threshold.log_odds / np.log(10)
        ax.axvline(at, color="#777777", linewidth=0.9, zorder=0)
        ax.annotate(f"$p$ = {found.threshold.asked:g}", (at, 0.98), xycoords=("data", "axes fraction"), rotation=90,
                    ha="right", va="top", fontsize=8, color="#444444")  # fmt: skip
    low = " (first bin: all below)" if edges[0] <= LEAST_LOG10 else ""
    ax.set_yscale("log")
    ax.set_xlabel(r"$\log_{10}$ of the odds ratio" + low)
    ax.set_ylabel(f"Fraction of trials per {edges[1] - edges[0]:.2g}")
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def _panels(columns: int, width_in: float, height_in: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        ax.grid(True, which="major", linewidth=0.4, color="#dddddd")
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=8, direction="in", top=True, right=True, which="both")
    return figure, axes
