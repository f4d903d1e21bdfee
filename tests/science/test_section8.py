"""What must hold of the statistic and is tested nowhere else; docs/science/proof.md says where the rest is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from test_coincidence import CBC, GPS, SEASON, TRIGGER, isotropic, one, rough_map, several
from tests.analyses.significance_examples import found as significance_of
from tests.skymap_examples import write_flat

from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.science.detector.antenna import AntennaPattern
from llama.science.detector.background import log_background_density
from llama.science.detector.response import signal_rows
from llama.science.detector.snr import log_noise_snr_density
from llama.science.distance.radial import Likely, Marginal
from llama.science.overlap import overlap_nodes
from llama.science.significance.pvalue import p_value
from llama.science.sky.cells import split
from llama.science.sky.localisation import circle
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.quadtree import SkyTree
from llama.science.sky.skymap import SkyMap, directions, probability
from llama.science.statistic.events import Strangers, p_astro_after
from llama.science.statistic.hypotheses import Prior
from llama.science.statistic.kernel import CoincidenceResult, coincidence
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.timing import log_time_density

UNIFORM = slow.uniform_season(5e4)  # so many events that the bins' rounding does not matter
ANYWHERE = Likely(np.ones(1), np.ones(1))
PUBLISHED = replace(CBC, complement=False, strangers=False)
SIDEREAL_DAY_S = 86164.0905


def vmf_map(ra: float, dec: float, sigma_deg: float, order: int, mpc: float = 150.0) -> SkyMap:
    """A smooth map sampled at the centres of pixels of one order, with one distance everywhere."""
    n = 12 * 4**order
    blank = SkyMap(np.full(n, order, np.uint8), np.arange(n), np.ones(n), np.full(n, mpc), np.full(n, mpc / 5))
    chord = np.square(directions(blank) - unit_vectors(ra, dec)).sum(axis=-1)
    density = np.exp(log_density(chord / 4, np.radians(sigma_deg)))
    return replace(blank, density=density / density.sum() * n / (4 * np.pi))


def turned(ra: float, dec: float, axis: np.ndarray, angle: float) -> tuple[float, float]:
    """A direction turned about an axis (Rodrigues)."""
    v = unit_vectors(ra, dec)
    v = v * np.cos(angle) + np.cross(axis, v) * np.sin(angle) + axis * (axis @ v) * (1 - np.cos(angle))
    return float(np.arctan2(v[1], v[0]) % (2 * np.pi)), float(np.arcsin(np.clip(v[2], -1, 1)))


# --- closed forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart_deg", [0.0, 0.5, 2.0])
def test_two_narrow_point_spreads_are_a_gaussian_of_the_summed_variance(apart_deg):
    one_rad, other_rad, apart = np.radians([0.4, 0.3, apart_deg])
    pixels = np.sort(healpy.query_disc(2**12, unit_vectors(1.0, 0.3), np.radians(2.6), nest=True))
    blank = SkyMap(np.full(pixels.size, 12, np.uint8), pixels, np.ones(pixels.size))
    density = np.exp(log_density(np.square(directions(blank) - unit_vectors(1.0, 0.3)).sum(axis=-1) / 4, one_rad))
    tree = SkyTree.of(replace(blank, density=density))
    nodes = overlap_nodes(tree, unit_vectors([1.0], [0.3 + apart]), np.array([other_rad]))
    variance = one_rad**2 + other_rad**2
    flat = -np.log(2 * np.pi * variance) - apart**2 / (2 * variance)
    assert nodes.log_integral()[0] == pytest.approx(flat, abs=1e-3)


def log_rate_of_signals(result: CoincidenceResult, search, snr: float) -> float:
    """ln w_s = ln B + ln w_cgw, with ṅ ∫4πP_gw K_gw recovered from the prior odds."""
    log_mergers = result.log_gw_odds + np.log(search.gw_background_rate_hz) + log_noise_snr_density(search, snr)
    return float(result.log_b[0] + result.candidates.log_background[0] + log_mergers)


@pytest.mark.slow
@pytest.mark.parametrize("antenna_pattern", [False, True])
def test_few_counts_give_the_papers_rate_times_its_likelihood(antenna_pattern):
    """n ≪ 1: w_s = R_det P(x|H_s) (SCIENCE 1.7), up to the 4π's of choices A5 and A6."""
    search = replace(CBC, distance_mode="marginal", n_51_100=1e-9, antenna_pattern=antenna_pattern)
    sky, snr, network = rough_map(order=3), 9.0, ("H1", "L1")
    ra, dec, sigma, energy = 2.0, 0.5, np.radians(4.0), 3e3
    neutrino = one(ra, dec, 4.0, energy, dt=100)
    result = coincidence(sky, GWTrigger(GPS, snr, None, network), neutrino, SEASON, search)

    theta, phi = healpy.pix2ang(2**8, np.arange(12 * 4**8), nest=True)
    where, area = healpy.ang2vec(theta, phi), 4 * np.pi / theta.size
    f_a = AntennaPattern.of(network, GPS).amplitude(where) if antenna_pattern else np.ones(theta.size)
    p_gw = sky.density[np.arange(theta.size) >> 2 * (8 - 3)]
    psf = np.exp(log_density(np.square(where - unit_vectors(ra, dec)).sum(axis=-1) / 4, sigma))
    response = slow.signal_density(SEASON, energy, np.cos(theta)) / (4 * np.pi)  # A_eff ε⁻²/N_ε
    likelihood = (f_a * p_gw * response * psf).sum() / f_a.sum() * search.snr_min / snr**2 * 400 / 500**2

    mean_root = 2 * (np.sqrt(search.e_gw_max_eu) - np.sqrt(search.e_gw_min_eu)) / search.log_gw_span
    mean_count = (search.count_max_mpc2 - search.count_min_mpc2) / search.log_nu_span
    mean_horizon = search.k0_mpc * mean_root / search.snr_min * f_a.sum() * area
    r_det = search.source_rate_mpc3_s / search.beaming * mean_count * mean_horizon
    expected = np.log(r_det * likelihood) + 2 * np.log(4 * np.pi)
    assert log_rate_of_signals(result, search, snr) == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize("search", [CBC, replace(CBC, n_51_100=1e-6)])
