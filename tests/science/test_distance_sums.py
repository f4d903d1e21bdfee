"""Chances of many neutrinos averaged over distance: sums over shared radii against fine sums for each point."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from llama.science.distance.fit import integrate_from_the_observer
from llama.science.distance.poisson import log_counts
from llama.science.distance.sums import log_mean_counts

SPAN = float(np.log(1e5))


def exact(k: int, m: float, log_a: float) -> float:
    """ln ⟨k! Q_k(A/x²)⟩ over x² exp(−(x − m)²/2) by 100 000 steps of ln x."""
    log_x = np.linspace(np.log(1e-6), np.log(max(m, 0) + 40), 100_001)
    log_p = 3 * log_x - np.square(np.exp(log_x) - m) / 2
    counts = log_counts(k, np.exp(log_a - 2 * log_x), SPAN)[-1]
    return float(np.logaddexp.reduce(log_p + counts) - np.logaddexp.reduce(log_p))


@pytest.mark.slow
@pytest.mark.parametrize("low, high", [(-60, -2), (-2, 4), (4, 8), (8, 16), (16, 40), (40, 64)])
@pytest.mark.parametrize("most", [1, 2, 6, 12])
def test_they_are_the_integrals(low, high, most):
    """Also where twelve neutrinos want a source far nearer than the peak of its posterior."""
    rng = np.random.default_rng(most)
    m, log_a = rng.uniform(low, high, 60), rng.uniform(-4, 4, 60)
    found = log_mean_counts(most, m, log_a, SPAN)
    for i in range(0, 60, 12):
        for k in {1, most}:
            assert found[k - 1, i] == pytest.approx(exact(k, m[i], log_a[i]), abs=2e-4 if most > 6 else 2e-5)


def test_each_point_is_itself_whatever_the_others():
    rng = np.random.default_rng(1)
    m, log_a = rng.uniform(-100, 200, 40), rng.uniform(-16, 10, 40)

    together = log_mean_counts(4, m, log_a, SPAN)
    alone = np.concatenate([log_mean_counts(4, m[i : i + 1], log_a[i : i + 1], SPAN) for i in range(40)], axis=1)
    assert together == pytest.approx(alone, abs=3e-5)


@pytest.mark.parametrize("most", [1, 4, 8])
def test_any_functions_are_averaged_to_the_near_flank_too(most):
    """The quadrature for functions that have no table, against the sums: four of a source 0.01 sigma away count."""
    rng = np.random.default_rng(most)
    m, log_a = rng.uniform(-5, 60, 200), rng.uniform(-8, 4, 200)
    found = integrate_from_the_observer(partial(log_counts, most), m, log_a, SPAN)[-1]
    assert found == pytest.approx(log_mean_counts(most, m, log_a, SPAN)[-1], abs=3e-3 if most > 4 else 1e-4)
