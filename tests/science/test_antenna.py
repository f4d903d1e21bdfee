"""The antenna pattern against LAL and the specification's table, and the marginal mode by brute force."""

from __future__ import annotations

from dataclasses import replace

import healpy
import lal
import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.science.detector.antenna import DETECTORS, AntennaPattern, gmst_rad
from llama.science.distance.directional import Directional
from llama.science.distance.radial import Likely, Marginal
from llama.science.search import Search
from llama.science.sky.skymap import SkyMap
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.prepared import prepare

GPS = 1.2e9
UNIFORM = slow.uniform_season()
SEARCH = Search(distance_mode="marginal", antenna_pattern=True)
SKY = np.array(healpy.pix2vec(64, np.arange(12 * 64**2))).T

TABLE = {
    "H1": (1.000, 0.5932, 0.4000, 0.2934, 7.455, 3.687),
    "H1L1": (1.374, 0.6180, 0.4235, 0.3128, 7.765, 3.931),
    "H1V1": (1.115, 0.7866, 0.6435, 0.5410, 9.885, 6.799),
    "L1V1": (1.139, 0.7709, 0.6162, 0.5074, 9.687, 6.376),
    "H1L1V1": (1.442, 0.7463, 0.5772, 0.4600, 9.379, 5.780),
}
"""SCIENCE 1.7: largest amplitude, means of f_A, f_A², f_A³, integrals of f_A and f_A³."""


def network(names: str) -> tuple[str, ...]:
    return tuple(names[i : i + 2] for i in range(0, len(names), 2))


@pytest.mark.parametrize("names", TABLE)
def test_the_specification_s_table_comes_out(names: str) -> None:
    """To all printed digits; 0.6 units, for two of the means lie on the edge between two last digits."""
    pattern = AntennaPattern.of(network(names), GPS)
    f = pattern.amplitude(SKY)
    best, one, two, three, whole, cubed = TABLE[names]
    assert pattern.best == pytest.approx(best, abs=6e-4)
    assert [f.mean(), (f**2).mean(), (f**3).mean()] == pytest.approx([one, two, three], abs=6e-5)
    assert 4 * np.pi * f.mean() == pytest.approx(whole, abs=6e-4)
    assert 4 * np.pi * (f**3).mean() == pytest.approx(cubed, abs=6e-4)
    assert f.max() <= 1


def lal_amplitude(name: str, ra: float, dec: float, gps: float) -> float:
    response = lal.cached_detector_by_prefix[name].response
    return float(np.hypot(*lal.ComputeDetAMResponse(response, ra, dec, 0.3, lal.GreenwichMeanSiderealTime(gps))))


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.sampled_from(sorted(DETECTORS)), min_size=1),
    st.floats(0, 2 * np.pi),
    st.floats(-np.pi / 2, np.pi / 2),
    st.floats(1e9, 1.45e9),
)
def test_amplitudes_are_lal_s(names: set[str], ra: float, dec: float, gps: float) -> None:
    direction = np.array([[np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)]])
    pattern = AntennaPattern.of(tuple(names), gps)
    expected = np.sqrt(sum(lal_amplitude(name, ra, dec, gps) ** 2 for name in names))
    assert pattern.amplitude(direction)[0] * pattern.best == pytest.approx(expected, rel=2e-4, abs=2e-6)


@pytest.mark.parametrize("gps", [1e9, 1187008882.4, 1.4e9])
def test_sidereal_time_is_lal_s(gps: float) -> None:
    assert gmst_rad(gps) == pytest.approx(lal.GreenwichMeanSiderealTime(gps) % (2 * np.pi), abs=1e-6)


def test_instruments_count_once_in_any_order() -> None:
    one, two = (AntennaPattern.of(names, GPS) for names in (("V1", "H1", "H1"), ("H1", "V1")))
    np.testing.assert_array_equal(one.amplitude(SKY), two.amplitude(SKY))


