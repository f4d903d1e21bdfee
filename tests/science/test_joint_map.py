"""The joint sky map against brute force on fine pixels, closed forms, limits and the statistic it belongs to."""

from __future__ import annotations

from dataclasses import replace

import healpy
import numpy as np
import pytest
import statistic_reference as slow
from hypothesis import given, settings
from hypothesis import strategies as st
from ligo.skymap.distance import moments_to_parameters, parameters_to_moments
from test_coincidence import CBC, GPS, SEASON, TRIGGER, UNIFORM, isotropic, one, rough_map, several, take
from tests.skymap_examples import skymaps

from llama.science.joint.distance import parameters
from llama.science.joint.map import Relation, joint_map, relations
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.skymap import (
    SkyMap,
    area_sr,
    centres,
    credible_area_deg2,
    density_at,
    directions,
    lookup,
    marginal_distance,
    probability,
)
from llama.science.statistic.kernel import coincidence
from llama.science.statistic.observed import GWTrigger, Neutrinos

DEG2 = np.degrees(1.0) ** 2


def joined(*lists: Neutrinos) -> Neutrinos:
    names = Neutrinos.__dataclass_fields__
    return Neutrinos(*(np.concatenate([getattr(one, name) for one in lists]) for name in names))


def posterior(skymap, neutrinos, members=(0,), season=SEASON, search=CBC, trigger=TRIGGER) -> SkyMap:
    """The map given that these neutrinos come from the source."""
    result = coincidence(skymap, trigger, neutrinos, season, search)
    return joint_map(skymap, neutrinos, season, search, result, [Relation(tuple(members), 1.0)])


def brute(skymap, neutrinos, members, order, season=SEASON, search=CBC):
    """NESTED pixels of one order within 6σ of the first neutrino, and the density there from the equations."""
    first = members[0]
    centre = unit_vectors(neutrinos.ra_rad[first], neutrinos.dec_rad[first])
    reach = min(6 * neutrinos.sigma_rad[first], np.pi)
    pixel = healpy.query_disc(2**order, centre, reach, inclusive=True, nest=True)
    theta, phi = healpy.pix2ang(2**order, pixel, nest=True)
    cell = slow.cell_of(skymap, theta, phi)
    alpha, density = slow.alpha(season, np.cos(theta)), skymap.density[cell].copy()
    for i in members:
        quarter = np.square(healpy.ang2vec(theta, phi) - unit_vectors(neutrinos.ra_rad[i], neutrinos.dec_rad[i]))
        density *= np.exp(log_density(quarter.sum(axis=-1) / 4, neutrinos.sigma_rad[i]))
        density *= slow.signal_density(season, neutrinos.energy_gev[i], np.cos(theta)) / alpha
    for c in np.unique(cell):
        r, p = slow.radial_grid(skymap.distmu[c], skymap.distsigma[c])
        of_count = slow.q_one if len(members) == 1 else q_two
        here = np.flatnonzero(cell == c)
        grid = np.linspace(alpha[here].min(), alpha[here].max() + 1e-9, 8)
        density[here] *= np.interp(alpha[here], grid, (of_count(search, grid[:, None], r[None]) * p).sum(axis=-1))
    return theta, phi, density / (density.sum() * np.pi / 3 / 4**order)


def q_two(search, alpha, r):
    """∫dE P(E) n² e^{−n}."""
    x, w = np.polynomial.legendre.leggauss(40)
    span = np.log(search.e_nu_max_eu / search.e_nu_min_eu)
    energy = search.e_nu_min_eu * np.exp(span * (x + 1) / 2)
    n = search.n_51_100 * energy / 0.10502650 * (r[..., None] / 100) ** -2 * alpha[..., None]
    return (n * n * np.exp(-n) * w / 2).sum(axis=-1)


def area_of_pixels(density: np.ndarray, order: int, level: float) -> float:
    pixel = np.pi / 3 / 4**order
    total = np.cumsum(np.sort(density)[::-1]) * pixel
    return float(np.interp(level, total, np.arange(1, total.size + 1))) * pixel * DEG2


# --- one neutrino, several neutrinos, by brute force ----------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "sigma_deg, map_order, order", [(0.2, 4, 12), (1.0, 2, 10), (4.0, 3, 8), (12.0, 2, 7), (30.0, 3, 6)]
)
@pytest.mark.parametrize("dec", [-1.5, 0.02, 0.7297])
def test_the_map_is_that_of_fine_pixels(sigma_deg, map_order, order, dec):
    """Also on borders of the map's cells, near a pole and at the edge of the polar cap."""
    skymap, neutrino = rough_map(order=map_order), one(ra=np.pi / 2, dec=dec, sigma_deg=sigma_deg, energy=3e3)
    found = posterior(skymap, neutrino)
    theta, phi, density = brute(skymap, neutrino, (0,), order)
    ours = density_at(found, phi, np.pi / 2 - theta)
    assert np.abs(ours - density).sum() / density.sum() / 2 < 0.05  # one density in each cell
    for level in (0.5, 0.9, 0.99):
        assert credible_area_deg2(found, level) == pytest.approx(area_of_pixels(density, order, level), rel=0.015)


