"""Efficiencies, their intervals and thresholds, and the files that a sensitivity study leaves."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from tests.cli.typed import typed

from llama.app import App
from llama.formats.errors import FormatError
from llama.science.detector import interpolate_sin_dec
from llama.studies.blocks import generator
from llama.studies.sensitivity import AXES, Fraction, Threshold, curve, independent, weighted
from llama.studies.truth import draw_energies, true_energies


@pytest.mark.parametrize(("found", "of"), [(0, 10), (10, 10), (3, 7), (50, 1000), (1, 1)])
@pytest.mark.parametrize("confidence", [0.6827, 0.9])
def test_intervals_are_clopper_and_pearson_s(found: int, of: int, confidence: float) -> None:
    expected = binomtest(found, of).proportion_ci(confidence, method="exact")
    assert Fraction(found, of, confidence).interval == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_the_threshold_lets_no_more_pass_than_asked() -> None:
    background = np.array([-np.inf, *np.arange(99.0)])
    threshold = Threshold.of(background, 0.1)
    assert threshold.passed.found == 10 and threshold.log_odds == 88.0 and not threshold.vague
    assert threshold.found(np.array([88.0, 88.5, -np.inf])).tolist() == [False, True, False]
    ties = Threshold.of(np.array([1.0] * 50 + [0.0] * 50), 0.1)
    assert ties.passed.found == 0, "of trials that are alike none passes, rather than too many"
    assert Threshold.of(background, 0.02).vague
    with pytest.raises(FormatError, match=r"100 background trials cannot tell .* 0\.001: draw 10000"):
        Threshold.of(background, 0.001)


def test_bins_hold_what_lies_in_them() -> None:
    axis = next(one for one in AXES if one.key == "distance_mpc")
    values = np.array([1.0, 9.99, 10.0, 99.0, 100.0])
    found = curve(axis, np.array([1.0, 10.0, 100.0]), values, values > 5)
    assert [(one.low, one.found.found, one.found.of) for one in found.bins] == [(1.0, 1, 2), (10.0, 3, 3)]
    one = weighted(np.array([True, False]), np.array([3.0, 1.0]))
    assert (
        one.value == pytest.approx(0.75) and one.of == pytest.approx(1.6) and one.interval[0] < 0.75 < one.interval[1]
    )
    alike = weighted(np.array([True] * 3 + [False] * 4), np.full(7, 0.1))
    assert alike.interval == pytest.approx(Fraction(3, 7).interval)


def test_trials_that_share_a_map_are_worth_less_than_as_many_maps() -> None:
    rng = np.random.default_rng(1)
    maps = np.repeat(np.arange(50), 30)
    one = np.ones(maps.size)
    alike = rng.random(50)[maps] < 0.4  # what a map says all its trials say
    assert independent(alike, one, maps, 0.6827) == pytest.approx(49, rel=0.05)
    apart = rng.random(maps.size) < 0.4
    assert independent(apart, one, maps, 0.6827) > 900
    assert independent(apart, one, np.arange(maps.size), 0.6827) == maps.size
    assert independent(np.full(maps.size, True), one, maps, 0.6827) == pytest.approx(50)
    assert independent(apart, one, np.zeros(maps.size, dtype=int), 0.6827) == 1.0
    assert weighted(alike, one * 3, maps).of == pytest.approx(49, rel=0.05)


def test_intervals_hold_the_efficiency_of_all_maps_as_often_as_they_say() -> None:
    """Sixteen maps, each with an efficiency of its own between 0 and 1, and twenty trials of each."""
    rng, maps = np.random.default_rng(2), np.repeat(np.arange(16), 20)
    axis = next(one for one in AXES if one.key == "sin_dec")
    held = {"of maps": 0, "of trials": 0}
    for _ in range(400):
        found = rng.random(maps.size) < rng.beta(0.8, 0.8, 16)[maps]  # 0.5 on average
        for what, numbers in zip(held, (maps, None), strict=True):
            (only,) = curve(axis, np.array([-1.0, 1.0]), np.zeros(maps.size), found, numbers).bins
            low, high = only.found.interval
            held[what] += low <= 0.5 <= high
    assert held["of maps"] / 400 > 0.66 and held["of trials"] / 400 < 0.35


def test_energies_are_those_of_the_response() -> None:
    """Both marginals at one declination: reconstructed a/α, the neutrinos' own A_eff E⁻²."""
    app = App.read({})
    season, search = app.season("IC86-2011"), app.searches().choose("bns").search
    sin_dec = np.full(40_000, season.sin_dec[60])
    energy = draw_energies(generator(1, "energies", 0), season, search, sin_dec)
    true = true_energies(season, sin_dec, energy)
    edges = season.true_log10_energy
    counts = interpolate_sin_dec(season, season.effective_area_cm2, None, sin_dec[:1])[:, 0] * -np.diff(10.0**-edges)
    reached = np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum()
    for level in (0.1, 0.5, 0.9):
        wanted = np.interp(level, reached, edges)
        assert np.quantile(np.log10(true), level) == pytest.approx(wanted, abs=0.03), level
    assert (np.diff(true[np.argsort(energy)]) >= 0).all()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """A small study on two maps."""
    folder = tmp_path_factory.mktemp("sensitivity")
    maps = [str((data / "skymaps/mock_and_sim/local_bayestar" / f"{i}.fits").resolve()) for i in (0, 1)]
    (folder / "maps.csv").write_text("\n".join(maps) + "\n")
    for kind, trials in (("background", 400), ("signal", 60), ("doublet", 60)):
        words = ("dev", "trials", kind, folder / "maps.csv", "-d", folder, "-p", "bns", "-n", trials, "-j", 1)
        typed(*words, home=folder)
    return folder