def test_density_of_amplitudes_falls_with_the_fourth_power_and_joint_with_the_second(search):
    """3ρ_min³/ρ⁴ in a volume; ρ_min/ρ² when one neutrino is asked for and counts are few."""
    snr = np.geomspace(search.snr_min, 40, 7)
    each = [Marginal(search, float(one_snr), ANYWHERE) for one_snr in snr]
    volume = np.array([m.log_volume() for m in each])
    assert np.diff(volume) / np.diff(np.log(snr)) == pytest.approx(-4, abs=1e-9)
    if search is not CBC:
        joint = volume + np.array([m.exact_log_q1(np.ones(1))[0] for m in each])
        assert np.diff(joint) / np.diff(np.log(snr)) == pytest.approx(-2, abs=1e-4)


def test_rate_form_is_the_sum_of_its_weights():
    """O = w_s/(w_cgw + w_cν + w_0), each weight written out, complement and strangers off."""
    search = replace(PUBLISHED, distance_mode="marginal")
    result = coincidence(rough_map(), GWTrigger(GPS, 9.0, None), one(energy=5e4), SEASON, search)
    noise_gw = search.gw_background_rate_hz * np.exp(log_noise_snr_density(search, 9.0))
    background = np.exp(result.candidates.log_background[0])
    low, high = (search.k0_mpc * np.sqrt(e) / 9.0 for e in (search.e_gw_min_eu, search.e_gw_max_eu))
    k_gw = 2 / (9.0 * search.log_gw_span) * (high**3 - low**3) / 3
    w_cgw = search.source_rate_mpc3_s * background * 4 * np.pi * k_gw
    w_cnu, w_0 = np.exp(result.log_lambda[0]) * background * noise_gw, noise_gw * background
    w_s = np.exp(result.log_b[0]) * w_cgw
    assert result.log_odds[0] == pytest.approx(np.log(w_s / (w_cgw + w_cnu + w_0)), abs=1e-12)


