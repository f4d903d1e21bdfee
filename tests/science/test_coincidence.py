"""The single-neutrino statistic: closed forms, limits, symmetries, an independent slow reading of the equations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import healpy
import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st

import llama.data
from llama.formats.skymap import read_skymap
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector.background import energy_cap_gev
from llama.science.distance.poisson import log_j1, log_q1, q_some
from llama.science.distance.radial import Likely, Marginal
from llama.science.search import Search, as_parameters
from llama.science.sky.skymap import SkyMap
from llama.science.statistic.kernel import coincidence, most_probable_direction
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.prepared import prepare
from llama.science.statistic.timing import log_time_density, overlap_s

GPS = 1.0e9
CBC = Search()
TABLES = IceCubeTablesFile().read(Path(llama.data.__file__).parent / "icecube_tables.h5")
SEASON = TABLES.season("IC86-2012")
UNIFORM = slow.uniform_season()
TRIGGER = GWTrigger(GPS, snr=None, p_astro=0.3)


def isotropic(mu=None, sigma=None):
    with_distance = {} if mu is None else {"distmu": np.full(12, mu), "distsigma": np.full(12, sigma)}
    return SkyMap(np.zeros(12, np.uint8), np.arange(12), np.full(12, 1 / (4 * np.pi)), **with_distance)


def rough_map(order=2, seed=3, mu=200.0):
    """Large pixels of very different density and distance."""
    rng = np.random.default_rng(seed)
    n = 12 * 4**order
    density = np.exp(rng.normal(0, 1.5, n))
    density /= density.sum() * 4 * np.pi / n
    return SkyMap(
        np.full(n, order, np.uint8), np.arange(n), density, rng.normal(mu, mu / 4, n), rng.uniform(0.1, 0.4, n) * mu
    )


def one(ra=1.0, dec=0.3, sigma_deg=1.0, energy=2e3, dt=0.0):
    return Neutrinos(*(np.array([float(x)]) for x in (GPS + dt, ra, dec, np.radians(sigma_deg), energy)))


def several(n=6, seed=0, sigma_deg=(0.5, 8)):
    rng = np.random.default_rng(seed)
    return Neutrinos(
        GPS + rng.uniform(-450, 450, n), rng.uniform(0, 2 * np.pi, n), np.arcsin(rng.uniform(-0.99, 0.99, n)),
        np.radians(rng.uniform(*sigma_deg, n)), 10 ** rng.uniform(2.5, 4.5, n),
    )  # fmt: skip


def take(neutrinos, which):
    return Neutrinos(*(getattr(neutrinos, name)[which] for name in Neutrinos.__dataclass_fields__))


# --- time ---------------------------------------------------------------------------------------------------------


def test_time_triangle_integrates_to_one():
    delay = np.linspace(-600, 600, 120001)
    density = np.exp(log_time_density(CBC, GPS, GPS + delay))
    assert np.trapezoid(density, delay) == pytest.approx(1, abs=1e-9)
    assert overlap_s(CBC, GPS, GPS + np.array([-500.0, -499.0, 0.0, 250.0, 500.0])).tolist() == [0, 1, 500, 250, 0]


@pytest.mark.parametrize("dt", [500.0, -500.0, 501.0, 1e4])
def test_beyond_the_window_the_odds_are_exactly_zero(dt):
    result = coincidence(isotropic(100, 20), TRIGGER, one(dt=dt), SEASON, CBC)
    assert result.log_odds[0] == -np.inf
    assert result.event.log_odds == -np.inf
    assert not np.isnan(result.p_astro_after)


# --- closed forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma_deg", [0.3, 4.0, 60.0])
@pytest.mark.parametrize("dec", [-1.2, 0.0, 1.5])
def test_isotropic_map_and_response_give_the_closed_form(sigma_deg, dec):
    """B = t_ov/(T T R f_b) · (a/α) Q_1/(4π P_emp), whatever the direction and width."""
    search = replace(CBC, distance_mode="pinned")
    skymap = replace(isotropic(), distmean_mpc=120.0)
    result = coincidence(skymap, TRIGGER, one(dec=dec, sigma_deg=sigma_deg, dt=123), UNIFORM, search)
    per_gev = 1 / 7 / (2e3 * np.log(10))
    q1 = np.exp(log_q1(search.count_max_mpc2 / 120.0**2, search.log_nu_span))
    p_emp = slow.background_density(UNIFORM, search, dec, 2e3)
    b = (500 - 123) / (500 * 500 * UNIFORM.rate_hz * 10) * per_gev * q1 / (4 * np.pi * p_emp)
    assert result.mode == "pinned"
    assert result.log_b[0] == pytest.approx(np.log(b), abs=1e-3)


@pytest.mark.parametrize("snr", [8.0, 25.0])
def test_marginal_with_snr_is_k1_over_kgw(snr):
    search = replace(CBC, distance_mode="marginal")
    result = coincidence(isotropic(), GWTrigger(GPS, snr, 0.3), one(), UNIFORM, search)
    low, high = (1190 * np.sqrt(e) / snr for e in (18.7, 1870.0))
    j1 = np.exp(log_j1(high, search.count_max_mpc2, search.log_nu_span)) - np.exp(
        log_j1(low, search.count_max_mpc2, search.log_nu_span)
    )
    b = 500 / (500 * 500 * UNIFORM.rate_hz * 10) / 7 / (2e3 * np.log(10)) * j1 / ((high**3 - low**3) / 3)
    b /= 4 * np.pi * slow.background_density(UNIFORM, search, 0.3, 2e3)
    assert result.log_b[0] == pytest.approx(np.log(b), abs=1e-3)


@pytest.mark.slow
def test_marginal_without_snr_integrates_over_it():
    """∫K_1 dρ/∫K_gw dρ by a sum over SNR."""
    snrs = np.exp(np.linspace(np.log(CBC.snr_min), np.log(3e4), 4001))
    alpha = np.array([0.1, 1.0, 2.3])
    each = [Marginal(CBC, float(snr), Likely(np.ones(1), np.ones(1))) for snr in snrs]
    volume = np.exp([m.log_volume() for m in each])
    k1 = np.array([np.exp(m.exact_log_q1(alpha) + m.log_volume()) for m in each])
    whole = Marginal(CBC, None, Likely(np.ones(1), np.ones(1)))
    assert np.exp(whole.log_volume()) == pytest.approx(np.trapezoid(volume, snrs), rel=1e-4)
    expected = np.trapezoid(k1, snrs, axis=0) / np.trapezoid(volume, snrs)
    assert np.exp(whole.exact_log_q1(alpha)) == pytest.approx(expected, rel=1e-4)


def test_few_counts_fall_with_distance_squared():
    near, far = (
        coincidence(
            replace(isotropic(), distmean_mpc=d), TRIGGER, one(), SEASON, replace(CBC, distance_mode="pinned")
        )
        for d in (5000.0, 15000.0)
    )
    assert near.log_b[0] - far.log_b[0] == pytest.approx(2 * np.log(3), abs=2e-3)


# --- an independent slow reading ----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["map", "pinned"])
@pytest.mark.parametrize(
    "ra, dec, sigma_deg, energy, order",
    [(0.0, 0.1, 3.0, 1.5e3, 9), (4.0, -0.6, 5.0, 8e4, 8), (2.0, 1.52, 12.0, 600.0, 7), (1.0, -1.5, 40.0, 2e5, 6)],
)
def test_signal_against_the_slow_reference(mode, ra, dec, sigma_deg, energy, order):
    skymap = replace(rough_map(), distmean_mpc=150.0)
    search = replace(CBC, distance_mode=mode)
    result = coincidence(skymap, TRIGGER, one(ra, dec, sigma_deg, energy, dt=-100), SEASON, search)
    where, distance = (ra, dec, np.radians(sigma_deg)), 150.0 if mode == "pinned" else None
    integral = slow.log_overlap(skymap, SEASON, search, where, energy, order, distance)
    p_emp = slow.background_density(SEASON, search, dec, energy)
    expected = np.log(400 / 500 / 500 / 10 / SEASON.rate_hz / p_emp) + integral
    assert result.mode == mode
    assert result.log_b[0] == pytest.approx(expected, abs=1e-3)


def test_same_nodes_same_answer():
    """On the fast statistic's own nodes a direct quadrature over r and E_ν agrees to 1e-6."""
    skymap, search = rough_map(mu=80.0), replace(CBC, distance_mode="map")
    result = coincidence(skymap, TRIGGER, one(0.5, 0.4, 6.0), SEASON, search)
    nodes, tree = result.nodes, result.prepared.tree
    pick = np.argsort(nodes.log_weight)[-40:]
    density, scale = slow.over_declinations(SEASON, 2e3, nodes.middle[pick], nodes.reach[pick])
    for i, k in enumerate(pick):
        cell = tree.cell[nodes.node[k]]
        r, p = slow.radial_grid(skymap.distmu[cell], skymap.distsigma[cell], 2000)
        direct = np.log(density[i] * (p @ slow.q_one(search, np.full(r.size, scale[i]), r)))
        assert result.log_integrand[k] == pytest.approx(direct, abs=1e-6)


