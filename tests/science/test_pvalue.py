"""p-values: the counting rule bit for bit, ties, zeros and NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from llama.science.significance.pvalue import PValue, joint_far_hz, p_value, sigma_one_sided


def test_the_real_files_p_value_bit_for_bit():
    """1 − 1943/2215 as an O4 result file printed it; 272/2215 is another double."""
    table = np.concatenate([np.zeros(1943), np.ones(272)])
    assert p_value(table, 1.0).p == 0.12279909706546277


def test_ties_count_as_extreme():
    assert p_value([0.0, 1.0, 1.0, 2.0], 1.0).p == 0.75


def test_no_neutrinos_is_p_one():
    assert p_value([0.0, 0.0, 1.0], 0.0).p == 1.0
    assert p_value([-np.inf, -np.inf, 1.0], -np.inf).p == 1.0


def test_never_zero_in_words():
    found = p_value(np.arange(12000.0), 1e9)
    assert (found.p, found.text) == (0.0, "<1/12000")


@given(st.integers(1, 10**6))
def test_the_limit_of_none_seen_is_that_of_none_seen(n):
    limit = PValue(0.0, n, "").upper_limit()
    assert limit == pytest.approx(-np.expm1(np.log(0.1) / n), rel=1e-9)
    assert 0 < limit < 1
    assert limit * n == pytest.approx(np.log(10), rel=2 / n)  # Poisson's 2.30/n for large n


@given(st.integers(1, 3000), st.data(), st.floats(0.5, 0.99))
def test_at_the_limit_so_few_are_seen_as_rarely_as_stated(n, data, confidence):
    seen = data.draw(st.integers(0, n))
    limit = PValue(seen / n, n, "").upper_limit(confidence)
    if seen == n:
        assert limit == 1
    else:
        assert seen / n < limit < 1
        assert binom.cdf(seen, n, limit) == pytest.approx(1 - confidence, rel=1e-6)


@pytest.mark.parametrize("confidence", [0.0, 1.0, float("nan")])
def test_no_limit_is_certain(confidence):
    with pytest.raises(ValueError, match="confidence"):
        PValue(0.0, 10, "").upper_limit(confidence)


@pytest.mark.parametrize("p, text", [(0.0123456, "0.0123"), (1.0, "1.0000"), (0.00005, "5.0e-05")])
def test_text(p, text):
    from llama.science.significance.pvalue import p_value_text

    assert p_value_text(p, 10**6) == text


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        p_value([0.0, 1.0], float("nan"))
    with pytest.raises(ValueError, match="NaN"):
        p_value([0.0, float("nan")], 1.0)
    with pytest.raises(ValueError, match="ascend"):
        p_value([1.0, 0.0], 1.0)
    with pytest.raises(ValueError, match="empty"):
        p_value([], 1.0)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=50), st.floats(0, 1e9), st.floats(0, 1e9))
def test_falls_with_the_statistic(values, one, other):
    low, high = sorted((one, other))
    table = np.sort(values)
    assert p_value(table, high).p <= p_value(table, low).p
    assert p_value(table, low).p == pytest.approx(np.mean(table >= low))


@pytest.mark.parametrize("p, sigma", [(0.0059, 2.52), (0.068, 1.49), (0.0174, 2.11)])
def test_sigma_of_published_values(p, sigma):
    assert sigma_one_sided(p) == pytest.approx(sigma, abs=0.005)


def test_joint_far():
    assert joint_far_hz(0.01, 1 / 86400) == pytest.approx(0.01 / 86400)
