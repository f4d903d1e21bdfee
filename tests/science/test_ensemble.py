"""Pairs and larger sets of neutrinos: against the unexpanded equation, closed forms, and what must not matter."""

from __future__ import annotations

from dataclasses import replace
from math import comb, factorial

import mpmath
import numpy as np
import pytest
from ensemble_reference import ensemble_b
from hypothesis import given, settings
from hypothesis import strategies as st
from test_coincidence import CBC, GPS, SEASON, TRIGGER, UNIFORM, isotropic, rough_map, take

from llama.science.distance.poisson import log_counts, log_q1
from llama.science.sky.localisation import circle
from llama.science.sky.psf import unit_vectors
from llama.science.sky.skymap import SkyMap
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.symmetric import symmetric_polynomials


def bunch(n: int, apart_deg: float, sigma_deg: float, seed: int = 0, dec: float = 0.3) -> Neutrinos:
    """Neutrinos around one direction within 100 s of the merger."""
    rng = np.random.default_rng(seed)
    return Neutrinos(
        GPS + rng.uniform(-100, 100, n),
        1.0 + rng.normal(0, np.radians(apart_deg), n) / np.cos(dec),
        dec + rng.normal(0, np.radians(apart_deg), n),
        np.radians(sigma_deg) * rng.uniform(0.7, 1.5, n),
        3e3 * rng.uniform(0.5, 2, n),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("skymap", "neutrinos", "order", "mpc"),
    [
        (isotropic(200.0, 50.0), bunch(2, 1, 2.0), 7, None),
        (isotropic(40.0, 10.0), bunch(6, 1, 2.0), 8, None),
        (rough_map(mu=60.0), bunch(3, 0.6, 0.5), 10, None),
        (rough_map(mu=60.0), bunch(2, 2, 3.0), 10, 60.0),
        (rough_map(mu=60.0), bunch(4, 6, 4.0), 9, 40.0),
    ],
)
def test_against_the_unexpanded_equation(skymap, neutrinos, order, mpc):
    search = CBC if mpc is None else replace(CBC, distance_mode="pinned")
    skymap = replace(skymap, distmean_mpc=mpc)
    result = coincidence(skymap, TRIGGER, neutrinos, SEASON, search)
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda)
    slow = np.log(ensemble_b(skymap, SEASON, search, GPS, neutrinos, against, order, mpc))
    assert result.ensemble.log_b == pytest.approx(slow, abs=1e-3)
    assert result.ensemble.log_b > np.logaddexp.reduce(result.log_b - np.logaddexp(0, result.log_lambda))


def test_a_pair_on_an_isotropic_map_and_response_is_a_closed_form():
    pair, mpc = bunch(2, 1, 2.0, seed=4), 50.0
    search = replace(CBC, distance_mode="pinned")
    sky = replace(isotropic(mpc, 5.0), distmean_mpc=mpc)
    result = coincidence(sky, TRIGGER, pair, UNIFORM, search)
    overlap = np.log(shared_density(pair)) - np.log(4 * np.pi)
    counts = log_counts(2, np.array(search.count_max_mpc2 / mpc**2), search.log_nu_span)[1]
    signal = -np.log(7 * np.log(10) * pair.energy_gev)  # the uniform season's a, 7 decades wide
    against = result.candidates.log_background + np.logaddexp(0, result.log_lambda) + np.log(500)
    delays = pair.gps_s - GPS
    shared = 500 - (max(*delays, 0) - min(*delays, 0))
    log_b = np.log(shared / 500 / search.beaming) + overlap + counts + (signal - against).sum()
    expected = _log_odds(result, log_b)
    assert result.log_odds_pairs[0, 1] == pytest.approx(expected, abs=2e-4)


def _log_odds(result, log_b: float) -> float:
    return float(np.log(0.3) + log_b - np.log(0.3 * np.exp(result.log_complement) + 0.7))


def shared_density(pair: Neutrinos) -> float:
    """∫ PSF_1 PSF_2 dΩ = C_1 C_2 4π sinh K/K e^{−κ_1−κ_2}, K = |κ_1 μ_1 + κ_2 μ_2|."""
    kappa = 1 / pair.sigma_rad**2
    k = mpmath.mpf(float(np.linalg.norm(kappa @ unit_vectors(pair.ra_rad, pair.dec_rad))))
    norm = [mpmath.mpf(float(x)) / (2 * mpmath.pi * (1 - mpmath.exp(-2 * mpmath.mpf(float(x))))) for x in kappa]
    return float(norm[0] * norm[1] * 4 * mpmath.pi * mpmath.sinh(k) / k * mpmath.exp(-mpmath.mpf(float(kappa.sum()))))