@pytest.mark.slow
def test_stranger_rate_and_complement_against_the_slow_reference():
    skymap, search = rough_map(mu=60.0), replace(CBC, distance_mode="map")
    result = coincidence(skymap, TRIGGER, one(0.5, 0.4, 0.01), SEASON, search)
    scale = slow.alpha(SEASON, np.array([np.sin(0.4)]))
    r = np.exp(np.linspace(np.log(1e-3), np.log(search.horizon_mpc(1870.0)), 20001))
    j1 = np.trapezoid(r**3 * slow.q_one(search, np.full(r.size, scale[0]), r), np.log(r))
    strangers = (
        search.source_rate_mpc3_s / 10 * slow.signal_density(SEASON, 2e3, np.array([np.sin(0.4)]))[0] / scale[0] * j1
    )
    expected = strangers / SEASON.rate_hz / slow.background_density(SEASON, search, 0.4, 2e3)
    assert np.exp(result.log_lambda[0]) == pytest.approx(expected, rel=3e-3)

    seen = 0.0
    theta, _ = healpy.pix2ang(4, np.arange(192), nest=True)
    for cell in range(192):
        r, p = slow.radial_grid(skymap.distmu[cell], skymap.distsigma[cell], 2000)
        a = slow.alpha(SEASON, np.array([np.cos(theta[cell])]))[0]
        seen += skymap.density[cell] * 4 * np.pi / 192 * (p @ slow.q_some(search, np.full(r.size, a), r))
    assert np.exp(result.log_complement) == pytest.approx(1 - seen / 10, abs=1e-5)


