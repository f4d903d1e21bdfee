"""The density of noise triggers' SNR: normalised, positive, and what the list says it is."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from test_coincidence import CBC, GPS, SEASON, isotropic

from llama.science.detector.snr import log_noise_snr_density
from llama.science.search import Search
from llama.science.statistic.observed import GWTrigger
from llama.science.statistic.prepared import prepare

SEARCH = Search()
GRID = SEARCH.snr_min + np.concatenate([[0.0], np.exp(np.linspace(math.log(1e-6), math.log(2e3), 2000))])


def density(search: Search, at: np.ndarray = GRID) -> np.ndarray:
    return np.exp([log_noise_snr_density(search, float(snr)) for snr in at])


def test_without_a_list_it_is_the_assumed_exponential() -> None:
    assert log_noise_snr_density(SEARCH, SEARCH.snr_min + 1) == pytest.approx(-1 / 0.2 - math.log(0.2), rel=1e-14)
    assert np.trapezoid(density(SEARCH), GRID) == pytest.approx(1, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("snrs", [(5.59, 5.59), (5.6, 6.1), (14.0, 15.0, 15.5), (6.0, 6.0, 7.0, 90.0)])
def test_with_a_list_it_is_a_density_that_is_nowhere_zero(snrs: tuple[float, ...]) -> None:
    search = replace(SEARCH, gw_background_snrs=snrs)
    near = np.sort(np.concatenate([GRID, *(snr + np.linspace(-0.3, 0.3, 601) for snr in snrs)]))
    near = near[near >= SEARCH.snr_min]
    assert np.trapezoid(density(search, near), near) == pytest.approx(1, rel=5e-3)
    assert math.isfinite(log_noise_snr_density(search, 1e4))


def test_a_long_list_gives_the_distribution_it_was_drawn_from() -> None:
    drawn = SEARCH.snr_min + np.random.default_rng(1).exponential(0.5, 5000)
    search = replace(SEARCH, gw_background_snrs=tuple(drawn.tolist()))
    for above in (0.0, 0.25, 1.0, 2.0):
        expected = math.exp(-above / 0.5) / 0.5
        found = math.exp(log_noise_snr_density(search, SEARCH.snr_min + above))
        assert found == pytest.approx(expected, rel=0.15)


def test_a_trigger_below_threshold_is_no_surer_than_one_at_it() -> None:
    sky = isotropic()
    found = [prepare(sky, GWTrigger(GPS, snr, None), SEASON, CBC) for snr in (1e-3, 3.0, CBC.snr_min)]
    assert len({ready.log_gw_odds for ready in found}) == 1
    assert any("SNR 3 is below the search's threshold" in note for note in found[1].notes)
    assert not any("below the search's threshold" in note for note in found[2].notes)


def test_below_threshold_counts_as_at_the_threshold() -> None:
    for search in (SEARCH, replace(SEARCH, gw_background_snrs=(6.0, 7.0))):
        assert log_noise_snr_density(search, 3.0) == log_noise_snr_density(search, search.snr_min)


def test_a_list_of_equal_snrs_has_a_width_too() -> None:
    assert math.isfinite(log_noise_snr_density(replace(SEARCH, gw_background_snrs=(6.0, 6.0)), 6.0))