@pytest.mark.parametrize("n", [1e-20, 1e-6, 0.3, 1.0, 7.0, 200.0])
def test_counts_are_poisson_averaged_over_the_energy_prior(n):
    span = CBC.log_nu_span
    found = log_counts(5, np.array(n), span)
    assert found[0] == pytest.approx(float(log_q1(n, span)), abs=1e-12)
    mpmath.mp.dps = 40
    for k in range(1, 6):
        low = mpmath.mpf(n) * mpmath.exp(-mpmath.mpf(span))
        exact = mpmath.gammainc(k, low, mpmath.mpf(n)) / mpmath.mpf(span)
        assert found[k - 1] == pytest.approx(float(mpmath.log(exact)), abs=1e-10 * factorial(k))


@given(st.lists(st.floats(-80, 50), min_size=1, max_size=5))
def test_symmetric_polynomials_are_the_coefficients_of_the_product(logs):
    found = symmetric_polynomials(np.exp(logs)[:, None], [np.ones(len(logs), np.bool_)])[0][:, 0]
    product = [mpmath.mpf(1)]
    for value in logs:
        u = mpmath.exp(mpmath.mpf(value))
        product = [a + b * u for a, b in zip([*product, mpmath.mpf(0)], [mpmath.mpf(0), *product], strict=True)]
    assert found.tolist() == pytest.approx([float(exact) for exact in product], rel=1e-12)


@given(st.lists(st.sets(st.integers(0, 5)), min_size=1, max_size=8))
@pytest.mark.slow
def test_polynomials_of_sets_made_from_their_neighbours_are_those_of_each(sets):
    u = np.random.default_rng(0).uniform(0, 3, (6, 4))
    heard = [np.isin(np.arange(6), list(one)) for one in sets]
    for one, found in zip(heard, symmetric_polynomials(u, heard), strict=True):
        coefficients = [np.poly(-at) if one.any() else [1.0] for at in u[one].T]  # of Π (x + u)
        assert found.T.tolist() == pytest.approx(np.array(coefficients), rel=1e-12)


def test_no_neutrinos_no_pairs():
    empty = Neutrinos(*[np.empty(0)] * 5)
    for search in (CBC, replace(CBC, strangers=False)):
        result = coincidence(rough_map(), TRIGGER, empty, SEASON, search)
        assert result.ensemble.log_b == -np.inf and result.ensemble.log_odds == -np.inf
        assert result.log_odds_pairs.shape == (0, 0)
        assert result.p_astro_after is not None and result.p_astro_after <= 0.3


def test_a_pair_says_more_than_its_members():
    one = bunch(1, 0, 2.0)
    twice = Neutrinos(*(np.repeat(getattr(one, name), 2) for name in Neutrinos.__dataclass_fields__))
    alone, both = (coincidence(rough_map(mu=60.0), TRIGGER, each, SEASON, CBC) for each in (one, twice))
    assert both.ensemble.log_b > np.log(2) + alone.ensemble.log_b
    assert both.event.log_odds == pytest.approx(both.ensemble.log_odds, abs=1e-12)  # two have no triple
    assert both.p_astro_after > alone.p_astro_after


@pytest.mark.parametrize("strangers", [True, False])
def test_an_unrelated_neutrino_changes_no_joint_term(strangers):
    search = replace(CBC, strangers=strangers)
    near = bunch(3, 1, 2.0)
    far = Neutrinos(np.array([GPS]), np.array([1.0 + np.pi]), np.array([-0.3]), np.radians([0.5]), np.array([3e3]))
    more = Neutrinos(*(np.concatenate([getattr(near, n), getattr(far, n)]) for n in Neutrinos.__dataclass_fields__))
    alone, beside = (coincidence(hemisphere(), TRIGGER, each, SEASON, search) for each in (near, more))
    assert beside.ensemble.log_b == pytest.approx(alone.ensemble.log_b, abs=1e-9)
    if strangers:
        assert beside.ensemble.log_odds == pytest.approx(alone.ensemble.log_odds, abs=1e-9)
        assert beside.p_astro_after == pytest.approx(alone.p_astro_after, abs=1e-12)


def hemisphere() -> SkyMap:
    """A map that is all but zero on one side of the sky."""
    density = np.where(np.isin(np.arange(12) % 4, (0, 1)), 1.0, 1e-9)
    return SkyMap(
        np.zeros(12, np.uint8),
        np.arange(12),
        density / density.sum() / (np.pi / 3),
        distmu=np.full(12, 60.0),
        distsigma=np.full(12, 15.0),
        distnorm=np.full(12, 1e-5),
    )