def test_cells_without_distance_take_the_mean_posterior():
    skymap = rough_map()
    bad = np.arange(192) % 3 == 0
    broken = replace(skymap, distmu=np.where(bad, np.inf, skymap.distmu), distnorm=np.where(bad, 0.0, 1.0))
    result = coincidence(broken, TRIGGER, several(), SEASON, CBC)
    whole = coincidence(skymap, TRIGGER, several(), SEASON, CBC)
    assert np.isfinite(result.log_odds).all()
    assert np.abs(result.log_odds - whole.log_odds).max() < 1.5
    lost = float((skymap.density * bad).sum() * 4 * np.pi / 192)
    assert any(f"{lost:.2g} of the probability" in note for note in result.notes)


# --- p_astro ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("complement", [True, False])
@pytest.mark.parametrize("strangers", [True, False])
@pytest.mark.parametrize("p_a", [1e-6, 0.1, 0.99])
def test_odds_and_p_astro_formulas(complement, strangers, p_a):
    search = replace(CBC, complement=complement, strangers=strangers)
    result = coincidence(rough_map(mu=30), GWTrigger(GPS, None, p_a), one(energy=9e4), SEASON, search)
    b, lam, c = np.exp(result.log_b[0]), np.exp(result.log_lambda[0]), np.exp(result.log_complement)
    assert (c < 1) == complement
    both = 1 + lam
    odds = p_a * b / ((p_a * c + 1 - p_a) * both) if strangers else p_a * b / (p_a * c + (1 - p_a) * both)
    assert np.exp(result.log_odds[0]) == pytest.approx(odds, rel=1e-12)
    one_, zero = (c * both + b, both) if strangers else (c + b, both)
    after = p_a * one_ / (p_a * one_ + (1 - p_a) * zero)
    assert result.p_astro_after == pytest.approx(after, rel=1e-12)


