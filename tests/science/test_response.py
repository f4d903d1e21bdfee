"""IceCube's response tables: checks against published figures, and against simulated events."""

from __future__ import annotations

import dataclasses
import importlib.util
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llama.data
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector import derivation, response
from llama.studies.season import read_sample
from llama.studies.season_files import find, read_smearing

TABLES = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5")
SCRIPT = Path(__file__).parents[2] / "scripts" / "derive_icecube_tables.py"
SEASONS = sorted(TABLES.seasons)


def test_rates_of_the_releases():
    rates = {name: 1e3 * TABLES.season(name).rate_hz for name in SEASONS}
    assert rates == pytest.approx({"IC40": 1.13, "IC79-2010": 3.41, "IC86-2011": 4.74, "IC86-2012": 3.67}, abs=0.01)
    assert [TABLES.season(name).n_observed for name in SEASONS] == [36900, 93133, 136244, 105300]


@pytest.mark.parametrize("name", SEASONS)
def test_alpha_has_sky_mean_one(name):
    season = TABLES.season(name)
    sin_dec = np.linspace(-1, 1, 200001)
    assert np.trapezoid(response.alpha(season, sin_dec), sin_dec) / 2 == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", SEASONS)
def test_alpha_is_the_integral_of_the_density(name):
    season = TABLES.season(name)
    log_energy = np.linspace(1, 10, 9001)
    rows = response.signal_rows(season, 10**log_energy)
    dex = rows * (10**log_energy * np.log(10))[:, None]
    assert np.trapezoid(dex, log_energy, axis=0) == pytest.approx(season.alpha, rel=1e-4)


def test_full_detector_agrees_with_the_specification():
    """α from 0.08 to about 2.3, n0 1.006 to 1.173 for IC86_II; counts of data/README at E²F = 1 GeV/cm²."""
    season = TABLES.season("IC86-2012")
    assert season.alpha.min() == pytest.approx(0.08, abs=0.01)
    assert 1.9 < season.alpha.max() < 2.4
    assert 0.9 < season.n_51_100 < 1.2
    counts = response.fluence_counts(season)
    found = [response.interpolate_sin_dec(season, counts, None, np.sin(np.radians(d))) for d in (-60, -30, 0, 30, 60)]
    # the 3-year selection differs from IC86_II's by some percent
    assert found == pytest.approx([2.6, 4.4, 71.8, 50.8, 38.3], rel=0.2)


def test_sensitivity_of_the_specification():
    """90 % upper limit ~0.032 GeV/cm² at the horizon, 0.0277 to ~1 over the sky."""
    season = TABLES.season("IC86-2012")
    low, high = response.flux_sensitivity(season, np.radians([0.0]))
    assert low == high == pytest.approx(0.035, abs=0.006)
    best, worst = response.flux_sensitivity(season, np.radians(np.linspace(-80, 80, 50)))
    assert 0.02 < best < 0.05 < 0.5 < worst < 3
    lo, hi = response.sensitive_energies_gev(season, np.radians([30.0]))
    assert 300 < lo < 3e3 < 1e5 < hi < 5e6
    with pytest.raises(ValueError, match="no declination"):
        response.flux_sensitivity(season, np.array([]))


def test_reconstructed_energies_of_simulated_events(data):
    """5 557 events of an E⁻² source at δ = 30°, drawn from the 10-year IC86_II matrices."""
    with h5py.File(data / "neutrinos" / "icecube_tools_signal_sims" / "p_IC86_II_index_2.0.h5") as file:
        simulated = np.log10(file["reco_energy"][()])
    season = TABLES.season("IC86-2012")  # the smearing's own: its energies are not shifted
    column = np.array([response.interpolate_sin_dec(season, row, None, 0.5) for row in season.signal_per_dex])
    reached = np.cumsum(column) / column.sum()
    quartiles = np.interp([0.25, 0.5, 0.75], reached, season.log10_energy + 0.05)
    assert quartiles == pytest.approx(np.percentile(simulated, [25, 50, 75]), abs=0.05)


@settings(deadline=None)
@given(st.floats(-1, 1), st.floats(1, 8))
def test_density_is_finite_and_not_negative(sin_dec, log10_energy):
    season = TABLES.season("IC86-2011")
    row = response.signal_rows(season, 10**log10_energy)
    value = response.interpolate_sin_dec(season, row, np.array([0]), np.array([sin_dec]))[0]
    assert 0 <= value < np.inf