@pytest.mark.slow
def test_a_study_leaves_tables_numbers_and_figures(study: Path) -> None:
    said = typed("dev", "sensitivity", study, "-p", "0.05", home=study)
    assert "Clopper-Pearson" in said and "one neutrino" in said and "two neutrinos" in said
    out = study / "sensitivity"
    for search in ("opa", "subthreshold"):
        for name in ("efficiency", "p-values", "odds"):
            assert (out / f"{name}-{search}.png").read_bytes().startswith(b"\x89PNG")
            assert (out / f"{name}-{search}.pdf").read_bytes().startswith(b"%PDF")
        kept = json.loads((out / f"sensitivity-{search}.json").read_text())
        rows = list(csv.DictReader((out / f"efficiency-{search}.csv").open()))
        for kind in ("signal", "doublet"):
            (every,) = (row for row in rows if (row["kind"], row["axis"]) == (kind, "all"))
            assert float(every["efficiency"]) == pytest.approx(kept["efficiency"][kind]["all"]["value"])
            for axis in ("energy_gev", "true_energy_gev", "distance_mpc", "sin_dec"):
                along = [row for row in rows if (row["kind"], row["axis"]) == (kind, axis)]
                assert sum(int(row["of"]) for row in along) == 60
                assert sum(int(row["found"]) for row in along) == int(every["found"])
        assert kept["background_above"]["found"] <= 20 and kept["background_above"]["of"] == 400
        signal, doublet = (kept["efficiency"][kind]["all"]["value"] for kind in ("signal", "doublet"))
        assert doublet >= signal > 0.5, "maps of 14 and 11 deg²: background is far from them"
        odds = np.loadtxt(out / f"odds-{search}.csv", delimiter=",", skiprows=1)
        assert odds[:, 2:].sum(axis=0) == pytest.approx(np.ones(3))


@pytest.mark.slow
def test_what_a_study_lacks_is_told(study: Path, tmp_path: Path) -> None:
    assert "has no study.json" in typed("dev", "sensitivity", tmp_path, home=study, status=1)
    assert "has no background trials of pipeline depth" in typed(
        "dev", "sensitivity", study, "--depth", "pipeline", home=study, status=1
    )
    assert "cannot tell a false alarm probability" in typed(
        "dev", "sensitivity", study, "-p", "1e-5", home=study, status=1
    )
    assert "between 0 and 1" in typed("dev", "sensitivity", study, "-p", "7", home=study, status=2)
    words = ("--far-per-year", "0.05", "-o", tmp_path / "out", "--search", "opa")
    far = typed("dev", "sensitivity", study, *words, home=study)
    for none in ("2", "0", "-1", "nan"):
        too_many = typed("dev", "sensitivity", study, f"--far-per-year={none}", home=study, status=1)
        assert "the alerts of this population in a year" in too_many
    assert "0.05 per year" in far and (tmp_path / "out" / "sensitivity-opa.json").exists()
