"""Bursts that are none of the merger's, as the background of a joint search draws them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from llama.science.companions import (
    Companion,
    GRBModel,
    Measured,
    Unrelated,
    draw_measured,
    log_heard,
    log_noise,
)
from llama.science.sky import SkyMap, anywhere, circle

USUAL_SIGMA_RAD = math.radians(10.0 / 1.5096)
"""Of a circle that holds 68 % within 10°, which a catalogue without errors is taken to have."""


@dataclass(frozen=True, eq=False)
class Alike:
    """What is known of a burst, and so of those that it is compared with.

    Attributes:
        measured: what of it was measured; only which of its values are known matters.
        widths: weight by σ (rad) of its position; None when it may be anywhere.
    """

    measured: Measured
    widths: Mapping[float, float] | None

    def skymap(self, ra_rad: float, dec_rad: float) -> SkyMap:
        """As well localised, but there."""
        if self.widths is None:
            return anywhere({"OBJECT": "drawn"})
        return circle(ra_rad, dec_rad, self.widths, {"OBJECT": "drawn"})


def usual(model: GRBModel, systematic: Callable[[float, GRBModel], Mapping[float, float]]) -> Alike:
    """A burst of the catalogue: what its search has when it heard none to be like."""
    return Alike(Measured(t90_s=1.0, fluence=model.fluence_min), systematic(USUAL_SIGMA_RAD, model))


def unrelated(model: GRBModel, alike: Alike, covered: float, *, subthreshold: bool) -> Unrelated:
    """Triggers at their rate, and sub-threshold candidates where these are listed too.

    Args:
        covered: part of the list's window that its source can speak for.
    """
    rates = np.array([model.rate_hz, model.subthreshold_rate_hz if subthreshold else 0.0])

    def draw(rng: np.random.Generator, gps_s: float, ra_rad: float, dec_rad: float) -> Companion:
        faint = bool(rng.random() * rates.sum() >= rates[0])
        known = Measured(subthreshold=True) if faint else alike.measured
        measured = draw_measured(rng, model, Measured() if known.subthreshold and not faint else known)
        return Companion(
            name="drawn",
            gps_s=gps_s + rng.uniform(model.minus_s, model.plus_s),
            minus_s=model.minus_s,
            plus_s=model.plus_s,
            skymap=alike.skymap(ra_rad, dec_rad),
            rate_hz=float(rates[int(faint)]),
            log_noise=log_noise(model, measured),
            log_heard=log_heard(model, measured),
        )

    expected = float(rates.sum()) * (model.plus_s - model.minus_s) * covered
    width = (
        0.0 if alike.widths is None else float(np.average(list(alike.widths), weights=list(alike.widths.values())))
    )
    return Unrelated(expected, draw, width)