def test_a_pair_is_the_product_of_both():
    skymap = rough_map(order=3)
    pair = joined(one(ra=1.0, sigma_deg=3.0), one(ra=1.06, dec=0.33, sigma_deg=2.0, energy=8e3, dt=50))
    found = posterior(skymap, pair, (0, 1))
    theta, phi, density = brute(skymap, pair, (0, 1), 9)
    assert np.abs(density_at(found, phi, np.pi / 2 - theta) - density).sum() / density.sum() / 2 < 0.03
    assert credible_area_deg2(found, 0.9) == pytest.approx(area_of_pixels(density, 9, 0.9), rel=0.01)


@pytest.mark.parametrize("sigma_deg", [0.1, 2.0, 25.0])
def test_it_is_the_integrand_of_the_statistic(sigma_deg):
    """P f PSF over the integral that the odds use: what normalises the map is what gives the odds."""
    skymap, neutrino = rough_map(order=4), one(sigma_deg=sigma_deg)
    result = coincidence(skymap, TRIGGER, neutrino, SEASON, CBC)
    found = joint_map(skymap, neutrino, SEASON, CBC, result, [Relation((0,), 1.0)])
    nodes = result.nodes
    ra, dec = np.arctan2(nodes.direction[:, 1], nodes.direction[:, 0]), np.arcsin(nodes.direction[:, 2])
    weight = np.exp(nodes.log_weight + result.log_integrand - nodes.log_integral(result.log_integrand)[0])
    # the mean of any function of the direction is the same by both: here the direction itself
    assert weight.sum() == pytest.approx(1)
    apart = (weight[:, None] * nodes.direction).sum(axis=0) - (probability(found)[:, None] * directions(found)).sum(
        axis=0
    )
    assert np.linalg.norm(apart) < 2e-3 * np.radians(sigma_deg)
    assert np.isfinite(density_at(found, ra, dec)).all()


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma_deg", [1e-4, 0.002, 0.2])
@pytest.mark.parametrize("dec", [-1.2, 0.31, 1.4])
def test_a_sharp_neutrino_is_its_point_spread(sigma_deg, dec):
    """Whatever the size of the map's cells (NSIDE 16 here), as long as it lies well within one."""
    skymap = rough_map(order=4)
    ra, dec = (float(x[0]) for x in healpy_centre(4, 1.0, dec))
    found = posterior(skymap, one(ra=ra, dec=dec, sigma_deg=sigma_deg))
    for level in (0.5, 0.9):
        gaussian = 2 * np.pi * sigma_deg**2 * -np.log1p(-level)
        assert credible_area_deg2(found, level) == pytest.approx(gaussian, rel=0.01)
    centre = (probability(found)[:, None] * directions(found)).sum(axis=0)
    assert np.linalg.norm(centre - unit_vectors(ra, dec)) < 0.02 * np.radians(sigma_deg)
    assert found.ipix.size < skymap.ipix.size + 4000


def healpy_centre(order, ra, dec):
    pixel = healpy.ang2pix(2**order, np.pi / 2 - np.array([dec]), np.array([ra]), nest=True)
    theta, phi = healpy.pix2ang(2**order, pixel, nest=True)
    return phi, np.pi / 2 - theta


@pytest.mark.slow
def test_a_neutrino_from_anywhere_leaves_the_map_times_the_response():
    skymap, neutrino = rough_map(order=3), one(sigma_deg=1e4, energy=3e3)
    found = posterior(skymap, neutrino)
    _, _, density = brute(skymap, neutrino, (0,), 6)
    expected = density.reshape(found.ipix.size, -1).mean(axis=1)
    assert found.density == pytest.approx(expected, rel=0.02, abs=1e-3 * expected.max())
    assert set(found.order) == {5}


def test_nothing_known_of_the_merger_leaves_the_point_spread():
    found = posterior(isotropic(100, 20), one(sigma_deg=2.0, dec=0.3), season=UNIFORM)
    assert credible_area_deg2(found, 0.9) == pytest.approx(2 * np.pi * 4 * np.log(10), rel=0.01)