# --- Monte Carlo --------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_simulated_amplitudes_follow_the_delta_function():
    """Mergers in a ball with log-uniform energies: all of them as K_gw, those that give one neutrino as K_1."""
    search = replace(CBC, n_51_100=1e5)  # or one neutrino would be too rare to draw
    rng, draws = np.random.default_rng(8), 3_000_000
    reach = search.horizon_mpc(search.e_gw_max_eu)
    energy = search.e_gw_min_eu * np.exp(rng.uniform(0, search.log_gw_span, draws))
    r = reach * np.cbrt(rng.random(draws))
    snr = search.k0_mpc * np.sqrt(energy) / r
    counts = search.count_min_mpc2 * np.exp(rng.uniform(0, search.log_nu_span, draws)) / r**2
    single = rng.poisson(counts) == 1
    edges = np.geomspace(search.snr_min, 20, 21)
    x, w = np.polynomial.legendre.leggauss(6)
    at = edges[:-1, None] + np.diff(edges)[:, None] * (x + 1) / 2
    shells = [Marginal(search, float(value), ANYWHERE) for value in at.ravel()]
    k_gw = np.exp([m.log_volume() for m in shells]).reshape(at.shape)
    q1 = np.exp([m.exact_log_q1(np.ones(1))[0] for m in shells]).reshape(at.shape)
    for chosen, density in ((np.ones(draws, bool), k_gw), (single, k_gw * q1)):
        found, _ = np.histogram(snr[chosen], edges)
        expected = draws * 3 / reach**3 * (density @ w) * np.diff(edges) / 2
        z = (found - expected) / np.sqrt(expected)
        assert expected.min() > 25
        assert np.square(z).sum() < 20 + 4 * np.sqrt(2 * 20), np.round(z, 1)


@pytest.mark.slow
@pytest.mark.parametrize("dec_deg", [-89.0, -45.0, 0.0, 30.0, 75.0])
def test_background_mean_of_the_bracket_is_one(dec_deg):
    """E[e^{−αn} Π(1 + n w_i)] over windows drawn from the background that the statistic assumes."""
    rng, windows, n, sigma = np.random.default_rng(3), 40_000, 0.7, np.radians(40.0)
    number = rng.poisson(UNIFORM.rate_hz * 500, windows)
    ra, dec = rng.uniform(0, 2 * np.pi, number.sum()), np.arcsin(rng.uniform(-1, 1, number.sum()))
    energy = 10 ** rng.uniform(1, 8, number.sum())
    source = unit_vectors(1.0, np.radians(dec_deg))
    psf = log_density(np.square(unit_vectors(ra, dec) - source).sum(axis=-1) / 4, sigma)
    grid = np.arange(1, 8.001, 0.01)
    per_dex = signal_rows(UNIFORM, 10**grid)[:, 0] * 10**grid * np.log(10)  # the same at every declination
    signal = np.interp(np.log10(energy), grid, per_dex) / energy / np.log(10)
    background = np.concatenate(
        [
            log_background_density(UNIFORM, CBC, dec[part], energy[part])
            for part in np.array_split(np.arange(dec.size), 20)
        ]
    )
    w = signal * np.exp(psf - background) / (UNIFORM.rate_hz * 500)
    logs = np.concatenate([[0.0], np.cumsum(np.log1p(n * w))])
    ends = np.cumsum(number)
    bracket = np.exp(logs[ends] - logs[ends - number] - n)
    assert abs(bracket.mean() - 1) < 4 * bracket.std() / np.sqrt(windows)


# --- invariances --------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    st.tuples(st.floats(0, 6.28), st.floats(-1, 1), st.floats(0, 6.28)),
    st.floats(4, 12),
    st.floats(12, 25),
    st.floats(0, 2),
)
def test_turning_the_whole_sky_changes_nothing_where_the_detector_is_the_same(turn, sigma_deg, map_deg, apart):
    axis = unit_vectors(turn[0], np.arcsin(turn[1]))
    map_at, neutrino_at = (2.0, 0.1), (2.0, 0.1 + apart * np.radians(np.hypot(sigma_deg, map_deg)))
    found = []
    for angle in (0.0, turn[2]):
        sky = vmf_map(*turned(*map_at, axis, angle), map_deg, 5)
        neutrino = one(*turned(*neutrino_at, axis, angle), sigma_deg)
        result = coincidence(sky, TRIGGER, neutrino, UNIFORM, CBC)
        found.append((result.log_b + result.candidates.log_background, result.candidates.log_background))
    assert found[1][0] == pytest.approx(found[0][0], abs=5e-3)
    assert found[1][1] == pytest.approx(found[0][1], abs=2e-2)


