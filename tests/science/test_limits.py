"""Limits on fluence and energy: closed forms, the counts of the statistic, an effective area read from its file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

import llama.data
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector.limits import energy_limit_erg, fluence_limit, upper_limit_counts
from llama.science.detector.response import flux_sensitivity

TABLES = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5")
SEASON = TABLES.season("IC86-2012")


@pytest.mark.parametrize("seen, limit", [(0, 2.302585), (1, 3.889720), (2, 5.322320), (5, 9.274674)])
def test_counts_are_the_textbook_ones(seen, limit):
    assert upper_limit_counts(seen) == pytest.approx(limit, abs=1e-6)


@given(st.integers(0, 30), st.floats(0.5, 0.999))
def test_a_source_at_the_limit_gives_more_counts_with_that_probability(seen, level):
    assert poisson.sf(seen, upper_limit_counts(seen, level)) == pytest.approx(level, abs=1e-9)


@pytest.mark.parametrize("seen, level", [(-1, 0.9), (0, 0.0), (0, 1.0), (0, float("nan"))])
def test_nonsense_counts_are_refused(seen, level):
    with pytest.raises(ValueError, match="no upper limit"):
        upper_limit_counts(seen, level)


@pytest.mark.parametrize("name", sorted(TABLES.seasons))
def test_counts_at_1e51_erg_and_100_mpc(name):
    """The sky mean of the counts of the reference source is the season's n0, on the grid of equal solid angles."""
    season = TABLES.season(name)
    dec = np.arcsin(season.sin_dec)
    counts = 1e51 / energy_limit_erg(season, dec, 100.0, counts=1.0)
    assert counts.mean() == pytest.approx(season.n_51_100, rel=1e-6)


def test_n0_of_the_full_detector_from_the_file_itself(data):
    """1.006 for 10 to 1e8 GeV, 1.173 with the energy all above 100 GeV (SCIENCE 1.3): the integral by hand."""
    rows = np.loadtxt(data / "effective_areas" / "icecube_10yr_ps" / "IC86_II_effectiveArea.csv", skiprows=1, ndmin=2)
    low, high, south, north, area = rows.T
    inside = high <= 8.001
    weight = (10**-low - 10**-high) * (np.sin(np.radians(north)) - np.sin(np.radians(south))) / 2
    counts = (area * weight)[inside].sum()  # for E² dN/dE = 1 GeV/cm², sky mean
    erg_per_counts = 4 * np.pi * (100 * 3.0857e24) ** 2 * 1.602177e-3 / counts
    assert 1e51 / (erg_per_counts * np.log(1e7)) == pytest.approx(1.006, abs=0.01)
    assert 1e51 / (erg_per_counts * np.log(1e6)) == pytest.approx(1.173, abs=0.01)


@given(st.floats(-1.5, 1.5), st.floats(1.0, 5000.0), st.floats(0.1, 20.0))
def test_scaling(dec, distance, counts):
    limit = energy_limit_erg(SEASON, dec, distance, counts)
    assert energy_limit_erg(SEASON, dec, 2 * distance, counts) == pytest.approx(4 * limit, rel=1e-12)
    assert energy_limit_erg(SEASON, dec, distance, 3 * counts) == pytest.approx(3 * limit, rel=1e-12)


def test_fluence_limit_agrees_with_the_sensitivity():
    assert float(fluence_limit(SEASON, 0.3)) == pytest.approx(flux_sensitivity(SEASON, [0.3])[0], rel=1e-12)


def test_arrays_broadcast():
    assert energy_limit_erg(SEASON, np.zeros((3, 1)), np.array([40.0, 400.0])).shape == (3, 2)


@pytest.mark.parametrize("distance", [0.0, -3.0, float("nan"), float("inf")])
def test_no_limit_without_a_distance(distance):
    with pytest.raises(ValueError, match="distance"):
        energy_limit_erg(SEASON, 0.0, distance)
