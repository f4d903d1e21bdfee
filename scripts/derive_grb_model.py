"""Derive the numbers of `companions.grb.GRBModel` that come from the GBM burst catalogue, and print them as JSON.

    python scripts/derive_grb_model.py fermigbrst_heasarc.csv

The catalogue is HEASARC's table `fermigbrst` as CSV. Short and long bursts are told apart by a mixture fit: in each
class log10 T90 is normal and the fluence follows a double power law, independent of each other within the class.
Bursts without T90 or fluence count for the rate only.
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import numpy as np
from scipy.optimize import minimize

from llama.science.arrays import Float
from llama.science.companions import log_double_power_law, log_normal

SECONDS_PER_DAY = 86400.0
HARD_CUT_S = 2.0
CONVERGED = 1e-6
FAINTEST = 0.05
"""The fluence threshold is the quantile above which all but this part of the short bursts lie."""


def read(path: Path) -> tuple[Float, Float, Float]:
    """(n,) times in MJD, and (k,) durations in s and fluences in erg cm⁻² of the bursts that have both."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    mjd = np.array([float(row["trigger_time"]) for row in rows])
    both = [(float(row["t90"]), float(row["fluence"])) for row in rows if row["t90"] and row["fluence"]]
    t90, fluence = np.array(both).T
    return mjd, t90, fluence


def fit_classes(t90: Float, fluence: Float, rounds: int = 200) -> tuple[float, Float, Float, Float]:
    """Share of short bursts; (2, 2) mean and width of log10 T90, (2, 3) fluence law of short and long; (n,) P(short).

    Expectation–maximisation: each burst's probability of being short, from both numbers, then each class anew.
    """
    log_t90 = np.log10(t90)
    share, times = 0.2, np.array([[-0.2, 0.5], [1.4, 0.5]])
    laws = np.array([[np.median(fluence[t90 < HARD_CUT_S]), 1.5, 1.5], [np.median(fluence), 1.5, 1.5]])
    for _ in range(rounds):
        density = [np.exp(log_normal(log_t90, *times[k]) + log_double_power_law(fluence, *laws[k])) for k in (0, 1)]
        p = np.array([share, 1 - share])[:, None] * density
        p /= p.sum(axis=0)
        before, share = share, float(p[0].mean())
        times = np.array([_moments(log_t90, weight) for weight in p])
        laws = np.array([_fit_fluences(fluence, weight, law) for weight, law in zip(p, laws, strict=True)])
        if abs(share - before) < CONVERGED:
            return share, times, laws, p[0]
    raise RuntimeError(f"the fit has not converged after {rounds} rounds")


def _moments(x: Float, weight: Float) -> tuple[float, float]:
    mean = float(np.average(x, weights=weight))
    return mean, float(np.sqrt(np.average(np.square(x - mean), weights=weight)))


def _fit_fluences(fluence: Float, weight: Float, start: Float) -> Float:
    """Scale (erg cm⁻²), rise and fall of the double power law, by maximum weighted likelihood."""

    def cost(x: Float) -> float:
        return -float(np.sum(weight * log_double_power_law(fluence, *np.exp(x))))

    best = minimize(cost, np.log(start), method="L-BFGS-B")
    return np.exp(best.x)


def derive(path: Path) -> dict[str, float]:
    """The numbers, by their name in the model."""
    mjd, t90, fluence = read(path)
    span_s = (mjd.max() - mjd.min()) * SECONDS_PER_DAY
    share, times, laws, _ = fit_classes(t90, fluence)
    return {
        "rate_hz": (mjd.size - 1) / span_s,
        "short_cut_rate_hz": np.count_nonzero(t90 < HARD_CUT_S) / span_s,
        "short_share": share,
        "short_log10_t90": times[0, 0],
        "short_log10_t90_width": times[0, 1],
        "long_log10_t90": times[1, 0],
        "long_log10_t90_width": times[1, 1],
        "short_fluence": laws[0, 0],
        "short_fluence_rise": laws[0, 1],
        "short_fluence_fall": laws[0, 2],
        "long_fluence": laws[1, 0],
        "long_fluence_rise": laws[1, 1],
        "long_fluence_fall": laws[1, 2],
        "fluence_min": float(np.quantile(fluence[t90 < HARD_CUT_S], FAINTEST)),
    }


if __name__ == "__main__":
    print(json.dumps({name: float(f"{value:.4g}") for name, value in derive(Path(sys.argv[1])).items()}, indent=2))