@pytest.mark.slow
@settings(deadline=None, max_examples=6)
@given(st.floats(0, 2 * np.pi), st.floats(-1.5, 1.5), st.floats(5, 10))
def test_right_ascension_has_no_zero_point(shift, dec, sigma_deg):
    """With the real response; with an antenna pattern the Earth has to turn along."""
    maps = [vmf_map(1.0 + turn, dec, 15.0, 5) for turn in (0.0, shift)]
    marginal = replace(CBC, antenna_pattern=True, distance_mode="marginal")
    for search, later in ((CBC, 0.0), (marginal, shift / (2 * np.pi) * SIDEREAL_DAY_S)):
        found = []
        for sky, dt, ra in zip(maps, (0.0, later), (1.05, 1.05 + shift), strict=True):
            trigger = GWTrigger(GPS + dt, 9.0, 0.3, ("H1", "L1"))
            found.append(coincidence(sky, trigger, one(ra, dec, sigma_deg, dt=dt), SEASON, search).log_odds[0])
        assert found[1] == pytest.approx(found[0], abs=5e-3)


@pytest.mark.slow
def test_a_smooth_map_sampled_at_nside_32_and_256():
    neutrinos = several(6, sigma_deg=(0.5, 5))
    coarse, fine = (coincidence(vmf_map(1.0, 0.4, 25.0, order), TRIGGER, neutrinos, SEASON, CBC) for order in (5, 8))
    assert coarse.log_b == pytest.approx(fine.log_b, abs=2e-2)
    assert coarse.log_complement == pytest.approx(fine.log_complement, abs=1e-5)
    assert coarse.ensemble.log_odds == pytest.approx(fine.ensemble.log_odds, abs=2e-2)


def test_ring_nested_and_multi_order_files_give_the_same_number(tmp_path: Path):
    sky = split(replace(rough_map(mu=90.0), distnorm=np.ones(192)), np.arange(30, 60))
    sky = replace(sky, density=sky.density * np.random.default_rng(0).uniform(0.5, 1.5, sky.density.size))
    sky = replace(sky, density=sky.density / probability(sky).sum())
    MultiOrderFits().write(sky, tmp_path / "multiorder.fits")
    for nest in (True, False):
        write_flat(tmp_path / f"nest-{nest}.fits", sky, nest=nest, writer="healpy", order=4)
    found = [
        coincidence(read_skymap(path), TRIGGER, several(), SEASON, CBC) for path in sorted(tmp_path.glob("*.fits"))
    ]
    for other in found[1:]:
        assert other.log_odds == pytest.approx(found[0].log_odds, abs=1e-9)
        assert other.ensemble.log_odds == pytest.approx(found[0].ensemble.log_odds, abs=1e-9)
        assert other.p_astro_after == pytest.approx(found[0].p_astro_after, abs=1e-12)


@settings(deadline=None, max_examples=10)
@given(st.sets(st.integers(0, 191), min_size=1, max_size=40), st.integers(0, 50))
def test_splitting_pixels_into_children_of_equal_density_changes_nothing(which, seed):
    sky, neutrinos = rough_map(mu=70.0), several(4, seed=seed, sigma_deg=(0.5, 6))
    sky = replace(sky, distnorm=np.ones(192))
    whole, parts = (
        coincidence(m, TRIGGER, neutrinos, SEASON, CBC) for m in (sky, split(sky, np.array(sorted(which))))
    )
    assert parts.log_b == pytest.approx(whole.log_b, abs=1.5e-3)
    assert parts.ensemble.log_odds == pytest.approx(whole.ensemble.log_odds, abs=1.5e-3)
    # α is that of a cell's centre
    assert parts.log_complement == pytest.approx(whole.log_complement, abs=1e-4)


# --- monotonicities -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(st.floats(0.3, 8), st.floats(1, 12), st.floats(-1.0, 1.0))
def test_odds_fall_with_separation(sigma_deg, map_deg, dec):
    sky = circle(1.0, dec, {np.radians(map_deg): 1.0}, {})
    width = np.radians(np.hypot(sigma_deg, map_deg))
    # along the meridian, on a detector that is the same everywhere
    steps = np.array([0.0, 0.7, 1.4, 2.5, 3.5]) * min(width, 0.15)
    values = [float(coincidence(sky, TRIGGER, one(1.0, dec + s, sigma_deg), UNIFORM, CBC).log_b[0]) for s in steps]
    assert np.all(np.diff(values) < 0), values


