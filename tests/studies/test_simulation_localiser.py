"""What a simulated search measures, and the fast localiser against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import i0e
from scipy.stats import kstest

from llama.science.arrays import Complex, Float, Rows
from llama.science.sky import conditional_moments, credible_level, directions_of, lookup, probability
from llama.studies.simulation.amplitudes import Orientations, averaged, radial_table
from llama.studies.simulation.curves import NoiseCurve
from llama.studies.simulation.localiser import _timing, distance_columns, localise
from llama.studies.simulation.measurement import (
    BETA,
    HALF_S,
    RATE_HZ,
    Measurement,
    SearchConditions,
    Spectra,
    direction_of,
    measure,
    signal,
)
from llama.studies.simulation.network import Network
from llama.studies.simulation.populations import draw_sources, population
from llama.studies.simulation.sources import SOURCE
from llama.studies.simulation.waveform import amplitude

BAND_HZ = (30.0, 1024.0)
FREQUENCY = np.geomspace(8.0, 3000.0, 300)


def curve(detector: str, least: float = 4e-24) -> NoiseCurve:
    """A detector that is best about 200 Hz."""
    x = FREQUENCY / 215.0
    power = x**-4.14 - 5 * x**-2 + 111 * (1 - x**2 + x**4 / 2) / (1 + x**2 / 2)
    return NoiseCurve(detector, "shape", "", FREQUENCY, least * np.sqrt(np.abs(power) / 50 + 1e-3))


CURVES = (curve("H1"), curve("L1"), curve("V1", 8e-24))
ALWAYS = SearchConditions(BAND_HZ, 1.0, 4.0, 8.0, True)


def source(**given: float) -> Rows:
    found = np.zeros(1, SOURCE)
    usual = {"mass1": 1.4, "mass2": 1.4, "distance": 40.0, "geocent_end_time": 1_000_000_000}
    for name, value in (usual | given).items():
        found[name] = value
    return found


def without_noise(of: Rows) -> Measurement:
    """What detectors would hear if there were none."""
    spectra = Spectra.of(of, CURVES, BAND_HZ)
    network = Network.at(("H1", "L1", "V1"), float(of["geocent_end_time"][0]))
    x = signal(of[0], network, spectra.horizon_mpc[0])
    arrival = network.delays(direction_of(of[0])[None])[0]
    m = round(HALF_S * RATE_HZ)
    turns = np.exp(2j * np.pi * spectra.frequency_hz[:, None] * np.arange(-m, m + 1) / RATE_HZ)
    shift = np.exp(-2j * np.pi * spectra.frequency_hz * arrival[:, None])
    series = x[:, None] * ((spectra.power[0] * shift) @ turns)
    first = np.full(3, -m / RATE_HZ)
    return Measurement(
        network, series, first, 1e9, spectra.horizon_mpc[0], spectra.bandwidth_hz()[0], np.abs(x), arrival
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mass1", "mass2", "spin1", "spin2"),
    [
        (1.4, 1.3, 0.02, 0),
        (10, 1.4, -0.9, 0),
        (10, 1.4, 0.9, 0),
        (30, 25, 0, 0),
        (60, 50, 0.8, -0.5),
        (90, 60, -0.8, 0),
    ],
)
def test_the_amplitude_is_that_of_lalsimulation(mass1: float, mass2: float, spin1: float, spin2: float) -> None:
    lal, lalsimulation = pytest.importorskip("lal"), pytest.importorskip("lalsimulation")
    f = np.arange(30.0, 1025.0)
    kilograms = (mass1 * lal.MSUN_SI, mass2 * lal.MSUN_SI)
    plus, _ = lalsimulation.SimInspiralFD(
        *kilograms, 0, 0, spin1, 0, 0, spin2, 1e6 * lal.PC_SI, 0, 0, 0, 0, 0, 0.25, 20.0, 2048.0, 20.0,
        lal.CreateDict(), lalsimulation.IMRPhenomD,
    )  # fmt: skip
    theirs = np.interp(f, plus.f0 + plus.deltaF * np.arange(plus.data.length), np.abs(plus.data.data))
    ours = amplitude(source(mass1=mass1, mass2=mass2, spin1z=spin1, spin2z=spin2), f)[0]
    noise = CURVES[0].power(f)
    (snr, width), (their_snr, their_width) = (_moments(f, one**2 / noise) for one in (ours, theirs))
    assert snr == pytest.approx(their_snr, rel=3e-3)
    assert width == pytest.approx(their_width, rel=2e-2)


def _moments(f: Float, power: Float) -> tuple[float, float]:
    share = power / power.sum()
    return float(np.sqrt(power.sum())), float(np.sqrt(share @ f**2 - (share @ f) ** 2))


@pytest.mark.slow
def test_places_and_patterns_are_those_of_lal() -> None:
    lal, lalsimulation = pytest.importorskip("lal"), pytest.importorskip("lalsimulation")
    gps, rng = 1_000_123_456.0, np.random.default_rng(1)
    network = Network.at(("H1", "K1", "L1", "V1"), gps)
    ra, dec = rng.uniform(0, 2 * np.pi, 20), np.arcsin(rng.uniform(-1, 1, 20))
    direction = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    plus, cross = network.patterns(direction)
    delay = network.delays(direction)
    gmst = lal.GreenwichMeanSiderealTime(lal.LIGOTimeGPS(gps))
    for d, name in enumerate(network.names):
        theirs = lalsimulation.DetectorPrefixToLALDetector(name)
        for k in range(20):
            expected = lal.ComputeDetAMResponse(theirs.response, ra[k], dec[k], 0.0, gmst)
            assert (plus[k, d], cross[k, d]) == pytest.approx(expected, abs=2e-3)
            late = lal.TimeDelayFromEarthCenter(theirs.location, ra[k], dec[k], lal.LIGOTimeGPS(gps))
            assert delay[k, d] == pytest.approx(late, abs=5e-6)


def radial(rho: float, k: int) -> float:
    """g_k(ρ̂) exp(−ρ̂²/2) by quadrature."""
    found, _ = quad(
        lambda v: v ** (-4 - k) * np.exp(-((v - rho) ** 2) / 2) * i0e(rho * v),
        1,
        rho + 15,
        points=[rho + 2],
        epsrel=1e-10,
    )
    return float(found)


@pytest.mark.parametrize("rho", [0.0, 2.0, 7.5, 30.0])
def test_distance_is_integrated_as_by_hand(rho: float) -> None:
    """g_k is ∫ v^(−4−k) exp(−v²/2) I_0(ρ̂v) dv from v = 1."""
    excess, once, twice = radial_table()
    whole, first, second = (radial(rho, k) for k in (0, 1, 2))
    at = round(rho / 0.05)
    assert excess[at] == pytest.approx(np.log(whole), abs=1e-4)
    assert (once[at], twice[at]) == pytest.approx((first / whole, second / whole), rel=1e-4)


def by_brute_force(plus: Float, cross: Float, z: Complex) -> tuple[float, float, float]:
    """ln mean likelihood, mean and standard deviation of the distance: every angle and the distance on a grid."""
    u, weight = np.polynomial.legendre.leggauss(60)
    twice = 2 * np.pi * np.arange(60) / 60
    r = np.exp(np.linspace(np.log(5), np.log(400), 800))
    f_plus = np.cos(twice)[:, None] * plus + np.sin(twice)[:, None] * cross
    f_cross = np.cos(twice)[:, None] * cross - np.sin(twice)[:, None] * plus
    x = (1 + u**2)[:, None, None] / 2 * f_plus + 1j * u[:, None, None] * f_cross
    overlap, squared = np.abs((x.conj() * z).sum(axis=2)), (np.abs(x) ** 2).sum(axis=2)
    argument = overlap[..., None] / r
    log_l = argument - squared[..., None] / (2 * r**2) + np.log(i0e(argument))
    share = weight[:, None, None] / 2 / 60 * np.exp(log_l - log_l.max()) * r**3  # r² dr, even in ln r
    share = np.where(squared[..., None] > r**2, share, 0.0)  # v > 1
    total = share.sum()
    mean, square = (share * r).sum() / total, (share * r**2).sum() / total
    return float(np.log(total * np.log(r[1] / r[0])) + log_l.max()), float(mean), float(np.sqrt(square - mean**2))


def test_amplitudes_are_averaged_as_by_brute_force() -> None:
    """Of what three detectors hear of sources with SNR 10 to 15, with noise."""
    rng = np.random.default_rng(2)
    plus, cross = rng.uniform(-1, 1, (2, 4, 3)) * np.array([900.0, 900.0, 400.0])
    u, distance = np.array([0.9, -0.6, 0.3, -0.95]), np.array([70.0, 60.0, 35.0, 80.0])
    z = ((1 + u**2)[:, None] / 2 * plus + 1j * u[:, None] * cross) / distance[:, None] * np.exp(0.7j)
    z += rng.normal(size=(4, 3)) + 1j * rng.normal(size=(4, 3))
    found = averaged(plus, cross, z, Orientations.enough_for(12.0))
    for k in range(4):
        log_l, mean, std = by_brute_force(plus[k], cross[k], z[k])
        assert found.log_likelihood[k] == pytest.approx(log_l, abs=0.03)
        assert found.mean_mpc[k] == pytest.approx(mean, rel=0.02)
        assert found.std_mpc[k] == pytest.approx(std, rel=0.1)


def test_timing_is_triangulation() -> None:
    """Near the source ln L falls as −Σ w_d (Δt_d − mean)²/2 with w_d = (2π β ρ_d σ_f,d)² (Fairhurst 2009, eq. 24)."""
    one = source(longitude=1.0, latitude=0.4, inclination=0.3, distance=60.0)
    heard = without_noise(one)
    truth = direction_of(one[0])
    rng = np.random.default_rng(3)
    near = truth + 1e-2 * rng.normal(size=(50, 3))
    near /= np.linalg.norm(near, axis=1)[:, None]
    best, _ = _timing(heard, np.concatenate([truth[None], near]))
    weight = (2 * np.pi * BETA * heard.snr * heard.bandwidth_hz) ** 2
    off = heard.network.delays(near) - heard.network.delays(truth[None])
    off -= (off @ weight / weight.sum())[:, None]
    expected = -(off**2) @ weight / 2
    assert best[1:] - best[0] == pytest.approx(expected, abs=0.05 + 0.05 * np.abs(expected).max())


def test_noise_is_as_wide_as_the_likelihood_thinks() -> None:
    """Far from the signal |z|² has mean 2/β², and it changes with time as the signal's own autocorrelation."""
    one = np.repeat(source(distance=1e4), 30)
    one["simulation_id"] = np.arange(30)
    easy = SearchConditions(BAND_HZ, 1.0, 0.1, 0.1, True)
    found, _ = measure(one, CURVES, easy, np.random.default_rng(4))
    series = np.stack([heard.series for heard in found.values()])
    assert np.mean(np.abs(series) ** 2) == pytest.approx(2 / BETA**2, rel=0.05)
    spectra = Spectra.of(one[:1], CURVES, BAND_HZ)
    lag = 20
    expected = (spectra.power[0, 0] * np.exp(2j * np.pi * spectra.frequency_hz * lag / RATE_HZ)).sum()
    measured = np.mean(series[:, 0, lag:] * series[:, 0, :-lag].conj()) * BETA**2 / 2
    assert measured == pytest.approx(expected, abs=0.05)


