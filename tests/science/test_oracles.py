"""Software of others, forty-digit arithmetic and brute force on the same questions as the statistic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import healpy
import mpmath
import numpy as np
import pytest
import statistic_reference as slow
from test_coincidence import CBC, SEASON, TRIGGER, one, rough_map

from llama.formats.skymap import read_skymap
from llama.science.distance.poisson import log_j1
from llama.science.distance.radial import At, Likely, Marginal
from llama.science.overlap import overlap_nodes
from llama.science.search import Search
from llama.science.sky.healpix import uniq_of
from llama.science.sky.localisation import circle
from llama.science.sky.product_map import product
from llama.science.sky.psf import log_density, log_peak, unit_vectors
from llama.science.sky.quadtree import SkyTree
from llama.science.sky.skymap import SkyMap, credible_level, directions, lookup, probability
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.prepared import prepare

REAL = "skymaps/events/GW190412_PublicationSamples.multiorder.fits"


def other(name: str):
    return pytest.importorskip(name, reason=f"{name} of requirements-dev.lock is not installed")


def log_overlap(skymap: SkyMap, ra: float, dec: float, sigma: float) -> float:
    return float(overlap_nodes(SkyTree.of(skymap), unit_vectors([ra], [dec]), np.array([sigma])).log_integral()[0])


def most_probable(skymap: SkyMap) -> tuple[float, float]:
    x, y, z = directions(skymap)[int(np.argmax(probability(skymap)))]
    return float(np.arctan2(y, x)), float(np.arcsin(z))


# --- overlaps -----------------------------------------------------------------------------------------------------


def brute_force(skymap: SkyMap, ra: float, dec: float, sigma: float) -> float:
    """ln ∫ P PSF within 7.5σ: over pixels of σ/20 or smaller where the map is coarser, over its cells elsewhere."""
    order = int(np.ceil(np.log2(np.sqrt(np.pi / 3) / (sigma / 20))))
    centre = unit_vectors(ra, dec)
    pixels = healpy.query_disc(2**order, centre, min(7.5 * sigma, np.pi), inclusive=True, nest=True)
    where = np.stack(healpy.pix2vec(2**order, pixels, nest=True), axis=-1)
    cell = lookup(skymap, np.arctan2(where[:, 1], where[:, 0]), np.arcsin(where[:, 2]))
    coarse = (cell >= 0) & (skymap.order[cell] < order)
    fine = np.flatnonzero(skymap.order >= order)
    where = np.concatenate([where[coarse], directions(skymap)[fine]])
    share = np.concatenate([skymap.density[cell[coarse]] * np.pi / 3 / 4.0**order, probability(skymap)[fine]])
    log_psf = log_density(np.square(where - centre).sum(axis=-1) / 4, sigma)
    return float(np.log((share * np.exp(log_psf - log_peak(sigma))).sum()) + log_peak(sigma))


PLACES = [(0.0, 0.0), (2 * np.pi - 1e-6, 0.4), (1.0, np.pi / 2), (4.0, -1.5706), (0.785398, 0.729728), (2.9, -0.72)]
"""The meridian from both sides, the poles, a corner of three HEALPix faces, the seam of the polar caps."""


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [0.1, 0.4, 8.0, 30.0])
@pytest.mark.parametrize("ra, dec", PLACES)
def test_overlap_with_large_cells_and_holes_by_brute_force(sigma_deg, ra, dec):
    rng = np.random.default_rng(11)
    density = np.exp(rng.normal(0, 2, 768)) * (rng.random(768) > 0.25)
    density[healpy.ang2pix(8, np.pi / 2 - dec, ra, nest=True)] += 0.1
    sky = SkyMap(np.full(768, 3, np.uint8), np.arange(768), density / density.sum() * 768 / (4 * np.pi))
    exact = brute_force(sky, ra, dec, np.radians(sigma_deg))
    assert log_overlap(sky, ra, dec, np.radians(sigma_deg)) == pytest.approx(exact, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [0.1, 1.0, 6.0, 30.0])
@pytest.mark.parametrize("away", [0.0, 1.3, 2.6])
def test_overlap_with_a_real_map_by_brute_force(data: Path, sigma_deg, away):
    """Cells from 0.1° to 15°, on the peak and some widths of the map's own core away from it."""
    sky = read_skymap(data / REAL)
    ra, dec = most_probable(sky)
    dec += away * np.radians(np.hypot(2.0, sigma_deg)) * (-1 if dec > 0 else 1)
    exact = brute_force(sky, ra, dec, np.radians(sigma_deg))
    assert log_overlap(sky, ra, dec, np.radians(sigma_deg)) == pytest.approx(exact, abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg, apart_deg", [(3.0, 0.0), (3.0, 4.0), (10.0, 12.0)])
def test_overlaps_of_raven(sigma_deg, apart_deg):
    """4π ∫P_1 P_2 dΩ of two flat maps, by the code that ranks coincidences with gamma-ray bursts for LIGO."""
    raven = other("ligo.raven.search")
    pixels, sigma = np.arange(12 * 4**7), np.radians(sigma_deg)
    first = vmf_pixels(pixels, 1.0, 0.2, np.radians(5.0))
    second = vmf_pixels(pixels, 1.0, 0.2 + np.radians(apart_deg), sigma)
    theirs = raven.skymap_overlap_integral(first, second, se_nested=True, ext_nested=True)
    maps = [SkyMap(np.full(p.size, 7, np.uint8), pixels, p * p.size / (4 * np.pi)) for p in (first, second)]
    assert product(*maps)[1] == pytest.approx(np.log(theirs), abs=1e-9)
    ours = log_overlap(maps[0], 1.0, 0.2 + np.radians(apart_deg), sigma) + np.log(4 * np.pi)
    assert ours == pytest.approx(np.log(theirs), abs=2e-3)  # theirs has the point spread at the pixels' centres


def vmf_pixels(pixels: np.ndarray, ra: float, dec: float, sigma: float) -> np.ndarray:
    where = np.stack(healpy.pix2vec(healpy.npix2nside(pixels.size), pixels, nest=True), axis=-1)
    p = np.exp(log_density(np.square(where - unit_vectors(ra, dec)).sum(axis=-1) / 4, sigma))
    return p / p.sum()


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [2.0, 9.0])
def test_products_of_multi_order_maps_are_those_of_mhealpy(data: Path, sigma_deg):
    mhealpy = other("mhealpy")
    sky = read_skymap(data / REAL)
    ra, dec = most_probable(sky)
    spread = circle(ra + 0.02, dec - 0.03, {np.radians(sigma_deg): 1.0}, {})
    maps = [mhealpy.HealpixMap(m.density, uniq=uniq_of(m.order, m.ipix), density=True) for m in (sky, spread)]
    both = maps[0] * maps[1]
    integral = float((both.data * np.array([both.pixarea(i).value for i in range(both.npix)])).sum())
    assert product(sky, spread)[1] == pytest.approx(np.log(4 * np.pi * integral), abs=1e-6)
    # the circle's cells follow the point spread in steps of 10 %
    assert log_overlap(sky, ra + 0.02, dec - 0.03, np.radians(sigma_deg)) == pytest.approx(np.log(integral), abs=1e-2)