@pytest.mark.slow
@settings(deadline=None, max_examples=10)
@given(st.permutations(range(5)), st.integers(0, 5))
def test_the_order_of_neutrinos_does_not_matter(order, seed):
    neutrinos = bunch(5, 2, 2.0, seed=seed)
    first = coincidence(rough_map(mu=60.0), TRIGGER, neutrinos, SEASON, CBC)
    second = coincidence(rough_map(mu=60.0), TRIGGER, take(neutrinos, list(order)), SEASON, CBC)
    assert second.ensemble.log_b == pytest.approx(first.ensemble.log_b, abs=1e-9)
    assert second.event.log_odds == pytest.approx(first.event.log_odds, abs=1e-9)


def test_pairs_too_far_apart_in_time_share_no_source():
    pair = replace(bunch(2, 0.1, 2.0), gps_s=GPS + np.array([-251.0, 251.0]))
    result = coincidence(rough_map(mu=60.0), TRIGGER, pair, SEASON, CBC)
    assert np.all(result.log_odds_pairs == -np.inf)
    assert np.isfinite(result.log_odds).all()


@pytest.mark.parametrize("shared_s", [1e-12, 1e-7, 1e-3])
def test_pairs_that_share_next_to_no_time_are_no_error(shared_s):
    pair = replace(bunch(2, 0.1, 2.0), gps_s=GPS + np.array([-250.0 + shared_s, 250.0]))
    result = coincidence(rough_map(mu=60.0), TRIGGER, pair, SEASON, CBC)
    assert np.isfinite(result.ensemble.log_b)
    assert result.ensemble.log_b == pytest.approx(np.logaddexp.reduce(result.log_b_apart), abs=1e-3)


def test_every_distance_mode_has_pairs_of_the_same_size():
    pair = bunch(2, 1, 2.0)
    sky = isotropic(100.0, 5.0)
    by_mode = {
        mode: coincidence(sky, TRIGGER, pair, SEASON, replace(CBC, distance_mode=mode)).ensemble.log_b
        for mode in ("map", "pinned")
    }
    assert by_mode["map"] == pytest.approx(by_mode["pinned"], abs=0.1)
    marginal = coincidence(sky, GWTrigger(GPS, 9.0, None), pair, SEASON, replace(CBC, distance_mode="marginal"))
    assert np.isfinite(marginal.log_odds_pairs[0, 1])


def test_stranger_pairs_of_the_published_form_against_a_sum_over_shells():
    pair, search = bunch(2, 1, 2.0), replace(CBC, strangers=False, source_rate_mpc3_s=1e-9)
    result = coincidence(isotropic(500.0, 50.0), TRIGGER, pair, UNIFORM, search)
    r = np.geomspace(1e-3, search.horizon_mpc(search.e_gw_max_eu), 20001)
    counts = np.exp(log_counts(2, search.count_max_mpc2 / r**2, search.log_nu_span)[1])
    volume = np.trapezoid(r**3 * counts, np.log(r))
    signal = -np.log(7 * np.log(10) * pair.energy_gev)
    shared = 500 - abs(pair.gps_s[1] - pair.gps_s[0])
    log_pair = np.log(1e-9 / search.beaming * shared * shared_density(pair) * volume)
    log_pair += (signal - result.candidates.log_background - np.log(500)).sum()
    expected = np.logaddexp.reduce([*result.log_lambda, log_pair])
    weights = result.ensemble.weights
    assert float(weights.chance_neutrino - weights.noise) == pytest.approx(expected, abs=1e-3)
    assert log_pair > result.log_lambda.max() - 5  # or the test would say nothing


@pytest.mark.parametrize("n", [17, 24])
def test_many_identical_neutrinos_on_a_flat_sky_are_one_sum(n):
    """Isotropic map, one distance: Σ_k k! Q_k C(n, k) u^k ∫PSF^k dΩ/4π with u the same for all."""
    mpc, sigma = 30.0, np.radians(3.0)
    one = Neutrinos(*(np.full(n, value) for value in (GPS, 1.0, 0.3, sigma, 3e3)))
    search = replace(CBC, distance_mode="pinned")
    result = coincidence(replace(isotropic(mpc, 3.0), distmean_mpc=mpc), TRIGGER, one, UNIFORM, search)
    counts = log_counts(n, np.array(search.count_max_mpc2 / mpc**2), search.log_nu_span)
    against = result.candidates.log_background[0] + np.logaddexp(0, result.log_lambda[0]) + np.log(500)
    log_u = -np.log(7 * np.log(10) * 3e3) - against
    kappa, terms = 1 / sigma**2, []
    for k in range(1, n + 1):
        log_norm = k * np.log(kappa / (2 * np.pi)) + np.log(2 * np.pi / (k * kappa))  # ∫PSF^k, σ ≪ 1
        terms.append(counts[k - 1] + np.log(comb(n, k)) + k * log_u + log_norm - np.log(4 * np.pi))
    expected = np.logaddexp.reduce(terms) - np.log(search.beaming)
    assert result.ensemble.log_b == pytest.approx(expected, abs=2e-2)


