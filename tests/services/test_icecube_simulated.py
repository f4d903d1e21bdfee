"""Simulated background has the rate and densities of the season it is drawn from, and is the same every time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from llama.ports import SeasonStretch
from llama.science.detector import azimuth_deg
from llama.science.times import gps_from_mjd
from llama.services.errors import ArchiveError
from llama.services.icecube.simulated import IceCubeSimulated

START = 1_400_000_000.0


@pytest.fixture(scope="module")
def source(archive):
    return IceCubeSimulated(archive, "IC86-2011")


@pytest.fixture(scope="module")
def sample(source):
    return source.window(START, START + 2e6, seed="big").neutrinos


def test_the_same_seed_gives_the_same_neutrinos(source):
    first = source.window(START, START + 1000, seed="S1")
    assert source.window(START, START + 1000, seed="S1") == first
    assert any(source.window(START, START + 1000, seed=f"S{n}").neutrinos != first.neutrinos for n in (2, 3))
    assert first.complete and first.covered_s == 1000.0 and first.season == "IC86-2011"
    assert first.covered == (SeasonStretch(START, START + 1000, "IC86-2011"),)


@pytest.mark.slow
def test_the_number_is_poisson_with_the_season_s_rate(source):
    counts = np.array([len(source.window(START, START + 1000, seed=str(n)).neutrinos) for n in range(2000)])
    mean = source.rate_hz * 1000
    assert mean == pytest.approx(4.74, abs=0.01)
    assert abs(counts.mean() - mean) < 4 * np.sqrt(mean / len(counts))
    assert counts.var() / counts.mean() == pytest.approx(1.0, abs=0.15)


@pytest.mark.slow
def test_times_and_right_ascensions_are_uniform(sample):
    times = (np.array([float(gps_from_mjd(n.mjd)) for n in sample[:2000]]) - START) / 2e6
    assert np.all(np.diff(times) >= 0)
    every = (np.asarray(gps_from_mjd(np.array([n.mjd for n in sample]))) - START) / 2e6
    assert stats.kstest(every, "uniform").pvalue > 1e-3
    assert stats.kstest([n.ra_deg / 360 for n in sample], "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("attribute", "column"), [("dec_deg", "dec_deg"), ("energy_gev", "energy_gev"), ("sigma_deg", "sigma_deg")]
)
def test_densities_are_the_season_s(archive, sample, attribute, column):
    drawn = [getattr(n, attribute) for n in sample]
    assert stats.ks_2samp(drawn, archive.season("IC86-2011").column(column)).pvalue > 1e-3


@pytest.mark.slow
def test_each_is_a_real_event_turned_in_right_ascension(archive, sample):
    season = archive.season("IC86-2011")
    columns = ("dec_deg", "zenith_deg", "sigma_deg", "energy_gev")
    real = set(zip(*(season.column(c).tolist() for c in columns), strict=True))
    assert all(tuple(getattr(n, c) for c in columns) in real for n in sample)
    assert sample[0].i3event == "simulated-IC86-2011_0" and sample[0].type == "simulated"


def test_azimuth_belongs_to_the_right_ascension(archive):
    season = archive.season("IC86-2012")
    low = np.flatnonzero(np.abs(season.column("dec_deg")) < 80)[::500]
    for index in low:
        mjd, ra, azimuth = (season.column(c)[index] for c in ("mjd", "ra_deg", "azimuth_deg"))
        assert abs((azimuth_deg(mjd, ra) - azimuth + 180) % 360 - 180) < 0.5


def test_a_season_that_is_not_there_is_named(archive):
    with pytest.raises(ArchiveError, match=r"no season 'IC99'; it has IC79-2010, IC86-2011, IC86-2012"):
        IceCubeSimulated(archive, "IC99")
    with pytest.raises(ArchiveError, match="must start before"):
        IceCubeSimulated(archive, "IC86-2011").window(2.0, 1.0, seed="")