# --- distances ----------------------------------------------------------------------------------------------------


def test_averages_over_distance_are_those_over_ligo_skymaps_posterior(data: Path):
    """⟨Q_1(αn)⟩ in cells of a real map, the posterior as `ligo.skymap.distance.conditional_pdf` has it."""
    distance = other("ligo.skymap.distance")
    sky = read_skymap(data / REAL)
    ready = prepare(sky, TRIGGER, SEASON, CBC)
    leaf = np.flatnonzero(ready.tree.cell >= 0)
    node = leaf[np.argsort(-ready.tree.log_probability[leaf])[:2000:100]]
    scale = slow.alpha(SEASON, ready.tree.centre[node, 2])
    found = ready.radial.log_counts(At.of(ready.tree, node), scale, 1)[0]
    for at, a, ours in zip(node, scale, found, strict=True):
        cell = ready.tree.cell[at]
        mu, sigma, norm = sky.distmu[cell], sky.distsigma[cell], sky.distnorm[cell]
        r = np.linspace(max(mu - 9 * sigma, 1e-2), max(mu, 0) + 9 * sigma, 4001)
        pdf = distance.conditional_pdf(r, mu, sigma, norm)
        theirs = np.trapezoid(pdf * slow.q_one(CBC, np.full(r.size, a), r), r) / np.trapezoid(pdf, r)
        assert ours == pytest.approx(np.log(theirs), abs=1e-4)
        assert np.trapezoid(pdf, r) == pytest.approx(1, abs=1e-3)