# --- what every map is ----------------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    skymaps(),
    st.floats(-2, 2.3).map(lambda x: 10**x),
    st.floats(0, 2 * np.pi),
    st.sampled_from([-1.0, -2 / 3, 0.0, 2 / 3, 1.0]) | st.floats(-1, 1),
)
def test_the_same_sky_in_cells_that_only_divide_the_maps(skymap, sigma_deg, ra, sin_dec):
    neutrino = one(ra=ra, dec=float(np.arcsin(sin_dec)), sigma_deg=sigma_deg)
    result = coincidence(skymap, TRIGGER, neutrino, SEASON, CBC)
    if not np.isfinite(result.log_b[0]):
        with pytest.raises(ValueError, match="no place in common"):
            joint_map(skymap, neutrino, SEASON, CBC, result, [Relation((0,), 1.0)])
        return
    found = joint_map(skymap, neutrino, SEASON, CBC, result, [Relation((0,), 1.0)])
    assert probability(found).sum() == pytest.approx(1, abs=1e-12)
    assert area_sr(found).sum() == pytest.approx(area_sr(skymap).sum(), rel=1e-12)
    inside = lookup(skymap, *centres(found))
    assert (found.order >= skymap.order[inside]).all()
    assert not found.density[skymap.density[inside] == 0].any()
    assert (found.distmu is None) == (skymap.distmu is None)


def test_neutrinos_where_the_map_is_zero_are_refused():
    half = rough_map(order=0)
    density = np.where(np.arange(12) < 4, half.density, 0.0)
    skymap = replace(half, density=density / np.sum(density * area_sr(half)))
    neutrino = one(dec=-1.5, sigma_deg=0.5)
    result = coincidence(skymap, TRIGGER, neutrino, SEASON, CBC)
    found = joint_map(skymap, neutrino, SEASON, CBC, result, [Relation((0,), 1.0)])
    assert probability(found).sum() == pytest.approx(1)  # far in the tail, but somewhere


# --- the average ----------------------------------------------------------------------------------------------------


def test_relations_are_those_of_the_odds():
    neutrinos = joined(one(), one(ra=1.01, dt=40, sigma_deg=2.0), several(4))
    for search in (CBC, replace(CBC, strangers=False), replace(CBC, complement=False)):
        result = coincidence(rough_map(), TRIGGER, neutrinos, SEASON, search)
        found = relations(result)
        assert sum(one.probability for one in found) == pytest.approx(1, abs=1e-12)
        signal, alone = result.ensemble.weights.signal, result.ensemble.weights.chance_gw
        assert found[0] == Relation((), pytest.approx(1 / (1 + np.exp(signal - alone)), abs=2e-5))
        by = {one.neutrinos: one.probability for one in found}
        assert (0, 1) in by
        assert by[0,] / by[1,] == pytest.approx(np.exp(result.log_odds[0] - result.log_odds[1]), rel=0.05)


def test_larger_sets_are_part_of_the_average():
    """Three alike: together they are far more probable than any pair, and "none" is as improbable as the odds say."""
    skymap, neutrinos = rough_map(), joined(one(), one(), one())
    result = coincidence(skymap, TRIGGER, neutrinos, SEASON, CBC)
    found = relations(result)
    none = 1 / (1 + np.exp(result.ensemble.log_b - result.log_complement))
    assert none == pytest.approx(0.132, abs=2e-3)  # with singles and pairs alone it would be 0.98
    assert found[0] == Relation((), pytest.approx(none, abs=1e-5))
    assert found[1] == Relation((0, 1), pytest.approx(0.865, abs=5e-3), larger=True)
    assert sum(each.probability for each in found) == pytest.approx(1, abs=1e-12)
    area = credible_area_deg2(joint_map(skymap, neutrinos, SEASON, CBC, result, found), 0.5)
    assert area < 2 * np.pi * np.log(1 / (1 - 0.5 / 0.865))  # within one neutrino's circle of as much


@pytest.mark.parametrize("p_astro", [0.0, 1e-9, 0.5, 1.0, None])
def test_relations_do_not_depend_on_whether_it_is_a_merger(p_astro):
    neutrinos = joined(one(), several(3))
    mid = relations(coincidence(rough_map(), GWTrigger(GPS, 12.0, 0.5), neutrinos, SEASON, CBC))
    found = relations(coincidence(rough_map(), GWTrigger(GPS, 12.0, p_astro), neutrinos, SEASON, CBC))
    if p_astro == 0.0:
        assert found == (Relation((), 1.0),)
    elif p_astro is not None:  # without, the distance mode is another
        assert [one.neutrinos for one in found] == [one.neutrinos for one in mid]
        assert [one.probability for one in found] == pytest.approx([one.probability for one in mid])


