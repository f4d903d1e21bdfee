"""Closed forms of the Poisson factors against quadrature, also to forty digits."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.science.distance import poisson

SPAN = float(np.log(1e5))
COUNTS = [1e-9, 1e-6, 1e-3, 0.03, 0.3, 0.5, 1.0, 2.3, 10.0, 300.0, 1e4]


def mp_prior(f, n_max, span=SPAN):
    """∫ f(n) dn/(n L) over the log-uniform prior."""
    with mpmath.workdps(40):
        top = mpmath.log(n_max)
        points = [top - span + i * mpmath.mpf(span) / 16 for i in range(17)]
        return mpmath.quad(lambda u: f(mpmath.exp(u)), points) / span


@pytest.mark.slow
@pytest.mark.parametrize("n_max", COUNTS)
def test_q_of_none_one_some(n_max):
    one = mp_prior(lambda n: n * mpmath.exp(-n), n_max)
    none = mp_prior(lambda n: mpmath.exp(-n), n_max)
    some = mp_prior(lambda n: -mpmath.expm1(-n), n_max)
    assert float(poisson.log_q1(n_max, SPAN)) == pytest.approx(float(mpmath.log(one)), abs=1e-12, rel=1e-12)
    assert float(poisson.q_zero(n_max, SPAN)) == pytest.approx(float(none), rel=1e-12)
    assert float(poisson.q_some(n_max, SPAN)) == pytest.approx(float(some), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("n_max", [1e-3, 0.3, 2.3, 40.0])
@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_q_exactly(n_max, k):
    direct = mp_prior(lambda n: n**k * mpmath.exp(-n) / mpmath.factorial(k), n_max)
    assert float(poisson.q_exactly(k, n_max, SPAN)) == pytest.approx(float(direct), rel=1e-9)


def test_counts_start_at_one():
    with pytest.raises(ValueError, match="q_zero"):
        poisson.q_exactly(0, 1.0, SPAN)


@settings(deadline=None)
@given(st.floats(-12, 4), st.floats(0.1, 30))
def test_none_and_some_make_one(log10_n, span):
    n = 10**log10_n
    assert float(poisson.q_zero(n, span) + poisson.q_some(n, span)) == pytest.approx(1, abs=1e-13)


@pytest.mark.parametrize("z", [0.0, 1e-300, 1e-8, 0.1, 0.4999, 0.5, 0.5001, 3.0, 700.0])
def test_ein(z):
    with mpmath.workdps(40):
        exact = mpmath.quad(lambda t: -mpmath.expm1(-t) / t, [0, z / 2, z]) if z else 0
    assert float(poisson.ein(z)) == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize("x", [1e-12, 1e-6, 1e-3, 0.1, 0.4999, 0.5001, 1.0, 5.0, 50.0, 199.9, 200.1, 600.0, 1e5])
def test_attenuated_volume(x):
    with mpmath.workdps(40):
        direct = mpmath.mpf(3) / 2 * mpmath.mpf(x) ** 1.5 * mpmath.gammainc(-1.5, x)
        exact = float(mpmath.log(direct))
    assert float(poisson.log_volume_attenuated(x)) == pytest.approx(exact, rel=2e-11, abs=1e-15)


@pytest.mark.parametrize("radius", [0.3, 10.0, 40.0, 300.0, 9206.0])
@pytest.mark.parametrize("a_max", [1e-6, 1.0, 3e2, 1e4, 2.5e4])
def test_j1_to_forty_digits(radius, a_max):
    """J_1 = ∫₀^R r² Q_1 dr; covers the region where the paper's closed form cancels to nothing (a⁺/R² < 1e-6)."""
    with mpmath.workdps(40):

        def f(big, a):
            x = mpmath.mpf(a) / mpmath.mpf(big) ** 2
            return mpmath.mpf(big) ** 3 / 2 * x ** mpmath.mpf(1.5) * mpmath.gammainc(mpmath.mpf(-1.5), x)

        a_min = mpmath.mpf(a_max) * mpmath.exp(-mpmath.mpf(SPAN))
        exact = mpmath.log((f(radius, a_min) - f(radius, a_max)) / mpmath.mpf(SPAN))
    assert float(poisson.log_j1(radius, a_max, SPAN)) == pytest.approx(float(exact), abs=2e-11, rel=2e-11)


@pytest.mark.slow
@pytest.mark.parametrize("low, high", [(0.0, 100.0), (10.0, 100.0), (99.0, 100.0), (50.0, 5e3)])
def test_j1_between_is_the_integral(low, high):
    a_max = 1.1e4
    x, w = np.polynomial.legendre.leggauss(400)
    r = low + (high - low) * (x + 1) / 2
    direct = np.sum(w * (high - low) / 2 * r**2 * np.exp(poisson.log_q1(a_max / r**2, SPAN)))
    assert float(poisson.log_j1_between(low, high, a_max, SPAN)) == pytest.approx(np.log(direct), abs=1e-8)


def test_few_counts_limit():
    """J_1 → (a⁺ − a⁻)(r2 − r1)/L when n is small everywhere."""
    a_max = 1e-6
    limit = a_max * -np.expm1(-SPAN) * (900.0 - 300.0) / SPAN
    assert float(poisson.log_j1_between(300.0, 900.0, a_max, SPAN)) == pytest.approx(np.log(limit), abs=1e-9)