def rough_map(order: int = 2) -> SkyMap:
    n = 12 * 4**order
    density = np.exp(np.random.default_rng(4).normal(0, 1.5, n))
    return SkyMap(np.full(n, order, np.uint8), np.arange(n), density / (density.sum() * 4 * np.pi / n))


def one(ra: float = 1.0, dec: float = 0.3, sigma_deg: float = 6.0) -> Neutrinos:
    return Neutrinos(*(np.array([x]) for x in (GPS + 10, ra, dec, np.radians(sigma_deg), 2e3)))


def slow_volumes(search: Search, f: np.ndarray, snr: float | None) -> tuple[np.ndarray, np.ndarray]:
    """K_1(f, α = 1) and K_gw(f) by trapezoids over ln r; integrated over SNR when there is none."""
    snrs = [snr] if snr else np.exp(np.linspace(np.log(search.snr_min), np.log(3000.0), 400))
    both = np.empty((len(snrs), 2, f.size))
    for i, value in enumerate(snrs):
        for j, best in enumerate(f):
            low, high = (search.k0_mpc * best * e**0.5 / value for e in (search.e_gw_min_eu, search.e_gw_max_eu))
            r = np.exp(np.linspace(np.log(low), np.log(high), 60 if snr is None else 400))
            q = slow.q_one(search, np.ones_like(r), r)
            weight = 2 / (value * search.log_gw_span)
            both[i, :, j] = [weight * np.trapezoid(r**3 * x, np.log(r)) for x in (q, np.ones_like(r))]
    k_1, k_gw = both[0] if snr else np.trapezoid(both, snrs, axis=0)
    return k_1, k_gw


@pytest.mark.slow
@pytest.mark.parametrize("snr", [12.0, None])
@pytest.mark.parametrize("names", ["H1", "L1V1"])
def test_marginal_mode_by_brute_force(names: str, snr: float | None) -> None:
    """∫P_gw PSF K_1(f_A) dΩ/∫P_gw K_gw(f_A) dΩ on fine pixels, f_A from LAL."""
    skymap, nside = rough_map(), 64
    theta, phi = healpy.pix2ang(nside, np.arange(12 * nside**2), nest=True)
    power = sum(
        np.array([lal_amplitude(name, p, np.pi / 2 - t, GPS) ** 2 for t, p in zip(theta, phi, strict=True)])
        for name in network(names)
    )
    f = np.sqrt(power / power.max())
    grid = np.linspace(0.02, 1, 60 if snr else 15)
    k_1, k_gw = (np.exp(np.interp(np.log(f), np.log(grid), np.log(k))) for k in slow_volumes(SEARCH, grid, snr))
    density = skymap.density[slow.cell_of(skymap, theta, phi)]
    cosine = np.cos(theta) * np.sin(0.3) + np.sin(theta) * np.cos(0.3) * np.cos(phi - 1.0)
    kappa = 1 / np.radians(6.0) ** 2
    psf = kappa / (2 * np.pi) * np.exp(kappa * (cosine - 1))
    b = 490 / (500 * 500 * UNIFORM.rate_hz * 10) / 7 / (2e3 * np.log(10))
    b *= (density * psf * k_1).sum() / (density * k_gw).sum()
    b /= slow.background_density(UNIFORM, SEARCH, 0.3, 2e3)
    trigger = GWTrigger(GPS, snr, 0.3, network(names))
    found = coincidence(skymap, trigger, one(), UNIFORM, SEARCH)
    assert found.mode == "marginal"
    assert found.log_b[0] == pytest.approx(np.log(b), abs=5e-3)
    volume = (density * k_gw).sum() * healpy.nside2pixarea(nside)
    without = prepare(skymap, replace(trigger, p_astro=None), UNIFORM, SEARCH)
    rates = np.log(4 * np.pi * SEARCH.source_rate_mpc3_s * volume / SEARCH.gw_background_rate_hz)
    noise = 0.0 if snr is None else -(12.0 - SEARCH.snr_min) / 0.2 - np.log(0.2)
    assert without.log_gw_odds == pytest.approx(rates - noise, abs=5e-3)


