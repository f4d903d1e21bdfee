"""The background density against a count of the release's own events."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st

import llama.data
from llama.formats.tables import IceCubeTablesFile
from llama.science.background import energy_cap_gev, log_background_density, window_counts
from llama.science.search import Search

SEASON = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5").season("IC86-2012")
CBC = Search()


@pytest.fixture(scope="module")
def events(data):
    with zipfile.ZipFile(data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip") as archive:
        text = archive.read("3year-data-release/IC86-2012-events.txt")
    return np.loadtxt(io.BytesIO(text), usecols=(1, 4))


@pytest.mark.parametrize(
    "dec, log10_energy", [(0.0, 3.0), (30.0, 3.5), (80.0, 3.0), (-30.0, 5.0), (-75.0, 5.2), (10.0, 4.5)]
)
def test_counts_are_those_of_the_release(events, dec, log10_energy):
    inside = (np.abs(events[:, 1] - dec) < 180 / 70) & (np.abs(events[:, 0] - log10_energy) < CBC.energy_window_dex)
    found = float(window_counts(SEASON, CBC, np.radians(dec), 10**log10_energy))
    # bins are 0.2° and 0.02 dex: the edge of the window is known to a few percent of its width
    assert found == pytest.approx(inside.sum(), rel=0.05, abs=2)


def test_cap_is_the_highest_energy_of_the_band(events):
    for dec in (-80.0, -20.0, 0.1, 45.0, 89.0):
        band = events[np.abs(events[:, 1] - dec) < 180 / 70, 0].max()
        wider = events[np.abs(events[:, 1] - dec) < 180 / 70 + 0.2, 0].max()
        cap = float(np.log10(energy_cap_gev(SEASON, CBC, np.array([np.radians(dec)]))[0]))
        assert band - 1e-9 <= cap <= wider + 1e-9


@settings(deadline=None)
@given(st.floats(-np.pi / 2, np.pi / 2), st.floats(1.1, 7.9))
def test_against_the_slow_reference(dec, log10_energy):
    energy = 10**log10_energy
    found = float(log_background_density(SEASON, CBC, dec, energy))
    assert found == pytest.approx(np.log(slow.background_density(SEASON, CBC, dec, energy)), abs=1e-9)


def test_density_integrates_to_the_sky_times_band():
    """∫ P_emp dΩ dε = 1, up to the smoothing over the poles and at least one event per window."""
    dec = np.arcsin(np.linspace(-0.999, 0.999, 200))
    log_energy = np.linspace(1.0, 7.3, 300)
    grid_dec, grid_energy = np.meshgrid(dec, log_energy, indexing="ij")
    density = np.exp(log_background_density(SEASON, CBC, grid_dec, 10**grid_energy))
    per_dex = density * 10**grid_energy * np.log(10)
    total = 2 * np.pi * np.trapezoid(np.trapezoid(per_dex, log_energy, axis=1), np.sin(dec))
    assert total == pytest.approx(1, abs=0.03)


def test_never_empty():
    assert window_counts(SEASON, CBC, 0.0, 1e8) == 1
    assert np.isfinite(log_background_density(SEASON, CBC, np.pi / 2, 1e8))


def test_wider_windows_count_more():
    wide = replace(CBC, declination_window_deg=10.0, energy_window_dex=1.0)
    assert window_counts(SEASON, wide, 0.3, 1e3) > window_counts(SEASON, CBC, 0.3, 1e3)
