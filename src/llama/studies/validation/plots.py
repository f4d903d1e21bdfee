"""The figures of the validation report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.studies.validation.check import Plot
from llama.studies.validation.tally import Bins

# Okabe and Ito (2008): apart for every kind of colour vision; markers and dashes differ too
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
MARKERS = ("o", "s", "^", "D", "v")
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))


def panels(columns: int, rows: int = 1, height_in: float = 3.1) -> tuple[Any, NDArray[Any]]:
    """A figure as wide as the page, and its axes as a (rows, columns) array."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.4, height_in * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for ax in axes.ravel():
        ax.grid(True, linewidth=0.4, color="#dddddd")
        ax.set_axisbelow(True)
        ax.tick_params(labelsize=8)
    return figure, axes


def calibration_plot(results: Mapping[tuple[str, str], Bins], names: Sequence[str], limit: float) -> Plot:
    """True against stated probability, and z below, by model and quantity."""
    models = list(dict.fromkeys(model for model, _ in results))
    figure, axes = panels(len(names), 2, 2.7)
    for column, name in enumerate(names):
        top, bottom = axes[:, column]
        for k, model in enumerate(models):
            _calibration_points(top, bottom, results[model, name], model, k)
        judged = any(results[model, name].judged for model in models)
        _calibration_axes(top, bottom, name, column == 0, limit if judged else None)
    axes[0, 0].legend(fontsize=7, loc="upper left", title="model", title_fontsize=7)
    return Plot(
        figure,
        "Fraction that was true against the probability stated, in log odds with one standard deviation; below, how "
        "many standard deviations they are apart. Lines: perfect calibration, and the limits of the criterion.",
        "Points along the diagonal, for the kinds of model and the three probabilities.",
    )


def _calibration_points(top: Any, bottom: Any, bins: Bins, model: str, k: int) -> None:
    judged = bins.variance >= 10
    p = bins.stated[judged] / bins.count[judged]
    count, true = bins.count[judged], bins.true[judged]
    error = np.sqrt(bins.variance[judged])
    some = (true > 0) & (true < count)
    low = _logit(np.maximum(true - error, 0.3) / count)
    high = _logit(np.minimum(true + error, count - 0.3) / count)
    middle = _logit(np.clip(true, 0.3, count - 0.3) / count)
    style = {"color": COLOURS[k], "marker": MARKERS[k], "markersize": 3.5, "linestyle": "none"}
    spread = np.abs(np.stack([middle - low, high - middle]))[:, some]
    top.errorbar(_logit(p)[some], middle[some], spread, elinewidth=0.8, label=model, **style)
    bottom.plot(_logit(p), bins.z[judged], **style)


def _calibration_axes(top: Any, bottom: Any, name: str, first: bool, limit: float | None) -> None:
    labels = ["1e-6", "1e-4", ".01", ".1", ".3", ".5", ".7", ".9", ".99", ".9999"]
    ticks = _logit(np.array([float(label) for label in labels])).tolist()
    if limit is None:
        top.text(0.5, 0.5, "too few statements to judge", transform=top.transAxes, ha="center", fontsize=8)
    low, high = top.get_xlim()
    top.plot([low, high], [low, high], color="#555555", linewidth=0.8, zorder=0)
    inside = [(tick, label) for tick, label in zip(ticks, labels, strict=True) if low <= tick <= high]
    for ax in (top, bottom):
        ax.set_xlim(low, high)
        ax.set_xticks([t for t, _ in inside], [label for _, label in inside])
    top.set_yticks([t for t, _ in inside], [label for _, label in inside])
    top.set_title(name, fontsize=9)
    bottom.axhspan(-(limit or 0.0), limit or 0.0, color="#eef3f8", zorder=0)
    bottom.axhline(0, color="#555555", linewidth=0.8, zorder=0)
    bottom.set_ylim(-6, 6)
    bottom.set_xlabel("probability stated", fontsize=8)
    if first:
        top.set_ylabel("fraction true", fontsize=8)
        bottom.set_ylabel("z", fontsize=8)


def _logit(p: Float) -> Float:
    return np.asarray(np.log(p) - np.log1p(-p))


def uniformity_plot(curves_of: Mapping[str, Float]) -> Plot:
    """Cumulative distribution of p-values, whole and near zero."""
    figure, axes = panels(2)
    left, right = axes[0]
    for k, (name, p) in enumerate(curves_of.items()):
        fraction = np.arange(1, p.size + 1) / p.size
        style = {"color": COLOURS[k % 5], "linestyle": DASHES[k % 5], "linewidth": 1.3, "label": name}
        left.step(p, fraction, where="post", **style)
        shown = p > 0
        right.step(p[shown], fraction[shown], where="post", **style)
    line = np.array([1e-4, 1.0])
    for ax in (left, right):
        ax.plot(line, line, color="#555555", linewidth=0.8, zorder=0)
        ax.set_xlabel("p-value stated", fontsize=8)
    left.set_ylabel("fraction of background events below", fontsize=8)
    right.set(xscale="log", yscale="log", xlim=(3e-4, 1), ylim=(3e-4, 1.2))
    left.legend(fontsize=7)
    return Plot(
        figure,
        "Fraction of background events with a p-value below the one stated; uniform p-values lie on the line. Right: "
        "the same near zero.",
        "Curves that follow the diagonal for each population.",
    )