def test_distance_columns_have_the_moments() -> None:
    mean, std = np.array([100.0, 100.0, 300.0, np.nan]), np.array([3.0, 25.0, 130.0, 1.0])
    mu, sigma, norm = distance_columns(mean, std)
    assert (mu[3], sigma[3], norm[3]) == (np.inf, 1.0, 0.0)
    found_mean, found_std = conditional_moments(mu[:3], sigma[:3])
    assert found_mean == pytest.approx(mean[:3], rel=1e-4)
    assert found_std == pytest.approx(std[:3], rel=1e-3)
    for k in range(3):
        whole, _ = quad(lambda r, k=k: r**2 * np.exp(-(((r - mu[k]) / sigma[k]) ** 2) / 2), 0, 3000, points=[mean[k]])
        assert norm[k] * whole / (sigma[k] * np.sqrt(2 * np.pi)) == pytest.approx(1, rel=1e-4)


@pytest.mark.slow
def test_an_adaptive_grid_is_as_good_as_a_fine_one() -> None:
    """Probabilities of order-4 cells, from the adaptive map and from every cell of order 7."""
    from llama.studies.simulation.localiser import _at

    heard = without_noise(source(longitude=2.0, latitude=-0.3, inclination=2.6, distance=170.0))
    ipix = np.arange(12 * 4**7)
    fine = _at(heard, directions_of(np.full(ipix.size, 7, np.uint8), ipix), Orientations.enough_for(10.0))
    density = np.exp(fine.log_likelihood - fine.log_likelihood.max())
    expected = (density / density.sum()).reshape(-1, 4**3).sum(axis=1)
    skymap = localise(heard, "x")
    coarse = np.where(skymap.order >= 4, skymap.ipix >> (2 * np.maximum(skymap.order.astype(int) - 4, 0)), -1)
    found = np.bincount(coarse[coarse >= 0], probability(skymap)[coarse >= 0], minlength=expected.size)
    assert np.abs(found - expected).sum() < 0.03


@pytest.mark.slow
def test_credible_levels_of_the_true_directions_are_uniform() -> None:
    rng = np.random.default_rng(5)
    sources = draw_sources(population("bns"), 1200, 0, 0.12, rng)
    found, _ = measure(sources, CURVES, SearchConditions(BAND_HZ, 0.8, 4.0, 8.0, True), rng)
    levels = []
    for row, heard in list(found.items())[:40]:
        skymap = localise(heard, str(row))
        where = int(lookup(skymap, sources[row]["longitude"], sources[row]["latitude"]))
        levels.append(credible_level(skymap)[where])
    assert len(levels) == 40
    assert kstest(levels, "uniform").pvalue > 1e-3