@pytest.mark.slow
def test_odds_are_signal_over_the_rest():
    for search in (CBC, replace(CBC, strangers=False), replace(CBC, distance_mode="marginal")):
        for trigger in (TRIGGER, GWTrigger(GPS, 9.0, None), GWTrigger(GPS, None, None)):
            result = coincidence(rough_map(), trigger, several(), SEASON, search)
            assert result.weights.log_odds() == pytest.approx(result.log_odds, abs=1e-12)
            assert float(result.event.weights.log_odds()) == pytest.approx(result.event.log_odds, abs=1e-12)
            if search.strangers:  # in the published form other neutrinos' λ lowers the event's odds
                total = np.log(np.exp(result.log_odds).sum() + np.exp(result.log_odds_pairs).sum())
                assert result.event.log_odds == pytest.approx(total, abs=1e-12)


def test_limits_of_p_astro():
    never, always = (coincidence(rough_map(), GWTrigger(GPS, None, p), several(), SEASON, CBC) for p in (0.0, 1.0))
    assert np.all(never.log_odds == -np.inf) and never.p_astro_after == 0
    limit = always.log_b - always.log_complement - np.logaddexp(0, always.log_lambda)
    assert always.log_odds == pytest.approx(limit, abs=1e-12) and always.p_astro_after == 1
    published = coincidence(
        rough_map(), GWTrigger(GPS, None, 1.0), several(), SEASON, replace(CBC, complement=False, strangers=False)
    )
    assert published.log_odds == pytest.approx(published.log_b, abs=1e-12)


def test_empty_list():
    none = take(several(), slice(0, 0))
    result = coincidence(rough_map(mu=30), TRIGGER, none, SEASON, CBC)
    assert result.event.log_odds == -np.inf and result.log_odds.size == 0
    assert result.log_complement < 0 and result.p_astro_after < 0.3
    assert most_probable_direction(result, none) is None


def test_rates_without_p_astro():
    """ṅ ∫4πP_gw K_gw against R_gw P_emp(ρ); the odds do not know which scale the weights have."""
    result = coincidence(rough_map(), GWTrigger(GPS, 9.0, None), one(), SEASON, CBC)
    low, high = (1190 * np.sqrt(e) / 9 for e in (18.7, 1870.0))
    mergers = CBC.source_rate_mpc3_s * 4 * np.pi * 2 / (9 * CBC.log_gw_span) * (high**3 - low**3) / 3
    noise = np.exp(-(9 - 5.59) / 0.2) / 0.2 / 86400
    assert result.mode == "marginal"
    assert result.log_gw_odds == pytest.approx(np.log(mergers / noise), abs=1e-9)
    assert result.p_astro_before is None and result.p_astro_after is None
    assert any("no p_astro" in note for note in result.notes)


def test_asking_for_what_the_map_lacks_is_answered_and_noted():
    for mode in ("map", "pinned", "auto"):
        result = coincidence(isotropic(), TRIGGER, one(), SEASON, replace(CBC, distance_mode=mode))
        assert result.mode == "marginal"
        assert any("no distances" in note for note in result.notes)


# --- monotonicities and invariances -------------------------------------------------------------------------------


def log_odds(skymap=None, trigger=TRIGGER, neutrinos=None, search=CBC):
    return coincidence(skymap or rough_map(), trigger, neutrinos or one(), SEASON, search).log_odds[0]


@pytest.mark.slow
def test_monotonicities():
    falling = [
        [log_odds(neutrinos=one(dt=dt)) for dt in (0, 50, -200, 499)],
        [log_odds(search=replace(CBC, beaming=f)) for f in (1.0, 5.0, 50.0)],
        [log_odds(search=replace(CBC, neutrino_rate_hz=r)) for r in (1e-3, 4e-3, 1e-2)],
        [log_odds(skymap=rough_map(mu=d)) for d in (40.0, 200.0, 3000.0)],
        [log_odds(neutrinos=one(energy=e)) for e in (1e5, 2e4, 3e3, 500.0)],
        [log_odds(trigger=GWTrigger(GPS, None, p)) for p in (0.9, 0.5, 0.01)],
    ]
    for values in falling:
        assert np.all(np.diff(values) < 0), values


