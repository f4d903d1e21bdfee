"""Odds and the hypotheses' weights, as files say them."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypedDict

import numpy as np

from llama.analyses.result.inputs import finite
from llama.analyses.result.pvalues import finite_odds
from llama.analyses.result.statistic import KeptWeights
from llama.science.statistic import EventStatistic

_LARGEST_WEIGHT_LOG = 700.0  # of exp() in a double


class Odds(TypedDict):
    """Null where they are exactly 0."""

    odds_ratio: float | None
    log_odds_ratio: float | None


class OddsAndWeights(Odds):
    """With the weights of the hypotheses, see `odds_and_weights`."""

    p_h_s1: float
    p_h_0: float
    p_h_c: float
    log_weights: dict[str, float | None]


def odds(log_odds: float) -> Odds:
    """Odds and their logarithm, null for odds of exactly 0: JSON has no infinity."""
    return {"odds_ratio": finite_odds(log_odds), "log_odds_ratio": finite(log_odds)}


def odds_and_weights(statistic: EventStatistic) -> OddsAndWeights:
    """The event's odds, and the hypotheses' weights: as logarithms by name, and under the names that readers know.

    Readers check `odds_ratio` = `p_h_s1` / (`p_h_0` + `p_h_c`), signal over noise and chance coincidence, so it is
    that quotient to the last digit. Weights share a factor that is left out; one too large for a number is divided
    out of all of them. Where a weight is too small for one, the odds are those of the logarithms.
    """
    weights = statistic.weights
    common = max(float(weights.signal) - _LARGEST_WEIGHT_LOG, 0.0)
    signal, noise = (float(np.exp(one - common)) for one in (weights.signal, weights.noise))
    chance = float(np.exp(np.logaddexp(weights.chance_gw, weights.chance_neutrino) - common))
    ratio = odds(statistic.log_odds)
    if min(signal, noise + chance) >= np.finfo(float).tiny:
        ratio["odds_ratio"] = min(signal / (noise + chance), np.finfo(float).max)
    return {
        **ratio,
        "p_h_s1": signal,
        "p_h_0": noise,
        "p_h_c": chance,
        "log_weights": asdict(KeptWeights.of(weights)),
    }