def test_the_average_is_that_of_its_parts():
    skymap = rough_map(order=4)
    neutrinos = joined(one(sigma_deg=1.0), one(ra=1.02, dec=0.31, sigma_deg=3.0, dt=-60, energy=9e3), several(3))
    result = coincidence(skymap, TRIGGER, neutrinos, SEASON, CBC)
    mixture = [Relation((), 0.2), Relation((0,), 0.3), Relation((1,), 0.4), Relation((0, 1), 0.1)]
    whole = joint_map(skymap, neutrinos, SEASON, CBC, result, mixture)
    parts = [joint_map(skymap, neutrinos, SEASON, CBC, result, [Relation(g.neutrinos, 1.0)]) for g in mixture]
    for around in (0, 1):
        centre = unit_vectors(neutrinos.ra_rad[around], neutrinos.dec_rad[around])
        for radius in (0.005, 0.02, 0.08):
            mean = sum(g.probability * held(part, centre, radius) for g, part in zip(mixture, parts, strict=True))
            assert held(whole, centre, radius) == pytest.approx(mean, rel=0.01)
    for level in (0.5, 0.9):
        assert max(credible_area_deg2(part, level) for part in parts) > credible_area_deg2(whole, level)


def held(m: SkyMap, centre: np.ndarray, radius: float) -> float:
    """Probability within a circle, each cell by the part of its pixels of order 11 that are in it."""
    pixel = healpy.query_disc(2**11, centre, radius, nest=True)
    theta, phi = healpy.pix2ang(2**11, pixel, nest=True)
    return float(density_at(m, phi, np.pi / 2 - theta).sum() * np.pi / 3 / 4**11)


def test_without_a_related_neutrino_the_map_is_left_alone():
    skymap = rough_map()
    for neutrinos in (take(one(), slice(0, 0)), one(dt=1e4)):
        result = coincidence(skymap, TRIGGER, neutrinos, SEASON, CBC)
        assert relations(result) == (Relation((), 1.0),)
        assert joint_map(skymap, neutrinos, SEASON, CBC, result, relations(result)) is skymap


# --- distance -------------------------------------------------------------------------------------------------------


def test_distance_parameters_are_those_of_ligo_skymap():
    mean, ratio = np.full(200, 250.0), np.geomspace(1e-3, 0.56, 200)
    ours, theirs = parameters(mean, mean * ratio), moments_to_parameters(mean, mean * ratio)
    for k in range(3):
        assert ours[k] == pytest.approx(theirs[k], rel=2e-4, abs=1e-3 * 250)
    back = parameters_to_moments(ours[0], ours[1])
    assert back[0] == pytest.approx(mean, rel=1e-5)
    assert back[1] == pytest.approx(mean * ratio, rel=1e-4)
    assert back[2] == pytest.approx(1 / (1 / ours[2]), rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("mu, sigma", [(40.0, 8.0), (400.0, 120.0), (3000.0, 800.0)])
def test_neutrinos_pull_the_source_nearer(mu, sigma, count):
    """Each cell's mean and spread are those of r² N(r) k! Q_k, by quadrature."""
    skymap = replace(rough_map(order=2), distmu=np.full(192, mu), distsigma=np.full(192, sigma))
    skymap = replace(skymap, distnorm=np.full(192, 1 / (mu**2 + sigma**2)))
    neutrinos = joined(one(sigma_deg=4.0), one(sigma_deg=5.0, dt=9.0))
    found = posterior(skymap, neutrinos, range(count))
    at = int(np.argmax(found.density))
    r, p = slow.radial_grid(mu, sigma, 2000)
    alpha = slow.alpha(SEASON, directions(found)[at, 2:])
    p = p * (slow.q_one if count == 1 else q_two)(CBC, alpha[:, None], r[None])[0]
    mean = (p * r).sum() / p.sum()
    std = np.sqrt((p * r * r).sum() / p.sum() - mean**2)
    ours = parameters_to_moments(found.distmu[at], found.distsigma[at])
    assert ours[:2] == pytest.approx((mean, std), rel=2e-3)
    assert found.distnorm[at] == pytest.approx(ours[2], rel=1e-4)
    assert found.distmean_mpc == pytest.approx(marginal_distance(found)[0])
    assert found.distmean_mpc < marginal_distance(skymap)[0]


def test_distances_are_carried_over_where_the_statistic_does_not_use_them():
    skymap = replace(rough_map(), distnorm=np.full(192, 1e-5), distmean_mpc=200.0)
    found = posterior(skymap, one(), search=replace(CBC, distance_mode="pinned"))
    assert found.distmu.tolist() == skymap.distmu[lookup(skymap, *centres(found))].tolist()


def test_cells_without_a_distance_keep_none():
    skymap = rough_map()
    gone = np.arange(192) % 2 == 0
    skymap = replace(
        skymap, distmu=np.where(gone, np.inf, skymap.distmu), distsigma=np.where(gone, 1.0, skymap.distsigma),
        distnorm=np.where(gone, 0.0, 1e-5),
    )  # fmt: skip
    found = posterior(skymap, one(sigma_deg=20.0))
    inside = lookup(skymap, *centres(found))
    assert np.isinf(found.distmu[gone[inside]]).all()
    assert not found.distnorm[gone[inside]].any()
    assert np.isfinite(found.distmu[~gone[inside]]).all()