@pytest.mark.parametrize("sigma_deg", [0.3, 2.0, 6.0])
def test_a_sharper_map_raises_the_odds_of_a_coincident_neutrino(sigma_deg):
    maps = [circle(1.0, 0.3, {np.radians(width): 1.0}, {}) for width in (40.0, 15.0, 5.0, 1.5, 0.5)]
    values = [float(coincidence(sky, TRIGGER, one(1.0, 0.3, sigma_deg), SEASON, CBC).log_odds[0]) for sky in maps]
    assert np.all(np.diff(values) > 0), values


@given(st.floats(-30, 30), st.floats(0, 5), st.floats(-15, 15), st.floats(-2, 0), st.booleans())
def test_p_astro_rises_with_what_the_neutrinos_say(log_b, more, log_gw_odds, log_c, beside):
    prior, strangers = Prior.of(log_gw_odds, log_c), Strangers(beside, -0.3 if beside else 0.0, -np.inf)
    low, high = (p_astro_after(strangers.statistic(prior, b).weights) for b in (log_b, log_b + more))
    before, after = (strangers.statistic(prior, b).log_odds for b in (log_b, log_b + more))
    assert 0 <= low <= high <= 1
    assert after - before == pytest.approx(more, abs=1e-9)


def test_the_published_update_of_p_astro():
    """B = 80 takes 0.1 to 0.9; nothing seen leaves it; 0 and 1 stay."""
    form = Strangers(False, 0.0, -np.inf)
    tenth = Prior.of(float(np.log(0.1 / 0.9)), 0.0)
    assert p_astro_after(form.statistic(tenth, float(np.log(80))).weights) == pytest.approx(0.9, abs=1e-14)
    assert p_astro_after(form.statistic(tenth, -np.inf).weights) == pytest.approx(0.1, abs=1e-14)
    less = Prior.of(float(np.log(0.1 / 0.9)), -0.05)
    assert p_astro_after(form.statistic(less, -np.inf).weights) < 0.1
    for fixed in (0.0, 1.0):
        result = coincidence(rough_map(), GWTrigger(GPS, None, fixed), several(), SEASON, CBC)
        assert result.p_astro_after == fixed


# --- limits -------------------------------------------------------------------------------------------------------


def test_windows_of_one_common_time_would_not_weigh_the_delay():
    """Choice A1. Eqs. 32 and 34 as printed: the null has the same windows as the signal, their ratio is 1 within
    500 s and 0/0 beyond. Independent triggers have 1/T_c, and the delay counts, by a factor of 2 at most."""
    delays, t, step = np.array([-499.0, -250.0, 0.0, 10.0, 400.0]), np.arange(-1000, 1000, 0.01), 0.01
    both = [((np.abs(t) <= 250) & (np.abs(delay - t) <= 250)).sum() * step / 500**2 for delay in delays]
    ours = log_time_density(CBC, GPS, GPS + delays)
    assert np.exp(ours) == pytest.approx(both, abs=1e-7)  # signal; the printed null is the same integral
    gain = ours + np.log(1000)
    assert np.exp(gain.max()) == pytest.approx(2) and gain.argmax() == 2
    assert np.ptp(gain) > 5


def test_certain_mergers_have_odds_of_b_over_c_and_strangers():
    for p_a in (1 - 1e-9, 1.0):
        result = coincidence(rough_map(mu=40.0), GWTrigger(GPS, None, p_a), several(), SEASON, CBC)
        limit = result.log_b - result.log_complement - np.logaddexp(0, result.log_lambda)
        assert result.log_odds == pytest.approx(limit, abs=1e-8)
    small = coincidence(rough_map(mu=40.0), GWTrigger(GPS, None, 1e-12), several(), SEASON, CBC)
    assert small.log_odds - limit == pytest.approx(np.log(1e-12) + small.log_complement, abs=1e-9)


# --- metamorphic --------------------------------------------------------------------------------------------------


def together(*lists: Neutrinos) -> Neutrinos:
    return Neutrinos(*(np.concatenate([getattr(each, k) for each in lists]) for k in Neutrinos.__dataclass_fields__))