def directional(names: str = "H1", snr: float | None = None) -> Directional:
    found = prepare(rough_map(), GWTrigger(GPS, snr, 0.3, network(names)), UNIFORM, SEARCH).radial
    assert isinstance(found, Directional)
    return found


@pytest.mark.slow
def test_a_direction_no_detector_hears_gives_nothing() -> None:
    """A null of one detector: odds of exactly zero there, and nothing is NaN."""
    pattern = AntennaPattern.of(("H1",), GPS)
    fine = np.array(healpy.pix2vec(1024, np.arange(12 * 1024**2))).T
    null = fine[np.argmin(pattern.amplitude(fine))]
    assert pattern.amplitude(null[None])[0] < 1e-3
    ra, dec = np.arctan2(null[1], null[0]), np.arcsin(null[2])
    found = coincidence(rough_map(), GWTrigger(GPS, None, 0.3, ("H1",)), one(ra, dec, 1e-4), UNIFORM, SEARCH)
    assert found.log_b[0] == found.log_odds[0] == -np.inf
    assert found.p_astro_after == pytest.approx(0.3, abs=1e-3)


def test_with_f_one_everywhere_it_is_marginal() -> None:
    radial = directional()
    deaf_to_nothing = replace(radial, log_mean_cube=0.0, pattern=replace(radial.pattern, best=1e-9))
    scale = np.linspace(0.1, 2.3, 50)

    class Points:
        direction = SKY[:50]
        node = np.zeros(50, np.int64)
        part = np.zeros(50, np.bool_)

    plain = Marginal(SEARCH, None, Likely(np.ones(1), np.ones(1)))
    np.testing.assert_allclose(deaf_to_nothing.log_q1(Points(), scale), plain.exact_log_q1(scale), atol=1e-6)
    counts = deaf_to_nothing.log_counts(Points(), scale, 3)
    np.testing.assert_allclose(counts[0], plain.exact_log_q1(scale), atol=1e-4)


def test_bands_keep_the_accuracy_of_one_fit() -> None:
    plain = Marginal(SEARCH, 10.0, Likely(np.ones(1), np.ones(1)))
    scale = np.exp(np.linspace(-3, 14, 500))
    found = plain.log_q1(None, scale)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, plain.exact_log_q1(scale), atol=1e-6)


@pytest.mark.parametrize("snr", [12.0, None])
def test_the_complement_s_mean_is_accurate_over_nulls(snr: float | None) -> None:
    radial = directional("H1", snr)
    likely = radial.best.likely
    alone = [Marginal(SEARCH, snr, Likely(np.array([a]), np.ones(1))).mean_q_some() for a in likely.alpha[::97]]
    sample = Likely(likely.alpha[::97], likely.probability[::97])
    assert replace(radial.best, likely=sample).mean_q_some() == pytest.approx(sample.mean(np.array(alone)), rel=1e-4)


@pytest.mark.parametrize(
    ("instruments", "says"),
    [((), "no instruments are named"), (("H1", "X9"), "the place of X9 is not known; there are G1, H1, K1, L1, V1")],
)
def test_instruments_that_cannot_be_used_are_named(instruments: tuple[str, ...], says: str) -> None:
    found = coincidence(rough_map(), GWTrigger(GPS, None, 0.3, instruments), one(), UNIFORM, SEARCH)
    plain = coincidence(
        rough_map(), GWTrigger(GPS, None, 0.3), one(), UNIFORM, replace(SEARCH, antenna_pattern=False)
    )
    assert found.log_odds[0] == plain.log_odds[0]
    assert any(note.startswith("antenna pattern left out") and says in note for note in found.notes)
    assert not any("antenna" in note for note in plain.notes)
