"""The background density against a count of the release's own events."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from release_events import read_events

import llama.data
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector.background import energy_cap_gev, log_background_density, smoothing_bias, window_counts
from llama.science.search import Search

TABLES = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5")
SEASON = TABLES.season("IC86-2012")
CBC = Search()


@pytest.fixture(scope="module")
def events(data):
    return read_events(data, "IC86-2012")


@pytest.mark.parametrize(
    "dec, log10_energy", [(0.0, 3.0), (30.0, 3.5), (80.0, 3.0), (-30.0, 5.0), (-75.0, 5.2), (10.0, 4.5)]
)
def test_counts_are_those_of_the_release(events, dec, log10_energy):
    inside = (np.abs(events[:, 1] - dec) < 180 / 70) & (np.abs(events[:, 0] - log10_energy) < CBC.energy_window_dex)
    found = float(window_counts(SEASON, CBC, np.radians(dec), 10**log10_energy))
    # bins are 0.2° and 0.02 dex: the edge of the window is known to a few percent of its width
    assert found == pytest.approx(inside.sum(), rel=0.05, abs=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TABLES.seasons))
@pytest.mark.parametrize("half_width", [0.5, 180 / 70, 12.0])
def test_cap_is_the_highest_energy_of_the_band(data, name, half_width):
    """At a thousand declinations all over the sky, and on both sides of where the band takes in a peak."""
    events, season = read_events(data, name), TABLES.season(name)
    search = replace(CBC, declination_window_deg=half_width)
    entering = np.concatenate([season.peaks_dec_deg - half_width + shift for shift in (-1e-6, 1e-6)])
    dec = np.clip(np.concatenate([np.degrees(np.arcsin(np.linspace(-1, 1, 1000))), entering]), -90, 90)
    dec = dec[np.round(np.abs(dec), 9) <= 90]
    ordered = events[np.argsort(events[:, 1])]
    south, north = np.maximum(dec - half_width, -90), np.minimum(dec + half_width, 90)
    first, last = (np.searchsorted(ordered[:, 1], *edge) for edge in ((south, "left"), (north, "right")))
    expected = [ordered[a:b, 0].max() if b > a else np.inf for a, b in zip(first, last, strict=True)]
    assert np.log10(energy_cap_gev(season, search, np.radians(dec))) == pytest.approx(np.array(expected), abs=1e-12)


def test_cap_where_there_is_no_event_and_of_single_declinations():
    empty = replace(SEASON, peaks_dec_deg=np.array([50.0]), peaks_log10_energy=np.array([4.0]))
    assert energy_cap_gev(empty, CBC, 0.0) == np.inf
    assert energy_cap_gev(empty, CBC, np.radians(51.0)) == 1e4
    assert energy_cap_gev(empty, CBC, np.zeros((2, 0))).shape == (2, 0)


def test_bands_narrower_than_the_peaks_are_refused():
    with pytest.raises(ValueError, match=r"0\.4.*0\.5"):
        energy_cap_gev(SEASON, replace(CBC, declination_window_deg=0.4), 0.0)


@pytest.mark.slow
@settings(deadline=None)
@given(st.floats(-np.pi / 2, np.pi / 2), st.floats(1.1, 7.9))
def test_against_the_slow_reference(dec, log10_energy):
    energy = 10**log10_energy
    found = float(log_background_density(SEASON, CBC, dec, energy))
    assert found == pytest.approx(np.log(slow.background_density(SEASON, CBC, dec, energy)), abs=1e-9)


@pytest.mark.slow
def test_density_integrates_to_the_sky_times_band():
    """∫ P_emp/k dΩ dε = 1, up to the smoothing over the poles and at least one event per window."""
    dec = np.arcsin(np.linspace(-0.999, 0.999, 200))
    log_energy = np.linspace(1.0, 7.3, 300)
    density = [log_background_density(SEASON, CBC, dec, energy) for energy in 10 ** log_energy[::3]]
    per_dex = np.exp(density).T / smoothing_bias(SEASON, CBC, dec)[:, None] * 10 ** log_energy[::3] * np.log(10)
    total = 2 * np.pi * np.trapezoid(np.trapezoid(per_dex, log_energy[::3], axis=1), np.sin(dec))
    assert total == pytest.approx(1, abs=0.03)


def test_bias_is_some_percent_and_continuous():
    """0.8 to 0.93 over most of the sky; a thousandth of a degree changes it by less than 0.2 %."""
    dec = np.radians(
        np.concatenate([start + np.arange(0, 1, 0.001) for start in (-75.0, -40.0, -11.0, -5.5, 0.0, 20.0, 60.0)])
    )
    bias = np.concatenate([smoothing_bias(SEASON, CBC, part) for part in np.split(dec, 7)])
    assert 0.75 < bias.min() < np.median(bias) < 0.9
    assert bias.max() < 1.0
    steps = np.diff(np.log(bias).reshape(7, 1000), axis=1)
    assert np.abs(steps).max() < 0.002


def test_no_bias_where_background_and_signal_are_flat():
    flat = slow.uniform_season()
    narrow = replace(CBC, energy_window_dex=0.05)
    assert smoothing_bias(flat, narrow, np.radians([-40.0, 0.0, 70.0])) == pytest.approx(1, abs=0.01)


def test_bias_where_no_signal_is_expected():
    blind = replace(SEASON, signal_per_dex=np.zeros_like(SEASON.signal_per_dex))
    assert smoothing_bias(blind, CBC, np.array([0.0, 1.0])) == pytest.approx([1, 1])


def test_never_empty():
    assert window_counts(SEASON, CBC, 0.0, 1e8) == 1
    assert np.isfinite(log_background_density(SEASON, CBC, np.pi / 2, 1e8))


def test_wider_windows_count_more():
    wide = replace(CBC, declination_window_deg=10.0, energy_window_dex=1.0)
    assert window_counts(SEASON, wide, 0.3, 1e3) > window_counts(SEASON, CBC, 0.3, 1e3)
