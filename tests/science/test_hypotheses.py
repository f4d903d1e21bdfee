"""Which messengers share a source: how many ways there are, and that the names do not matter."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llama.science.statistic.hypotheses import LogWeights, Prior, hypotheses, log_weights

BELL = {0: 1, 1: 1, 2: 2, 3: 5, 4: 15, 5: 52}
LOGS = st.floats(-50, 50)


@pytest.mark.parametrize("messengers", range(5))
def test_there_are_bell_hypotheses_and_two_to_the_m_without_distinct_sources(messengers):
    names = list("abcd")[:messengers]
    every = list(hypotheses(names))
    assert len(every) == len(set(every)) == BELL[messengers + 1]
    assert len(list(hypotheses(names, distinct_sources=False))) == 2**messengers
    for one in every:
        assert sum(len(group) for group in one) == len(frozenset().union(*one))  # groups are disjoint


def test_a_messenger_named_twice_is_refused():
    with pytest.raises(ValueError, match="named twice"):
        list(hypotheses(["gw", "gw"]))


@given(LOGS, LOGS, st.floats(-20, 20), st.floats(-3, 0), st.booleans())
def test_two_messengers_give_the_odds_of_section_one(log_b, log_lambda, log_odds_gw, log_c, strangers):
    prior = Prior.of(log_odds_gw, log_c)
    groups = {frozenset({"gw", "icecube"}): log_b, frozenset({"icecube"}): log_lambda}
    found = log_weights(groups, ("gw", "icecube"), prior, strangers)
    p_a, p_t, c = np.exp(prior.log_astro), np.exp(prior.log_terrestrial), np.exp(log_c)
    rest = p_t * (1 + np.exp(log_lambda)) + p_a * c * (1 + np.exp(log_lambda) * strangers)
    assert float(found.log_odds()) == pytest.approx(np.log(p_a) + log_b - np.log(rest), abs=1e-10)


def numbers(names: tuple[str, ...], values: list[float]) -> dict[frozenset[str], float]:
    """A weight for every group of the messengers but the merger alone."""
    subsets = [frozenset(n for i, n in enumerate(names) if k >> i & 1) for k in range(1, 2 ** len(names))]
    return {group: value for group, value in zip(subsets, values, strict=False) if group != {"gw"}}


@given(st.lists(LOGS, min_size=7, max_size=7), st.booleans())
@pytest.mark.slow
def test_the_order_of_messengers_does_not_matter(values, strangers):
    names = ("gw", "icecube", "fermi")
    groups, prior = numbers(names, values), Prior.of(0.3, -0.01)
    found = [log_weights(groups, order, prior, strangers) for order in permutations(names)]
    for other in found[1:]:
        for kind in LogWeights.__dataclass_fields__:
            assert getattr(other, kind) == pytest.approx(getattr(found[0], kind), abs=1e-10)


@given(st.lists(LOGS, min_size=3, max_size=3), st.booleans())
def test_a_messenger_that_hears_nothing_changes_no_odds(values, strangers):
    prior = Prior.of(-1.0, -0.05)
    groups = numbers(("gw", "icecube"), values)
    two = log_weights(groups, ("gw", "icecube"), prior, strangers)
    three = log_weights(groups, ("gw", "icecube", "fermi"), prior, strangers)
    assert float(three.log_odds()) == pytest.approx(float(two.log_odds()), abs=1e-12)


def test_three_messengers_by_hand():
    """All fifteen hypotheses written out."""
    prior, names = Prior.of(np.log(0.2 / 0.8), np.log(0.9)), ("gw", "icecube", "fermi")
    g, n, f = "gw", "icecube", "fermi"
    b = {frozenset({g, n}): 3.0, frozenset({g, f}): 5.0, frozenset({g, n, f}): 70.0}
    own = {frozenset({n}): 0.5, frozenset({f}): 0.25, frozenset({n, f}): 2.0}
    found = log_weights({key: np.log(value) for key, value in {**b, **own}.items()}, names, prior, True)
    signal = 0.2 * (70 + 3 + 3 * 0.25 + 5 + 5 * 0.5)
    alone = 0.2 * 0.9 * (1 + 0.5 + 0.25 + 0.5 * 0.25 + 2)
    others = 0.8 * (0.5 + 0.25 + 0.5 * 0.25 + 2)
    assert np.exp(found.signal) == pytest.approx(signal)
    assert np.exp(found.chance_gw) == pytest.approx(alone)
    assert np.exp(found.chance_neutrino) == pytest.approx(others)
    assert np.exp(found.noise) == pytest.approx(0.8)
