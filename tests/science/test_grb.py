"""Gamma-ray bursts against quadrature and closed forms, and the model's numbers against the catalogue."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from llama.science.companions.grb import (
    CM_PER_MPC,
    SOURCES,
    GRBModel,
    Measured,
    as_parameters,
    log_double_power_law,
    log_fraction_above,
    log_heard,
    log_heard_at_all,
    log_noise,
    log_normal,
    log_signal_fluence,
    p_short,
)

MODEL = GRBModel()
GRB170817A = Measured(t90_s=2.048, fluence=2.7914e-7)


def per_fluence(function):
    """∫ exp(function(S)) dS over all fluences."""
    return quad(lambda x: math.exp(float(function(math.exp(x))) + x), -80, 60, limit=2000, points=[-20, -15, -10])[0]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    path = Path(__file__).resolve().parents[2] / "scripts" / "derive_grb_model.py"
    spec = importlib.util.spec_from_file_location("derive_grb_model", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_models_numbers_are_the_catalogues(script: ModuleType, data: Path):
    derived = script.derive(data / "catalogs" / "grb" / "fermigbrst_heasarc.csv")
    year_s = 365.25 * 86400
    assert derived.pop("short_cut_rate_hz") * year_s == pytest.approx(39.6, abs=0.1)  # SCIENCE 3.1: about 40 a year
    assert derived["rate_hz"] * year_s == pytest.approx(237.75, abs=0.1)
    for name, value in derived.items():
        assert getattr(MODEL, name) == pytest.approx(value, rel=1e-3), name


def test_every_number_has_a_source():
    assert set(SOURCES) == set(GRBModel.__dataclass_fields__) - {"name"}
    assert all(as_parameters(MODEL)[name]["source"] == source for name, source in SOURCES.items())
    assert as_parameters(replace(MODEL, beaming=20.0))["beaming"] == {"value": 20.0, "source": "given by hand"}


@pytest.mark.parametrize("law", [(1e-7, 1.4, 1.4), (2e-6, 2.2, 0.8), (1e-5, 0.7, 3.0)])
def test_fluence_laws_are_normalised(law):
    assert per_fluence(lambda s: log_double_power_law(s, *law)) == pytest.approx(1, rel=1e-9)


def test_far_above_its_scale_a_law_falls_as_it_says():
    bright = log_double_power_law(np.array([1e-3, 1e-2]), 1e-7, 1.4, 1.5)
    assert (bright[1] - bright[0]) / math.log(10) == pytest.approx(-2.5, abs=1e-6)


@pytest.mark.parametrize("measured", [Measured(), Measured(t90_s=2.048), Measured(t90_s=30.0)])
def test_noise_integrates_to_what_it_is_without_fluence(measured):
    model = replace(MODEL, fluence_min=1e-36, subthreshold_fluence_min=1e-37)  # fluences below it are not used
    total = per_fluence(lambda s: log_noise(model, replace(measured, fluence=s)))
    assert total == pytest.approx(math.exp(log_noise(MODEL, measured)), rel=1e-9)


def test_noise_over_duration_integrates_to_one():
    assert quad(lambda x: math.exp(log_noise(MODEL, Measured(t90_s=10**x))), -6, 6, limit=200)[0] == pytest.approx(1)
    labels = [math.exp(log_noise(MODEL, Measured(duration_class=label))) for label in ("short", "long")]
    assert sum(labels) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("r_mpc", [0.5, 3.0, 40.0, 400.0, 6000.0, 1e5])
def test_fraction_of_the_energy_prior_is_the_integral(r_mpc):
    def triggers(log_e: float) -> float:
        return math.exp(log_e) / (4 * math.pi * (r_mpc * CM_PER_MPC) ** 2) >= MODEL.fluence_min

    edges = math.log(MODEL.e_min_erg), math.log(MODEL.e_max_erg)
    grid = np.linspace(*edges, 200_001)
    part = np.mean([triggers(x) for x in grid])
    assert np.exp(log_fraction_above(MODEL, r_mpc, MODEL.fluence_min)) == pytest.approx(part, abs=1e-5)


@pytest.mark.parametrize("r_mpc", [3.0, 40.0, 400.0, 6000.0])
def test_with_fluence_and_without_are_one_model(r_mpc):
    """∫dS above threshold of the density with S is the chance without it: the δ function done two ways."""
    low, high = (energy / (4 * math.pi * (r_mpc * CM_PER_MPC) ** 2) for energy in (MODEL.e_min_erg, MODEL.e_max_erg))
    low = max(low, MODEL.fluence_min)
    total = quad(lambda x: math.exp(float(log_signal_fluence(MODEL, r_mpc, math.exp(x))) + x), *np.log([low, high]))[
        0
    ]
    assert total == pytest.approx(float(np.exp(log_fraction_above(MODEL, r_mpc, MODEL.fluence_min))), rel=1e-9)


@pytest.mark.parametrize("measured", [Measured(), Measured(t90_s=1.0), Measured(duration_class="short")])
@pytest.mark.parametrize("part", [1e-4, 0.17, 0.999])
def test_a_fluence_below_the_threshold_says_nothing(measured, part):
    """A burst fainter than the model's triggers weighs as much as one of unknown fluence, and is as likely short."""
    faint, r = replace(measured, fluence=part * MODEL.fluence_min), np.array([4.0, 40.0, 400.0, 4e4])
    ours, theirs = (log_heard(MODEL, one)(r) - log_noise(MODEL, one) for one in (faint, measured))
    np.testing.assert_array_equal(ours, theirs)
    assert p_short(MODEL, faint) == p_short(MODEL, measured)
    bright = replace(measured, fluence=MODEL.fluence_min)
    assert log_noise(MODEL, bright) != log_noise(MODEL, measured), "at the threshold it is used"