def test_beaming_enters_as_its_inverse():
    quick = replace(CBC, complement=False)
    b = [coincidence(rough_map(), TRIGGER, one(), SEASON, replace(quick, beaming=f)).log_b[0] for f in (2.0, 20.0)]
    assert b[0] - b[1] == pytest.approx(np.log(10), abs=1e-12)


def test_energy_unit_does_not_matter():
    """E → K E with κ0 → κ0/√K in gravitational waves."""
    search = replace(CBC, distance_mode="marginal")
    other = replace(search, e_gw_min_eu=18.7 * 7, e_gw_max_eu=1870.0 * 7, k0_mpc=1190 / np.sqrt(7))
    first, second = (
        coincidence(rough_map(), GWTrigger(GPS, 9.0, None), several(), SEASON, s) for s in (search, other)
    )
    assert first.log_odds == pytest.approx(second.log_odds, abs=1e-9)


def test_order_of_neutrinos_does_not_matter():
    neutrinos = several()
    forwards = coincidence(rough_map(), TRIGGER, neutrinos, SEASON, CBC)
    backwards = coincidence(rough_map(), TRIGGER, take(neutrinos, slice(None, None, -1)), SEASON, CBC)
    assert forwards.log_odds == pytest.approx(backwards.log_odds[::-1], abs=1e-6)
    assert forwards.p_astro_after == pytest.approx(backwards.p_astro_after, abs=1e-9)


def test_a_stranger_changes_nothing_else():
    """Metamorphic: a neutrino far away leaves the others', the event's odds and p_astro as they were."""
    skymap = SkyMap(
        np.full(1, 3, np.uint8), np.array([300]), np.array([768 / (4 * np.pi)]), np.array([100.0]), np.array([20.0])
    )
    theta, phi = healpy.pix2ang(8, 300, nest=True)
    near = one(phi, np.pi / 2 - theta, 1.0)
    both = Neutrinos(
        *(
            np.append(getattr(near, k), getattr(one(phi + np.pi, theta - np.pi / 2, 0.5, 5e5), k))
            for k in Neutrinos.__dataclass_fields__
        )
    )
    alone, beside = (coincidence(skymap, TRIGGER, n, SEASON, CBC) for n in (near, both))
    assert beside.log_odds[0] == pytest.approx(alone.log_odds[0], abs=1e-12)
    assert beside.event.log_odds == pytest.approx(alone.event.log_odds, abs=1e-12)
    assert beside.p_astro_after == pytest.approx(alone.p_astro_after, abs=1e-12)
    assert beside.log_odds[1] < -1000


def test_finer_pixels_give_the_same_answer():
    """NSIDE 4 → 32 with equal densities, through the same statistic."""
    skymap = rough_map()
    parent = np.arange(192 * 64) >> 6
    fine = SkyMap(
        np.full(parent.size, 5, np.uint8),
        np.arange(parent.size),
        skymap.density[parent],
        skymap.distmu[parent],
        skymap.distsigma[parent],
    )
    coarse, finer = (coincidence(m, TRIGGER, several(), SEASON, CBC) for m in (skymap, fine))
    assert coarse.log_b == pytest.approx(finer.log_b, abs=1.5e-3)


@settings(deadline=None, max_examples=10)
@given(st.floats(0, 2 * np.pi), st.floats(-1.5, 1.5), st.floats(0.3, 20))
def test_turning_the_sky_about_the_poles_changes_nothing(ra, dec, sigma_deg):
    """By a quarter: HEALPix pixels map onto each other."""
    skymap = rough_map()
    theta, phi = healpy.pix2ang(4, np.arange(192), nest=True)
    turned = healpy.ang2pix(4, theta, phi + np.pi / 2, nest=True)
    columns = {name: np.empty(192) for name in ("density", "distmu", "distsigma")}
    for name, values in columns.items():
        values[turned] = getattr(skymap, name)
    first = log_odds(skymap, neutrinos=one(ra, dec, sigma_deg))
    second = log_odds(replace(skymap, **columns), neutrinos=one(ra + np.pi / 2, dec, sigma_deg))
    assert first == pytest.approx(second, abs=1e-3)