# --- closed forms to forty digits ---------------------------------------------------------------------------------


def exact_q1(search: Search, alpha: float, r: mpmath.mpf) -> mpmath.mpf:
    n_max = mpmath.mpf(alpha) * mpmath.mpf(search.count_max_mpc2) / r**2
    n_min = n_max * mpmath.exp(-mpmath.mpf(search.log_nu_span))
    return (mpmath.exp(-n_min) - mpmath.exp(-n_max)) / mpmath.mpf(search.log_nu_span)


def quad_in_log(f, low: mpmath.mpf, high: mpmath.mpf, pieces: int = 12) -> mpmath.mpf:
    points = [mpmath.log(low) + mpmath.log(high / low) * i / pieces for i in range(pieces + 1)]
    return mpmath.quad(lambda u: f(mpmath.exp(u)) * mpmath.exp(u), points)


@pytest.mark.slow
@pytest.mark.parametrize("snr", [5.59, 12.0, 300.0])
@pytest.mark.parametrize("alpha", [0.08, 1.0, 2.3])
@pytest.mark.parametrize("n_51_100", [1.1, 1e-7])
def test_k1_by_quadrature_to_forty_digits(snr, alpha, n_51_100):
    """K_1 = (2/ρL_gw) ∫ r² Q_1 dr over the distances at which the prior gives this SNR."""
    search = replace(CBC, n_51_100=n_51_100)
    shell = Marginal(search, snr, Likely(np.ones(1), np.ones(1)))
    ours = float(shell.exact_log_q1(np.array([alpha]))[0]) + shell.log_volume()
    with mpmath.workdps(40):
        low, high = (search.k0_mpc * mpmath.sqrt(e) / snr for e in (search.e_gw_min_eu, search.e_gw_max_eu))
        j1 = quad_in_log(lambda r: r**2 * exact_q1(search, alpha, r), low, high)
        k1 = 2 / (snr * mpmath.mpf(search.log_gw_span)) * j1
    assert ours == pytest.approx(float(mpmath.log(k1)), abs=1e-10)


@pytest.mark.parametrize("sigma_deg", [0.01, 1.0, 30.0, 120.0])
def test_point_spread_is_normalised_to_forty_digits(sigma_deg):
    sigma = float(np.radians(sigma_deg))
    with mpmath.workdps(40):
        kappa = 1 / mpmath.mpf(sigma) ** 2
        whole = (
            2
            * mpmath.pi
            * mpmath.quad(
                lambda c: mpmath.exp(-kappa * c),
                [0, 1 / kappa, 6 / kappa, 40 / kappa, 2] if kappa > 20 else [0, 1, 2],
            )
        )
    assert float(log_peak(sigma)) == pytest.approx(-float(mpmath.log(whole)), abs=1e-12)


# --- the statistic on its own nodes -------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["map", "pinned"])
@pytest.mark.parametrize(
    "ra, dec, sigma_deg, energy", [(0.5, 0.4, 6.0, 2e3), (2.0, -0.4, 1.0, 6e4), (4.0, 1.3, 3.0, 900.0)]
)
def test_log_odds_of_the_slow_reference_on_the_same_nodes(mode, ra, dec, sigma_deg, energy):
    """Every factor of the odds by direct quadrature, on the nodes and cells that the statistic used: 1e-6."""
    sky, search = replace(rough_map(mu=80.0), distmean_mpc=70.0), replace(CBC, distance_mode=mode)
    result = coincidence(sky, TRIGGER, one(ra, dec, sigma_deg, energy, dt=-70), SEASON, search)
    nodes, cell = result.nodes, result.prepared.tree.cell[result.nodes.node]
    assert nodes.part.all()  # each lies in one cell
    per_source, scale = slow.over_declinations(SEASON, energy, nodes.middle, nodes.reach)
    signal = np.exp(nodes.log_weight) * per_source * mean_over_distance(slow.q_one, sky, search, cell, scale)
    background = SEASON.rate_hz * slow.background_density(SEASON, search, dec, energy)
    b = signal.sum() * 430 / 500 / 500 / search.beaming / background

    theta, _ = healpy.pix2ang(4, np.arange(192), nest=True)
    some = mean_over_distance(slow.q_some, sky, search, np.arange(192), slow.alpha(SEASON, np.cos(theta)))
    c = 1 - float(some @ probability(sky)) / search.beaming
    lam = stranger_rate(search, dec, np.radians(sigma_deg), energy) / background
    odds = 0.3 * b / ((0.3 * c + 0.7) * (1 + lam))
    assert result.log_odds[0] == pytest.approx(np.log(odds), abs=1e-6)
    after = 0.3 * (c + b / (1 + lam))
    assert result.p_astro_after == pytest.approx(after / (after + 0.7), rel=1e-6)


