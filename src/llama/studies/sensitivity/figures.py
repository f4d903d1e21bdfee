"""The figures of a sensitivity study, for print: colours that all kinds of vision tell apart, and marks besides."""

from __future__ import annotations

from typing import Any

import numpy as np

from llama.studies.sensitivity.efficiency import AXES, EfficiencyAxis, fraction
from llama.studies.sensitivity.study import Sensitivity, levels_of
from llama.studies.sensitivity.tables import LEAST_LOG10, NAMES, log10_odds, odds_edges

# Okabe and Ito (2008)
COLOURS = {"background": "#000000", "signal": "#0072B2", "doublet": "#D55E00"}
MARKERS = {"background": "^", "signal": "o", "doublet": "s"}
DASHES = {"background": ":", "signal": "-", "doublet": "--"}


def efficiency_figure(found: Sensitivity) -> Any:
    """Efficiency against energy, distance and declination, at the false alarm probability."""
    figure, axes = _panels(2, 2, 7.0, 5.6)
    for ax, axis in zip(axes.ravel(), AXES, strict=True):
        _efficiency(ax, found, axis)
    for ax in axes[:, 0]:
        ax.set_ylabel("Detection efficiency")
    at = f"false alarm probability {found.threshold.asked:g} per alert (dotted), search {found.search_type}"
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, loc="outside upper center", ncols=len(labels), title=at,
                  title_fontsize=8)  # fmt: skip
    return figure


def _efficiency(ax: Any, found: Sensitivity, axis: EfficiencyAxis) -> None:
    """Points in the middle of bins, whose width is the horizontal bar; the vertical one is the interval."""
    for k, one in enumerate(found.efficiencies):
        (each,) = (some for some in one.curves if some.axis == axis.key)
        low, high = (np.array([getattr(b, end) for b in each.bins]) for end in ("low", "high"))
        share = 0.5 + 0.08 * k  # so that no mark hides another
        x = low * (high / low) ** share if axis.log else low + (high - low) * share
        y = np.array([b.found.value for b in each.bins])
        ends = np.array([b.found.interval for b in each.bins]).reshape(-1, 2)
        ax.errorbar(
            x, y, np.abs(np.stack([y - ends[:, 0], ends[:, 1] - y])), np.stack([x - low, high - x]),
            color=COLOURS[one.kind], marker=MARKERS[one.kind], markersize=3.5, linestyle="none", elinewidth=0.9,
            label=NAMES[one.kind],
        )  # fmt: skip
    if axis.log:
        _log_axis(ax, [edge for one in found.efficiencies for c in one.curves if c.axis == axis.key
                       for b in c.bins for edge in (b.low, b.high)])  # fmt: skip
    else:
        ax.set_xlim(-1, 1)
        ax.set_xticks([-1, -0.5, 0, 0.5, 1])
    ax.axhline(found.threshold.asked, color="#777777", linewidth=0.9, linestyle=":", zorder=0)
    ax.set_ylim(-0.03, 1.03)
    ax.set_xlabel(axis.label, fontsize=9)


def _log_axis(ax: Any, edges: list[float]) -> None:
    """Decades; where there are few, plain numbers between them too."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

    low, high = min(edges), max(edges)
    ax.set_xscale("log")
    ax.set_xlim(low, high)
    if high / low < 300:
        every = [digit * 10.0**power for power in range(-3, 7) for digit in (1, 2, 5)]
        ax.xaxis.set_major_locator(FixedLocator([at for at in every if low <= at <= high]))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())


def p_value_figure(found: Sensitivity) -> Any:
    """Fraction of trials with a p-value of at most p."""
    figure, axes = _panels(1, 1, 4.6, 3.8)
    ax = axes[0, 0]
    levels = np.array(levels_of(found))
    ax.plot(levels, levels, color="#777777", linewidth=0.8, zorder=0, label="uniform")
    for kind, values in found.p_values.items():
        maps = found.trials[kind].map_numbers[: values.size]  # background of a single map has no p-values
        each = [fraction(values <= level, maps) for level in levels]
        share, ends = np.array([one.value for one in each]), np.array([one.interval for one in each])
        seen = share > 0
        spread = np.abs(np.stack([share - ends[:, 0], ends[:, 1] - share]))[:, seen]
        ax.errorbar(
            levels[seen], share[seen], spread, color=COLOURS[kind], marker=MARKERS[kind], markersize=4,
            linestyle=DASHES[kind], linewidth=1, elinewidth=0.9, label=NAMES[kind],
        )  # fmt: skip
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("p-value, $p$")
    ax.set_ylabel("Fraction of trials with a p-value of at most $p$")
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    return figure


def odds_figure(found: Sensitivity) -> Any:
    """How the odds of each kind of trials are distributed."""
    figure, axes = _panels(1, 1, 4.6, 3.8)
    ax, edges = axes[0, 0], odds_edges(found)
    for kind, values in found.log_odds.items():
        share = np.histogram(log10_odds(found, kind), edges)[0] / values.size
        zero = float(np.isneginf(values).mean())
        told = f"{NAMES[kind]} ({zero:.1%} with odds 0)" if zero else NAMES[kind]
        ax.stairs(share, edges, color=COLOURS[kind], linestyle=DASHES[kind], linewidth=1.2, label=told)
    if np.isfinite(found.threshold.log_odds):
        at = found.threshold.log_odds / np.log(10)
        ax.axvline(at, color="#777777", linewidth=0.9, zorder=0)
        ax.annotate(f"$p$ = {found.threshold.asked:g}", (at, 1), (0, 3), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="center", va="bottom", fontsize=8, color="#444444")  # fmt: skip
    low = " (first bin: all below)" if edges[0] <= LEAST_LOG10 else ""
    ax.set_yscale("log")
    ax.set_xlabel(r"$\log_{10}$ of the odds ratio" + low)
    ax.set_ylabel("Fraction of trials per decade")
    ax.legend(fontsize=8, frameon=False, loc="upper left")
    return figure


def _panels(rows: int, columns: int, width_in: float, height_in: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.ravel():
        ax.grid(True, which="major", linewidth=0.4, color="#dddddd")
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=8, direction="in", top=True, right=True, which="both")
    return figure, axes