def odds_plot(of: Mapping[str, tuple[Float, Float]]) -> Plot:
    """How the statistic is distributed for background and for injected signals."""
    figure, axes = panels(len(of), 1, 2.6)
    for ax, (name, (background, signal)) in zip(axes[0], of.items(), strict=True):
        low = (
            float(np.quantile(background[np.isfinite(background)], 0.01)) if np.isfinite(background).any() else -30.0
        )
        edges = np.linspace(max(low, -40.0), max(float(signal.max(initial=0.0)), 5.0), 50)
        for k, (label, values) in enumerate((("background", background), ("injected", signal))):
            weights = np.full(values.size, 1 / max(values.size, 1))
            ax.hist(np.clip(values, edges[0], edges[-1]), edges, weights=weights, histtype="step",
                    color=COLOURS[k], linestyle=DASHES[k], linewidth=1.3, label=label)  # fmt: skip
        ax.set_yscale("log")
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("ln of the event's statistic", fontsize=8)
    axes[0, 0].set_ylabel("fraction of events", fontsize=8)
    axes[0, 0].legend(fontsize=7)
    return Plot(
        figure,
        "The event's statistic for background lists, and with an injected source that gave at least one neutrino. "
        "Values off the scale, odds of 0 among them, are in the outermost bins.",
        "Histograms; injected events reach much higher values than background.",
    )


def recovery_plot(axes_of: Sequence[tuple[str, tuple[float, ...], Mapping[str, Any]]], probability: float) -> Plot:
    """Efficiency against energy, distance and localisation."""
    figure, axes = panels(len(axes_of), 1, 2.8)
    for ax, (label, edges, of) in zip(axes[0], axes_of, strict=True):
        for k, (name, one) in enumerate(of.items()):
            ax.errorbar(one.middle, one.value, one.error, color=COLOURS[k % 5], marker=MARKERS[k % 5], markersize=4,
                        linestyle=DASHES[k % 5], linewidth=1, elinewidth=0.8, label=name)  # fmt: skip
        ax.axhline(probability, color="#555555", linewidth=0.8)
        ax.set(xscale="log", ylim=(0, 1.03), xlim=(edges[0], edges[-1]))
        ax.set_xlabel(label, fontsize=8)
    axes[0, 0].set_ylabel("efficiency", fontsize=8)
    axes[0, -1].legend(fontsize=7)
    return Plot(
        figure,
        f"Fraction of injected events above the threshold with a false alarm probability of {probability:g} per "
        "alert (grey line).",
        "Efficiency rises with energy and falls with the area of the sky map.",
    )


def roc_plot(of: Mapping[str, tuple[Float, Mapping[str, Float]]]) -> Plot:
    """Efficiency against false alarm probability, a panel per population."""
    figure, axes = panels(len(of), 1, 3.2)
    for ax, (name, (x, series)) in zip(axes[0], of.items(), strict=True):
        for k, (label, y) in enumerate(series.items()):
            ax.plot(x, y, color=COLOURS[k % 5], linestyle=DASHES[k % 5], linewidth=1.5 - 0.2 * k, label=label)
        ax.plot(x, x, color="#999999", linewidth=0.7)
        ax.set(xscale="log", ylim=(0, 1.03))
        ax.set_title(name, fontsize=9)
        ax.set_xlabel("false alarm probability per alert", fontsize=8)
    axes[0, 0].set_ylabel("efficiency", fontsize=8)
    axes[0, -1].legend(fontsize=7, loc="lower right")
    return Plot(
        figure,
        "Efficiency against false alarm probability for four statistics on the same events. Grey: a coin.",
        "Four rising curves per population.",
    )


def bracket_plot(sin_dec: Float, norms: Mapping[str, Any], each: float, n: float, bracket: float) -> Plot:
    """A/α_b and the background mean of the bracket by declination."""
    figure, axes = panels(2, 1, 2.8)
    left, right = axes[0]
    for k, (name, one) in enumerate(norms.items()):
        style = {"color": COLOURS[k % 5], "marker": MARKERS[k % 5], "markersize": 3, "linestyle": DASHES[k % 5]}
        left.errorbar(sin_dec, one.ratio, one.error / one.within, elinewidth=0.7, linewidth=1, label=name, **style)
        right.plot(sin_dec, one.mean_bracket(n), linewidth=1, **style)
    for ax, band, label in ((left, each, "A / α below the cap"), (right, bracket, f"mean at n = {n:g}")):
        ax.axhspan(1 - band, 1 + band, color="#eef3f8", zorder=0)
        ax.axhline(1, color="#555555", linewidth=0.8, zorder=0)
        ax.set(xlim=(-1, 1))
        ax.set_xlabel("sin δ", fontsize=8)
        ax.set_ylabel(label, fontsize=8)
    left.legend(fontsize=7)
    return Plot(
        figure,
        "Left: background mean of w over what it should be, with the standard error of the sample. Right: background "
        "mean of e^(−αn) Π(1 + n w) over what it should be. Bands: the criterion for neutrinos at hand.",
        "Curves near 1 at all declinations.",
    )


def own_map_plot(of: Mapping[float, Float]) -> Plot:
    """Exact fraction over stated p against the area of the map, a panel per level; (maps, 3) area, ratio, error."""
    figure, axes = panels(max(len(of), 1), 1, 2.8)
    for k, (ax, (level, points)) in enumerate(zip(axes[0], of.items(), strict=False)):
        style = {"color": COLOURS[k % 5], "marker": MARKERS[k % 5], "markersize": 4, "linestyle": "none"}
        ax.errorbar(*points.T, elinewidth=0.8, **style)
        ax.axhline(1, color="#555555", linewidth=0.8, zorder=0)
        ax.set_xscale("log")
        ax.set_title(f"p near {level:g}", fontsize=9)
        ax.set_xlabel("90 % region (deg²)", fontsize=8)
    axes[0, 0].set_ylabel("exact fraction / p stated", fontsize=8)
    return Plot(
        figure,
        "Fraction of exact lists that reach the statistic over the own-map p stated there, one point per sky map, "
        "with one standard deviation of lists, terms and stated error.",
        "Points around one, from small to large sky maps.",
    )