def mean_over_distance(f, sky: SkyMap, search: Search, cell: np.ndarray, scale: np.ndarray) -> np.ndarray:
    if search.distance_mode == "pinned":
        return np.array([f(search, np.array([a]), np.array([sky.distmean_mpc]))[0] for a in scale])
    values = np.empty(cell.size)
    for i, (at, a) in enumerate(zip(cell, scale, strict=True)):
        r, p = slow.radial_grid(sky.distmu[at], sky.distsigma[at], 800)
        values[i] = p @ f(search, np.full(r.size, a), r)
    return values


def stranger_rate(search: Search, dec: float, sigma: float, energy: float) -> float:
    """(ṅ/f_b) ∫(a/α) PSF J_1 dΩ on rings around the neutrino."""
    offsets, weights = slow.rings(sigma, 60, 60)
    psi, turn = offsets.T
    pole = np.array([-np.sin(dec), 0.0, np.cos(dec)])
    along = np.cos(turn)[:, None] * pole + np.sin(turn)[:, None] * np.array([0.0, 1.0, 0.0])
    where = np.cos(psi)[:, None] * unit_vectors(0.0, dec) + np.sin(psi)[:, None] * along
    scale = slow.alpha(SEASON, where[:, 2])
    horizon = search.k0_mpc * np.sqrt(search.e_gw_max_eu) / search.snr_min
    j1 = np.exp([float(log_j1(horizon, a * search.count_max_mpc2, search.log_nu_span)) for a in scale])
    terms = weights * slow.signal_density(SEASON, energy, where[:, 2]) / scale * j1
    return float(terms.sum() * search.source_rate_mpc3_s / search.beaming)


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.08, 2.3])
def test_volume_of_strangers_by_quadrature(alpha):
    """J_1(0, r_ν,max): what the reference above takes from the statistic itself."""
    horizon = CBC.horizon_mpc(CBC.e_gw_max_eu)
    with mpmath.workdps(40):
        j1 = quad_in_log(lambda r: r**2 * exact_q1(CBC, alpha, r), mpmath.mpf("1e-3"), mpmath.mpf(horizon), 40)
    assert float(log_j1(horizon, alpha * CBC.count_max_mpc2, CBC.log_nu_span)) == pytest.approx(
        float(mpmath.log(j1)), abs=1e-10
    )


def test_searched_probability_is_that_of_ligo_skymap(data: Path):
    """The probability searched before a neutrino is reached, as `crossmatch` finds it."""
    crossmatch = other("ligo.skymap.postprocess.crossmatch").crossmatch
    read_sky_map = other("ligo.skymap.io").read_sky_map
    coordinates = other("astropy.coordinates").SkyCoord
    sky, table = read_skymap(data / REAL), read_sky_map(str(data / REAL), moc=True)
    rng = np.random.default_rng(4)
    ra, dec = (value + rng.normal(0, 0.15, 5) for value in most_probable(sky))
    table.keep_columns(["UNIQ", "PROBDENSITY"])  # without distances, whose volumes take long
    theirs = crossmatch(table, coordinates(ra, dec, unit="rad")).searched_prob
    ours = credible_level(sky)[lookup(sky, ra, dec)]
    assert ours == pytest.approx(theirs, abs=1e-6)
