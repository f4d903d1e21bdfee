"""Unrelated candidates, drawn: what a burst of the catalogue looks like, and how rare a transient of a list is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from llama.science.companions.grb import DurationClass, GRBModel, Measured


def draw_measured(rng: np.random.Generator, model: GRBModel, known: Measured) -> Measured:
    """An unrelated burst of the catalogue, of which as much is measured as is known of another."""
    if known.subthreshold:
        return Measured(subthreshold=True)
    short = bool(rng.random() < model.short_share)
    scale, rise, fall = (
        (model.short_fluence, model.short_fluence_rise, model.short_fluence_fall)
        if short
        else (model.long_fluence, model.long_fluence_rise, model.long_fluence_fall)
    )
    # x^(rise + fall) is distributed as the odds of a beta variate where dN/dlnx ∝ 1/(x^−rise + x^fall)
    share = rng.beta(rise / (rise + fall), fall / (rise + fall))
    fluence = scale * math.exp((math.log(share) - math.log1p(-share)) / (rise + fall))
    mean, width = (
        (model.short_log10_t90, model.short_log10_t90_width)
        if short
        else (model.long_log10_t90, model.long_log10_t90_width)
    )
    t90_s = 10 ** rng.normal(mean, width)
    return Measured(
        t90_s=None if known.t90_s is None else t90_s,
        duration_class=None if known.duration_class is None else _label(rng, model, short=short),
        fluence=None if known.fluence is None else fluence,
    )


def _label(rng: np.random.Generator, model: GRBModel, *, short: bool) -> DurationClass:
    """The label that a burst of a class gets before its T90 is known."""
    labelled = (model.short_share - model.long_wrong) / (model.short_right - model.long_wrong)
    right = labelled * model.short_right / model.short_share
    wrong = labelled * (1 - model.short_right) / (1 - model.short_share)
    return "short" if rng.random() < (right if short else wrong) else "long"


def rarer(expected: Sequence[float], at: float) -> int:
    """Which of several kinds one is, each part of the more frequent ones; `at` is uniform from 0 to 1."""
    by = np.argsort(expected, kind="stable")
    reached = np.asarray(expected, dtype=np.float64)[by]
    return int(by[min(int(np.searchsorted(reached, at * reached[-1])), by.size - 1)])