@given(st.floats(0.01, 1e5), st.one_of(st.none(), st.floats(0.01, 300)))
def test_what_can_be_heard_adds_up(r_mpc, t90_s):
    """Triggers and sub-threshold candidates together are all that is heard."""
    r = np.array([r_mpc])
    trigger = np.exp(log_heard_at_all(MODEL, subthreshold=False)(r))
    below = np.exp(log_heard(MODEL, Measured(subthreshold=True))(r))
    whole = np.exp(log_heard_at_all(MODEL, subthreshold=True)(r))
    np.testing.assert_allclose(trigger + below, whole, rtol=1e-12, atol=1e-15)
    assert 0 <= whole <= MODEL.coverage / MODEL.beaming * (1 + 1e-12)
    like_this = 1.0
    if t90_s is not None:
        like_this = np.exp(log_normal(math.log10(t90_s), MODEL.short_log10_t90, MODEL.short_log10_t90_width))
    np.testing.assert_allclose(np.exp(log_heard(MODEL, Measured(t90_s=t90_s))(r)), trigger * like_this, rtol=1e-4)


def test_the_longer_the_less_like_a_merger():
    """The short class has the wider Gaussian in log T90: by itself it would take back the very longest."""
    chance = [p_short(MODEL, Measured(t90_s=t90_s)) for t90_s in (2, 10, 100, 400, 1e3, 1e5)]
    assert np.all(np.diff(chance) < 1e-12) and chance[3] < 3e-3
    density = [log_heard(MODEL, Measured(t90_s=10.0**x))(np.array([40.0]))[0] for x in np.linspace(-6, 8, 4001)]
    total = np.exp(density).sum() * 14 / 4000
    assert total == pytest.approx(np.exp(log_heard(MODEL, Measured())(np.array([40.0]))[0]), rel=1e-6)


def test_chance_falls_with_distance_and_with_beaming():
    r = np.geomspace(1, 1e5, 60)
    assert np.all(np.diff(log_heard(MODEL, Measured())(r)[:40]) <= 0)
    narrow = log_heard(replace(MODEL, beaming=100.0), Measured())(r[:40])
    np.testing.assert_allclose(narrow, log_heard(MODEL, Measured())(r[:40]) - math.log(10))


def test_grb170817a_is_short_although_its_t90_is_above_two_seconds():
    assert p_short(MODEL, GRB170817A) > 0.99
    assert p_short(MODEL, Measured(t90_s=2.048)) == pytest.approx(0.91, abs=0.01)
    assert p_short(MODEL, Measured(duration_class="short")) == pytest.approx(0.92)
    assert p_short(MODEL, Measured(duration_class="long")) == pytest.approx(0.05)
    assert p_short(MODEL, Measured()) == pytest.approx(MODEL.short_share)
    assert p_short(MODEL, Measured(t90_s=50.0, fluence=1e-5)) < 1e-3
    assert np.isfinite(log_heard(MODEL, GRB170817A)(np.array([40.0])))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("beaming", 0.5),
        ("e_max_erg", 1.0),
        ("coverage", 1.5),
        ("rate_hz", 0.0),
        ("short_share", 0.95),
        ("rate_hz", math.nan),
        ("fluence_min", 1e-9),
    ],
)
def test_contradictory_numbers_are_refused(field, value):
    with pytest.raises(ValueError, match=field.split("_")[0]):
        replace(MODEL, **{field: value})


@pytest.mark.parametrize("given", [{"t90_s": 0.0}, {"fluence": -1.0}, {"t90_s": math.nan}])
def test_a_burst_that_cannot_be_is_refused(given):
    with pytest.raises(ValueError, match="above zero"):
        Measured(**given)