def test_narrow_neutrino_feels_the_density_under_it():
    skymap = rough_map()
    flat = replace(skymap, distmu=np.full(192, 200.0), distsigma=np.full(192, 50.0))
    theta, phi = healpy.pix2ang(4, np.array([70, 90]), nest=True)
    odds = [log_odds(flat, neutrinos=one(p, 0.0 * t + np.pi / 2 - t, 0.002)) for t, p in zip(theta, phi, strict=True)]
    isotropic_odds = [
        log_odds(isotropic(200.0, 50.0), neutrinos=one(p, np.pi / 2 - t, 0.002))
        for t, p in zip(theta, phi, strict=True)
    ]
    assert odds[0] - isotropic_odds[0] == pytest.approx(np.log(flat.density[70] * 4 * np.pi), abs=1e-3)
    assert odds[1] - isotropic_odds[1] == pytest.approx(np.log(flat.density[90] * 4 * np.pi), abs=1e-3)


def test_review_ordering(data):
    """a > b > e > c and d = 0 in odds: precise or coarse map, coincident in place, time, or both."""
    precise = read_skymap(data / "skymaps" / "events" / "GW170817_GWTC1.multiorder.fits")
    coarse = read_skymap(data / "skymaps" / "events" / "S240513_G483432_bayestar.multiorder.fits")
    top = []
    for m in (precise, coarse):
        best = int(np.argmax(m.density))
        theta, phi = healpy.pix2ang(2 ** int(m.order[best]), m.ipix[best], nest=True)
        top.append((float(phi), float(np.pi / 2 - theta)))
    close = replace(precise, distmu=None, distsigma=None, distnorm=None, distmean_mpc=None)
    wide = replace(coarse, distmu=None, distsigma=None, distnorm=None, distmean_mpc=None)
    away = np.radians(40)
    a = log_odds(close, neutrinos=one(*top[0], 0.5))
    b = log_odds(wide, neutrinos=one(*top[1], 0.5))
    c = log_odds(close, neutrinos=one(top[0][0], top[0][1] + 2 * away, 0.5))
    d = log_odds(close, neutrinos=one(*top[0], 0.5, dt=600))
    e = log_odds(wide, neutrinos=one(top[1][0] + away, top[1][1], 0.5))
    assert a > b > e > c > d
    assert d == -np.inf


# --- inputs -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change, words",
    [
        ({"energy": -3.0}, "neutrino 0 has energy outside"),
        ({"energy": float("nan")}, "neutrino 0 has energy outside"),
        ({"energy": 3e9}, "1e\\+08 GeV"),
        ({"sigma_deg": 0.0}, "no positive angular error"),
        ({"sigma_deg": float("nan")}, "no positive angular error"),
        ({"sigma_deg": 1e-6}, "an angular error outside"),
        ({"sigma_deg": 1e5}, "an angular error outside"),
        ({"dec": 2.0}, "no declination"),
        ({"ra": float("inf")}, "no finite right ascension"),
        ({"dt": float("nan")}, "no finite time"),
    ],
)
def test_impossible_neutrinos_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        coincidence(isotropic(), TRIGGER, one(**change), SEASON, CBC)


def test_what_is_strange_about_a_list_is_said():
    twice = Neutrinos(*(np.repeat(getattr(one(), name), 2) for name in Neutrinos.__dataclass_fields__))
    notes = coincidence(isotropic(), TRIGGER, twice, SEASON, CBC).notes
    assert sum("another of the list has its time and direction" in note for note in notes) == 2
    assert not any("background does not explain" in note for note in notes)
    rng = np.random.default_rng(3)
    many = Neutrinos(
        GPS + rng.uniform(-500, 500, 60),
        rng.uniform(0, 6, 60),
        rng.uniform(-0.5, 0.5, 60),
        np.full(60, 0.01),
        np.full(60, 3e3),
    )
    (note,) = (n for n in coincidence(isotropic(), TRIGGER, many, SEASON, CBC).notes if "background does not" in n)
    assert note.startswith("60 neutrinos where the season's rate gives ")