@pytest.fixture(scope="module")
def packaged_seasons():
    """scripts/icecube_seasons.py as a module."""
    spec = importlib.util.spec_from_file_location("icecube_seasons", SCRIPT.with_name("icecube_seasons.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, low, high",
    [("IC40", 0.31, 0.53), ("IC79-2010", 0.09, 0.69), ("IC86-2011", -0.05, 0.05), ("IC86-2012", 0, 0)],
)
def test_energy_scale_of_a_season(data, packaged_seasons, name, low, high):
    """What is called the same energy differs by as much in each part of the northern sky, so it is a scale indeed."""
    smearing = read_smearing(find(data / packaged_seasons.KDE))
    season, own = (read_sample(packaged_seasons.files_of(data, wanted))[0] for wanted in (name, packaged_seasons.OWN))
    scale = derivation.energy_scale(smearing, season, own)
    assert (scale.raised_by.min(), scale.raised_by.max()) == pytest.approx((low, high), abs=0.005)
    sin_dec = derivation.SIN_DEC
    for south, north in ((10, 30), (30, 60), (60, 90)):
        band = (np.sin(np.radians(south)) < sin_dec) & (np.sin(np.radians(north)) > sin_dec)
        medians = []
        for sample in (season, own):
            counts = smearing.folded(sample.area_cm2, derivation.ATMOSPHERIC)[:, band].sum(axis=1)
            expected = np.interp(0.5, np.cumsum(counts) / counts.sum(), smearing.edges[1:])
            here = (sample.dec_deg > south) & (sample.dec_deg < north)
            medians.append(np.median(sample.log10_energy[here]) - expected)
        assert medians[0] - medians[1] == pytest.approx(scale.raised_by[2], abs=0.06)


def test_rebinning_keeps_the_counts():
    counts = np.arange(1.0, 13.0).reshape(6, 2)
    again = derivation.rebinned(counts, np.array([3.0, 3.2, 3.5, 4.1, 5.0, 5.5, 6.07]))
    assert again.sum(axis=0) == pytest.approx(counts.sum(axis=0))
    assert again[10:12, 0] == pytest.approx([0.5, 0.5])


def test_signal_stays_within_the_search():
    """α counts reconstructed energies up to the search's 1e8 GeV only, and no season's grid reaches beyond."""
    for season in TABLES.seasons.values():
        assert season.log10_energy[-1] == pytest.approx(7.95)
        assert season.log10_energy[0] == pytest.approx(2.05)
        assert (season.signal_per_dex[-1] * 0.1 / season.alpha).max() < 5e-3  # hardly any would lie beyond


@pytest.mark.slow
def test_the_shipped_tables_are_what_the_script_makes(data, tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, data, tmp_path / "t.h5"], capture_output=True, text=True, check=True
    )
    assert "n0 0.961" in done.stdout
    again = IceCubeTablesFile().read(tmp_path / "t.h5")
    for name, season in TABLES.seasons.items():
        for field in dataclasses.fields(season):
            made, shipped = getattr(again.seasons[name], field.name), getattr(season, field.name)
            assert made == shipped if isinstance(made, str) else made == pytest.approx(shipped, rel=1e-6, abs=1e-12)


@pytest.mark.slow
def test_true_energies_for_comparison(data, tmp_path):
    """Without smearing α is the same and the signal's energies are those of the effective area."""
    subprocess.run(
        [sys.executable, SCRIPT, data, tmp_path / "t.h5", "--true-energy"], capture_output=True, check=True
    )
    bare = IceCubeTablesFile().read(tmp_path / "t.h5").season("IC86-2012")
    assert "no energy smearing" in bare.smearing
    assert bare.alpha == pytest.approx(TABLES.season("IC86-2012").alpha, rel=1e-3)
    assert bare.alpha == pytest.approx(response.fluence_counts(bare) / response.fluence_counts(bare).mean(), rel=1e-6)


def test_unknown_season_says_which_there_are():
    with pytest.raises(ValueError, match="IC79-2010"):
        TABLES.season("IC99")
    with pytest.raises(ValueError, match="None"):
        TABLES.season(None)


@pytest.mark.parametrize("name", SEASONS)
def test_borrowed_smearing_is_said(name):
    assert ("borrowed" in TABLES.season(name).smearing) == (name != "IC86-2012")
    assert "sha256" in TABLES.season(name).source