@pytest.mark.slow
@settings(deadline=None, max_examples=12)
@given(
    st.floats(0, 6.28), st.floats(-1.4, 1.4), st.floats(0.3, 10), st.floats(0, 3), st.floats(-400, 400),
    st.booleans(),
)  # fmt: skip
def test_two_neutrinos_say_at_least_what_each_says(ra, dec, sigma_deg, apart, dt, strangers):
    """B_12 ≥ B_1 + B_2, and ≥ 2B for the same neutrino twice; the event is no less extreme than any of them."""
    search, sky = replace(CBC, strangers=strangers), rough_map(mu=50.0)
    first = one(ra, dec, sigma_deg, dt=dt)
    second = one(ra, float(np.clip(dec + np.radians(apart * sigma_deg), -1.57, 1.57)), sigma_deg, 5e3, dt / 2)
    alone, other, twice, both = (
        coincidence(sky, TRIGGER, each, SEASON, search)
        for each in (first, second, together(first, first), together(first, second))
    )
    assert twice.ensemble.log_b >= np.log(2) + alone.ensemble.log_b - 1e-9
    assert both.ensemble.log_b >= np.logaddexp(alone.ensemble.log_b, other.ensemble.log_b) - 1e-9
    if strangers:
        table = np.sort(np.concatenate([both.log_odds + 1e-3, [-60.0, -30.0, 0.0]]))
        assert p_value(table, both.event.log_odds).p <= min(p_value(table, o).p for o in both.log_odds)


def test_only_what_is_left_of_terrestrial_matters_however_classes_share_it():
    shares = ({"BNS": 0.6, "NSBH": 0.0, "BBH": 0.0}, {"BNS": 0.3, "NSBH": 0.2, "BBH": 0.1})
    one_class, three = (significance_of(p_astro={**share, "Terrestrial": 0.4}) for share in shares)
    assert one_class["population"] == three["population"] == "bns"
    assert three["odds_ratio"] == pytest.approx(one_class["odds_ratio"], rel=1e-12)
    assert three["p_astro"]["before"] == pytest.approx(0.6)
    assert three["p_astro"]["after"] == pytest.approx(one_class["p_astro"]["after"], rel=1e-12)


# --- bad input ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(deadline=None, max_examples=40)
@given(
    p_astro=st.sampled_from([None, 0.0, 1e-300, 0.3, 1.0]),
    snr=st.sampled_from([None, 3.0, 9.0, 300.0]),
    instruments=st.sampled_from([(), ("H1",), ("H1", "L1", "V1"), ("X9",)]),
    distances=st.sampled_from(["none", "all", "broken"]),
    mode=st.sampled_from(["auto", "map", "pinned", "marginal"]),
    switches=st.tuples(st.booleans(), st.booleans(), st.booleans()),
    window=st.sampled_from([(-250.0, 250.0), (2000.0, 2500.0), (-0.001, 0.001)]),
    count=st.integers(0, 3),
)
def test_whatever_is_missing_there_is_a_number_and_a_reason(
    p_astro, snr, instruments, distances, mode, switches, window, count
):
    search = replace(
        CBC, distance_mode=mode, complement=switches[0], strangers=switches[1], antenna_pattern=switches[2],
        t_nu_minus_s=window[0], t_nu_plus_s=window[1],
    )  # fmt: skip
    sky = rough_map(mu=20.0)
    if distances == "none":
        sky = replace(sky, distmu=None, distsigma=None)
    elif distances == "broken":
        sky = replace(sky, distmu=np.full(192, np.inf), distnorm=np.zeros(192))
    result = coincidence(sky, GWTrigger(GPS, snr, p_astro, instruments), several(count), SEASON, search)
    numbers = [result.log_b, result.log_odds, result.log_odds_pairs, result.event.log_odds, result.ensemble.log_odds]
    assert not any(np.isnan(value).any() for value in numbers)
    assert all((np.asarray(value) < np.inf).all() for value in numbers)
    assert p_astro is None or 0 <= result.p_astro_after <= 1
    notes = " ".join(result.notes)
    if mode in ("map", "pinned") and result.mode != mode:
        assert f"instead of {mode}" in notes
    if p_astro is None:
        assert "no p_astro" in notes
    if switches[2] and result.mode == "marginal" and instruments in ((), ("X9",)):
        assert "antenna pattern left out" in notes


def test_an_isotropic_sky_knows_no_direction():
    """With one response everywhere and the merger anywhere, B does not depend on where the neutrino is."""
    sky = isotropic(90.0, 20.0)
    found = [
        float((r.log_b + r.candidates.log_background)[0])
        for r in (
            coincidence(sky, TRIGGER, one(ra, dec, s), UNIFORM, CBC)
            for ra, dec, s in ((0.0, 1.57, 0.2), (3.1, -1.5, 3.0), (5.9, 0.0, 30.0), (0.785, 0.73, 90.0))
        )
    ]
    assert np.ptp(found) < 1.5e-3
