"""The tables of a sensitivity study: CSV for programs, and a page of text for people."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from llama.science.arrays import Float
from llama.studies.sensitivity.study import Sensitivity, levels_of

NAMES = {"background": "background", "signal": "one neutrino", "doublet": "two neutrinos"}


def efficiency_csv(found: Sensitivity) -> str:
    """A line for each kind of signal, axis and bin; the first line of each kind is of all of its signals."""
    rows: list[tuple[object, ...]] = [("kind", "axis", "low", "high", "efficiency", "interval_low", "interval_high",
                                       "found", "of")]  # fmt: skip
    for one in found.efficiencies:
        rows.append((one.kind, "all", "", "", one.every.value, *one.every.interval, one.every.found, one.every.of))
        rows += [
            (one.kind, each.axis, b.low, b.high, b.found.value, *b.found.interval, b.found.found, b.found.of)
            for each in one.curves
            for b in each.bins
        ]
    return _csv(rows)


def p_values_csv(found: Sensitivity) -> str:
    """Fraction of trials of each kind whose p-value is at most p."""
    kinds = list(found.p_values)
    rows: list[tuple[object, ...]] = [("p", *kinds)]
    rows += [
        (level, *(float((found.p_values[kind] <= level).mean()) for kind in kinds)) for level in levels_of(found)
    ]
    return _csv(rows)


def odds_csv(found: Sensitivity) -> str:
    """Share of the trials of each kind between two values of log10 of the odds; the first line is of odds of 0."""
    edges = odds_edges(found)
    kinds = list(found.log_odds)
    zero = (float(np.isneginf(found.log_odds[kind]).mean()) for kind in kinds)
    shares = [np.histogram(log10_odds(found, kind), edges)[0] / found.log_odds[kind].size for kind in kinds]
    rows: list[tuple[object, ...]] = [("low", "high", *kinds), ("-inf", "-inf", *zero)]
    rows += [
        (float(edges[i]), float(edges[i + 1]), *(float(one[i]) for one in shares)) for i in range(edges.size - 1)
    ]
    return _csv(rows)


def log10_odds(found: Sensitivity, kind: str) -> Float:
    """Those that are not 0, from the least that is shown."""
    values = found.log_odds[kind] / np.log(10)
    return np.asarray(np.maximum(values[np.isfinite(values)], LEAST_LOG10))


LEAST_LOG10 = -40.0
"""Smaller odds are counted with these: nobody tells them apart."""


def odds_edges(found: Sensitivity) -> Float:
    """Decades, over all kinds."""
    every = np.concatenate([log10_odds(found, kind) for kind in found.log_odds])
    low, high = (every.min(), every.max()) if every.size else (0.0, 0.0)
    return np.arange(np.floor(low), np.floor(high) + 2)


def as_text(found: Sensitivity) -> str:
    """What a person wants to know first."""
    passed = found.threshold.passed
    low, high = passed.interval
    study = found.trials["background"].study
    lines = [
        f"search {found.search_type}, population {study.population}, neutrinos of {study.season}",
        *(f"  {trials.told}" for trials in found.trials.values()),
        "",
        f"false alarm probability {found.threshold.asked:g} per alert, {found.far_per_year:.3g} per year of alerts "
        "of this population",
        f"ln of the odds above {found.threshold.log_odds:.4g}: {passed.found} of {passed.of} background trials, "
        f"{low:.2g} to {high:.2g}",
    ]
    if found.threshold.vague:
        lines.append("  few background trials are above it, so the threshold is uncertain: draw more")
    lines += [
        "",
        f"{'signal':<14}{'found':>9}{'of':>9}{'efficiency':>12}  interval         as the population has them",
    ]
    for one in found.efficiencies:
        (low, high), weighted = one.every.interval, one.weighted.interval
        lines.append(
            f"{NAMES[one.kind]:<14}{one.every.found:>9}{one.every.of:>9}{one.every.value:>12.4f}  "
            f"{low:.4f} to {high:.4f}  {one.weighted.value:.4f} ({weighted[0]:.4f} to {weighted[1]:.4f})"
        )
    confidence = found.efficiencies[0].every.confidence
    lines += [
        "",
        f"Intervals: Clopper-Pearson, central {confidence:.2%}, of as many tries as trials that share sky maps and",
        "sources are worth (Korn and Graubard 1998): more maps narrow them, more trials of the same maps hardly do.",
        "As the population has them: each signal weighs as much as such a source, aimed at us, is likely to give so",
        "many neutrinos. Energies of the neutrinos themselves are tied to the reconstructed ones by rank: both",
        "distributions are those of the response, the scatter of one around the other is not.",
        "p-values of background trials are those of every second map against the other ones.",
    ]
    return "\n".join(lines) + "\n"


def _csv(rows: Iterable[tuple[object, ...]]) -> str:
    return "".join(",".join(map(_cell, row)) + "\n" for row in rows)


def _cell(value: object) -> str:
    return f"{value:.8g}" if isinstance(value, float) else str(value)
