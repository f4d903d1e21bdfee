"""Background and signals of one study put side by side, for one of the two searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import llama
from llama.advice import TRIALS
from llama.formats.errors import FormatError
from llama.science.arrays import Float
from llama.studies.sensitivity.efficiency import (
    AXES,
    CONFIDENCE,
    EfficiencyCurve,
    Fraction,
    Threshold,
    curve,
    edges_of,
    fraction,
    values_of,
    weighted,
)
from llama.studies.trials import DEPTHS, SIGNAL_NEUTRINOS, StudyTrials, collate

SIGNALS = tuple(kind for kind, neutrinos in SIGNAL_NEUTRINOS.items() if neutrinos)
LEVELS = (*(float(f"{digit}e-{power}") for power in range(6, 0, -1) for digit in (1, 2, 5)), 1.0)


@dataclass(frozen=True)
class Efficiency:
    """Of one kind of signal: all alike, weighted as the population has them, and along each axis."""

    kind: str
    every: Fraction
    weighted: Fraction
    curves: tuple[EfficiencyCurve, ...]


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What a study says of one search.

    Attributes:
        trials: by kind. p_values: (trials,) by kind; of background those of one half of the maps against the other.
        log_odds: (trials,) by kind. threshold, efficiencies: at the false alarm probability asked for.
        far_per_year: false alarms at that probability among all alerts of the population.
    """

    search_type: str
    trials: Mapping[str, StudyTrials]
    log_odds: Mapping[str, Float]
    p_values: Mapping[str, Float]
    threshold: Threshold
    efficiencies: tuple[Efficiency, ...]
    far_per_year: float


def gather(folders: Sequence[Path], depth: str) -> dict[str, StudyTrials]:
    """Trials of every kind that there are; FormatError without background, and without any signal."""
    found = {kind: collate(folders, kind, depth) for kind in SIGNAL_NEUTRINOS}
    there = {kind: trials for kind, trials in found.items() if len(trials)}
    where = ", ".join(str(folder) for folder in folders)
    if "background" not in there or len(there) < 2:
        lacking = "background" if "background" not in there else "signal or doublet"
        other = next(one for one in DEPTHS if one != depth)
        kinds = SIGNALS if "background" in there else ("background",)
        there_is = any(len(collate(folders, kind, other)) for kind in kinds)
        hint = f"--depth {other} takes those that there are" if there_is else f"{TRIALS} draws them"
        damaged = sum(len(found[kind].damaged) for kind in kinds)
        besides = f", but {damaged} damaged blocks, which the same command draws again" if damaged else ""
        raise FormatError(f"{where} has no {lacking} trials of {depth} depth{besides}; {hint}")
    modes = {one.mode for trials in there.values() for one in trials.blocks}
    if len(modes) > 1:
        raise FormatError(
            f"{where}: odds of different maps use the distance in different ways ({', '.join(sorted(modes))}), so "
            "they have no p-values in common; list maps with and without distances apart"
        )
    return there


def measure(
    trials: Mapping[str, StudyTrials], search_type: str, probability: float, alert_rate_hz: float,
    confidence: float = CONFIDENCE,
) -> Sensitivity:  # fmt: skip
    """Of one search type, at a false alarm probability per alert."""
    log_odds = {kind: one.column(search_type) for kind, one in trials.items()}
    background = log_odds["background"]
    threshold = Threshold.of(background, probability, trials["background"].map_numbers)
    ascending = np.sort(background)
    p_values = {kind: p_of(ascending, odds) for kind, odds in log_odds.items() if kind != "background"}
    p_values["background"] = _across(trials["background"], background)
    return Sensitivity(
        search_type,
        trials,
        log_odds,
        p_values,
        threshold,
        tuple(_efficiencies(trials, log_odds, threshold, confidence)),
        probability * alert_rate_hz * _YEAR_S,
    )


_LEAST_TRIALS = 10
_YEAR_S = 365.25 * 86400


def p_of(ascending: Float, log_odds: Float) -> Float:
    """(n,) fraction of the background that is at least as extreme; odds of 0 have p = 1."""
    return np.asarray(1 - np.searchsorted(ascending, log_odds, side="left") / ascending.size)


def _across(background: StudyTrials, log_odds: Float) -> Float:
    """p of each background trial against those of other maps: of every second map against the rest."""
    half = background.map_numbers % 2
    found = np.full(log_odds.size, np.nan)
    for mine in (0, 1):
        others = np.sort(log_odds[half != mine])
        if others.size:
            found[half == mine] = p_of(others, log_odds[half == mine])
    return np.asarray(found[np.isfinite(found)])


def _efficiencies(
    trials: Mapping[str, StudyTrials], log_odds: Mapping[str, Float], threshold: Threshold, confidence: float
) -> list[Efficiency]:
    kinds = [kind for kind in SIGNALS if kind in trials]
    along = {axis.key: {kind: values_of(trials[kind], axis) for kind in kinds} for axis in AXES}
    edges = {axis.key: edges_of(axis, list(along[axis.key].values())) for axis in AXES}
    made = []
    for kind in kinds:
        found, maps = threshold.found(log_odds[kind]), trials[kind].map_numbers
        as_they_are = weighted(found, trials[kind].column("weight"), maps, confidence)
        curves = (curve(axis, edges[axis.key], along[axis.key][kind], found, maps, confidence) for axis in AXES)
        made.append(Efficiency(kind, fraction(found, maps, confidence), as_they_are, tuple(curves)))
    return made


def as_json(found: Sensitivity) -> dict[str, Any]:
    """Every number of the tables and figures."""
    threshold, one = found.threshold, found.trials["background"]
    return {
        "version": llama.__version__,
        "search_type": found.search_type,
        "study": one.study,
        "provenance": {kind: trials.told for kind, trials in found.trials.items()},
        "false_alarm_probability": threshold.asked,
        "false_alarms_per_year": found.far_per_year,
        "threshold_log_odds": threshold.log_odds if np.isfinite(threshold.log_odds) else None,
        "background_above": _fraction(threshold.passed),
        "interval": f"Clopper-Pearson of the tries that trials beside few maps are worth (Korn and Graubard 1998), "
        f"central {found.efficiencies[0].every.confidence:g}",
        "efficiency": {
            one.kind: {
                "all": _fraction(one.every),
                "weighted": _fraction(one.weighted),
                **{
                    each.axis: [{"low": b.low, "high": b.high, **_fraction(b.found)} for b in each.bins]
                    for each in one.curves
                },
            }
            for one in found.efficiencies
        },
        "p_values": {
            kind: {f"{level:g}": float((values <= level).mean()) for level in levels_of(found)}
            for kind, values in found.p_values.items()
        },
        "log_odds_quantiles": {kind: _quantiles(values) for kind, values in found.log_odds.items()},
    }


def levels_of(found: Sensitivity) -> list[float]:
    """p-values that the background can tell."""
    least = _LEAST_TRIALS / found.log_odds["background"].size
    return [level for level in LEVELS if level >= least]


def _fraction(one: Fraction) -> dict[str, float]:
    low, high = one.interval
    worth = one.of if one.worth is None else one.worth
    found = {"value": one.value, "interval_low": low, "interval_high": high, "found": one.found, "of": one.of}
    return found | {"worth": worth}


def _quantiles(values: Float) -> dict[str, float | None]:
    """Of ln of the odds; null for odds of 0."""
    levels = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
    found = np.quantile(values, levels, method="inverted_cdf")
    return {
        f"{level:g}": float(v) if np.isfinite(v) else None for level, v in zip(levels, found.tolist(), strict=True)
    }