def test_a_crowd_away_from_the_map_hides_no_coincidence():
    near = bunch(4, 1, 1.5)
    rng = np.random.default_rng(1)
    south = np.concatenate([rng.normal(-0.3, 0.002, 30)])
    crowd = Neutrinos(
        np.full(30, GPS), rng.normal(1.0 + np.pi, 0.002, 30), south, np.full(30, 0.004), np.full(30, 3e3)
    )
    more = Neutrinos(*(np.concatenate([getattr(near, n), getattr(crowd, n)]) for n in Neutrinos.__dataclass_fields__))
    sky = hemisphere()
    sky = replace(sky, density=np.where(sky.density > 1e-3, sky.density, 0.0))
    alone, beside = (coincidence(sky, TRIGGER, each, SEASON, CBC) for each in (near, more))
    assert beside.ensemble.log_b == pytest.approx(alone.ensemble.log_b, abs=1e-6)


def test_faint_and_far_sources_are_no_error():
    for count, mpc in ((0.01, 5e3), (1.1, 5e4), (1e-3, 1e3)):
        result = coincidence(isotropic(mpc, mpc / 5), TRIGGER, bunch(2, 1, 2.0), SEASON, replace(CBC, n_51_100=count))
        assert np.isfinite(result.log_odds).all()


def test_neutrinos_of_one_time_hide_no_set():
    """Two windows that close together: sets before and after are no parts of each other, and one is all but empty."""
    sky = circle(np.radians(60), 0.5, {np.radians(1.0): 1.0}, {})
    ra, sigma = np.radians([60, 60, 80, 40]), np.radians([0.3, 8, 0.3, 0.3])

    def log_b(last_s: float) -> float:
        times = GPS + np.array([-300.0, 0.0, 300.0, last_s])
        neutrinos = Neutrinos(times, ra, np.full(4, 0.5), sigma, np.full(4, 5e3))
        return coincidence(sky, TRIGGER, neutrinos, SEASON, CBC).ensemble.log_b

    assert log_b(300.0) == pytest.approx(log_b(300.001), abs=1e-4)


@pytest.mark.parametrize("seed", range(6))
def test_equal_times_are_like_times_next_to_each_other(seed):
    rng = np.random.default_rng(seed)
    times = GPS + rng.choice([-400.0, -100.0, 0.0, 150.0, 300.0], 7)
    crowd = replace(bunch(7, 6, 3.0, seed), gps_s=times)
    apart = replace(crowd, gps_s=times + rng.uniform(-1e-4, 1e-4, 7))
    sky = rough_map(mu=60.0)
    found = [coincidence(sky, TRIGGER, one, SEASON, CBC).ensemble.log_b for one in (crowd, apart)]
    assert found[0] == pytest.approx(found[1], abs=1e-4)


@pytest.mark.parametrize("mpc", [15.0, 40.0, 200.0])
def test_crowds_that_are_never_heard_together_hide_no_set(mpc):
    """Sets of an early and of a late crowd, joined by one neutrino between: no set has members of both crowds."""
    early, late = bunch(6, 0.3, 0.5, seed=1), bunch(6, 0.3, 0.5, seed=2)
    delay = np.concatenate([early.gps_s - 300, late.gps_s + 300, [GPS]])
    ra = np.concatenate([early.ra_rad, late.ra_rad + np.radians(1.2), [1.01]])
    every = Neutrinos(
        delay,
        ra,
        np.concatenate([early.dec_rad, late.dec_rad, [0.3]]),
        np.concatenate([early.sigma_rad, late.sigma_rad, [np.radians(1.5)]]),
        np.full(13, 300.0),
    )
    skymap = rough_map(mu=mpc)

    def b_of(which):
        return coincidence(skymap, TRIGGER, take(every, which), SEASON, CBC).ensemble.log_b

    first, second = np.r_[0:6, 12], np.r_[6:13]
    apart = np.logaddexp(b_of(first), b_of(second))
    apart += np.log1p(-np.exp(b_of(np.array([12])) - apart))  # the neutrino between counts once
    assert b_of(np.arange(13)) == pytest.approx(apart, abs=5e-4)