@pytest.mark.parametrize(("mu", "sigma"), [(-9999.0, 20.0), (-1.6375e30, 1.0), (1e-100, 1e-101), (1e300, 1.0)])
def test_what_is_written_for_no_distance_is_none(mu, sigma):
    sky = isotropic(100.0, 20.0)
    half = np.arange(sky.density.size) % 2 == 0
    sky = replace(sky, distmu=np.where(half, mu, sky.distmu), distsigma=np.where(half, sigma, sky.distsigma))
    result = coincidence(sky, TRIGGER, one(), SEASON, CBC)
    whole = coincidence(isotropic(100.0, 20.0), TRIGGER, one(), SEASON, CBC)
    assert any("0.5 of the probability have no valid distance" in note for note in result.notes)
    assert result.log_odds[0] == pytest.approx(whole.log_odds[0], abs=1e-3)


@pytest.mark.parametrize(
    "trigger", [GWTrigger(GPS, None, 1.5), GWTrigger(GPS, -1.0, 0.5), GWTrigger(float("nan"), None, 0.5)]
)
def test_impossible_triggers_are_refused(trigger):
    with pytest.raises(ValueError):
        coincidence(isotropic(), trigger, one(), SEASON, CBC)


@pytest.mark.parametrize(
    "wrong",
    [
        {"beaming": 0.5},
        {"n_51_100": 1e20},
        {"k0_mpc": 1e300},
        {"snr_min": 1e-300},
        {"e_nu_min_eu": 1.0},
        {"neutrino_rate_hz": 0.0},
        {"snr_min": float("nan")},
        {"distance_mode": "x"},
    ],
)
def test_contradictory_searches_are_refused(wrong):
    with pytest.raises(ValueError, match="search cbc: "):
        replace(CBC, **wrong)


def test_energies_beyond_the_background_are_capped_and_noted():
    cap = float(energy_cap_gev(SEASON, CBC, np.array([0.9]))[0])
    result = coincidence(rough_map(), TRIGGER, one(dec=0.9, energy=5e7), SEASON, CBC)
    assert result.energy_used_gev[0] == cap < 5e7
    assert any("capped" in note for note in result.notes)
    same = coincidence(rough_map(), TRIGGER, one(dec=0.9, energy=cap), SEASON, CBC)
    assert same.log_odds[0] == result.log_odds[0]


def test_parameters_carry_the_original_names_and_values():
    found = as_parameters(CBC, SEASON.rate_hz)
    expected = {
        "tgwminus": -250, "tnuplus": 250, "Egwmin": 18.7, "Egwmax": 1870, "Enumin": 1e-6, "Enumax": 0.1, "fb": 10,
        "nu_51_100": 1.1, "ndotgwnu": 7.578640284119736e-16, "k0": 1190, "rhomin": 5.59, "εmin": 10, "εmax": 1e8,
        "ΔE": 0.29162115354365997, "δω": 2.5714285714285716, "ratebgnu": SEASON.rate_hz,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-15)
    assert CBC.horizon_mpc(187.0) == pytest.approx(2911, abs=1)


def test_most_probable_direction_is_between_map_and_neutrino():
    skymap = SkyMap(
        np.full(1, 4, np.uint8), np.array([1000]), np.array([3072 / (4 * np.pi)]), np.array([100.0]), np.array([20.0])
    )
    theta, phi = healpy.pix2ang(16, 1000, nest=True)
    neutrinos = one(phi + 0.02, np.pi / 2 - theta, 1.0)
    ra, dec = most_probable_direction(coincidence(skymap, TRIGGER, neutrinos, SEASON, CBC), neutrinos)
    assert healpy.ang2pix(16, np.pi / 2 - dec, ra, nest=True) == 1000
    assert np.hypot((ra - phi - 0.02) * np.sin(theta), dec - np.pi / 2 + theta) < 0.03


