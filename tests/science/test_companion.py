"""The record that a companion messenger hands to the statistic."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llama.science.companions.companion import (
    Companion,
    log_silence_unless,
    log_strength,
    not_listening,
    source_times,
)
from llama.science.sky.localisation import anywhere

R = np.array([1.0, 40.0, 400.0])


def candidate(**changes) -> Companion:
    record = {
        "name": "GRB1", "gps_s": 1187008884.4, "minus_s": -1.0, "plus_s": 5.0, "skymap": anywhere({}),
        "rate_hz": 1e-6, "log_noise": math.log(0.25), "log_heard": lambda r: np.full(np.shape(r), math.log(0.05)),
    }  # fmt: skip
    return Companion(**(record | changes))


def test_strength_is_heard_over_what_chance_brings_in_the_window():
    np.testing.assert_allclose(np.exp(log_strength(candidate(), R)), 0.05 / (6.0 * 1e-6 * 0.25))


def test_source_times_are_before_the_burst():
    early, late = source_times(candidate(), 1187008882.4)
    assert (early, late) == pytest.approx((-3.0, 3.0), abs=1e-6)


def test_silence_is_what_hearing_leaves():
    silence = log_silence_unless(lambda r: np.where(r < 10, 0.0, math.log(0.3)))(R)
    np.testing.assert_allclose(np.exp(silence), [0.0, 0.7, 0.7])
    np.testing.assert_array_equal(not_listening(R), 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"gps_s": math.nan},
        {"minus_s": 5.0},
        {"plus_s": math.inf},
        {"rate_hz": 0.0},
        {"rate_hz": math.inf},
        {"log_noise": -math.inf},
        {"log_noise": math.nan},
    ],
)
def test_what_would_make_a_coincidence_certain_is_refused(changes):
    with pytest.raises(ValueError, match="candidate GRB1"):
        candidate(**changes)