def test_most_probable_direction_is_that_of_the_likeliest_neutrino():
    """A sharp neutrino is a high peak of the joint density, however improbable it is as a whole."""
    skymap = rough_map()
    sharp, likely = (
        one(ra=4.0, dec=-0.6, sigma_deg=0.2, energy=400.0),
        one(ra=1.0, dec=0.3, sigma_deg=4.0, energy=1e5),
    )
    both = Neutrinos(*(np.concatenate([getattr(n, name) for n in (sharp, likely)]) for name in vars(sharp)))
    result = coincidence(skymap, TRIGGER, both, SEASON, CBC)
    assert result.log_odds[1] > result.log_odds[0]
    found, alone = (most_probable_direction(coincidence(skymap, TRIGGER, n, SEASON, CBC), n) for n in (both, likely))
    assert found == pytest.approx(alone, abs=1e-12)


def test_most_probable_direction_passes_over_a_neutrino_that_no_source_gives():
    beside = several(2)
    beside.energy_gev[0] = 11.0  # below everything the table's signal reaches; real seasons hold such events
    result = coincidence(rough_map(), TRIGGER, beside, SEASON, CBC)
    assert np.isneginf(result.log_odds).tolist() == [True, False]
    alone = Neutrinos(*(getattr(beside, name)[1:] for name in Neutrinos.__dataclass_fields__))
    expected = most_probable_direction(coincidence(rough_map(), TRIGGER, alone, SEASON, CBC), alone)
    assert most_probable_direction(result, beside) == pytest.approx(expected, abs=1e-12)


def test_prepared_gives_the_same():
    skymap = rough_map()
    ready = prepare(skymap, TRIGGER, SEASON, CBC)
    first = coincidence(skymap, TRIGGER, several(), SEASON, CBC)
    second = coincidence(skymap, TRIGGER, several(), SEASON, CBC, ready)
    assert np.array_equal(first.log_odds, second.log_odds)


@pytest.mark.parametrize("mpc", [5.0, 40.0])
def test_complement_of_a_near_source(mpc):
    search = replace(CBC, distance_mode="pinned")
    result = coincidence(replace(isotropic(), distmean_mpc=mpc), TRIGGER, one(), UNIFORM, search)
    assert np.exp(result.log_complement) == pytest.approx(
        1 - float(q_some(search.count_max_mpc2 / mpc**2, search.log_nu_span)) / 10, abs=1e-9
    )


@pytest.mark.parametrize("dt", [600.0, -600.0, 1.6e8])
@pytest.mark.parametrize("strangers", [True, False])
def test_a_neutrino_outside_the_search_window_counts_nowhere(strangers, dt):
    """It is none of the data, so no λ of its own or with others may have it: SCIENCE 2.2."""
    search = replace(CBC, strangers=strangers)
    inside = several(4, sigma_deg=(3, 8))
    outside = Neutrinos(*(getattr(inside, name)[:2].copy() for name in Neutrinos.__dataclass_fields__))
    outside.gps_s[:] = GPS + dt + np.array([0.0, 1.0])  # near one another, so that they make a pair of strangers
    outside.ra_rad[1], outside.dec_rad[1] = outside.ra_rad[0], outside.dec_rad[0]
    outside.energy_gev[:] = 1e6
    names = Neutrinos.__dataclass_fields__
    both = Neutrinos(*(np.concatenate([getattr(one, name) for one in (inside, outside)]) for name in names))
    sky = rough_map(mu=60.0)
    alone, with_them = (coincidence(sky, TRIGGER, each, SEASON, search) for each in (inside, both))
    assert with_them.p_astro_after == alone.p_astro_after
    assert with_them.ensemble.log_odds == alone.ensemble.log_odds
    assert with_them.event.log_odds == alone.event.log_odds
    np.testing.assert_array_equal(with_them.log_odds[:4], alone.log_odds)
    assert np.all(with_them.log_lambda[4:] == -np.inf) and np.all(with_them.log_odds[4:] == -np.inf)
    said = [note for note in with_them.notes if "it counts nowhere" in note]
    assert [note[:11] for note in said] == ["neutrino 4:", "neutrino 5:"]
    assert "outside the search's window of -500 to +500 s" in said[0]
    assert not any("counts nowhere" in note for note in alone.notes)
