"""The overlap quadrature against closed forms and brute force: every width, poles, edges, deep tails."""

from __future__ import annotations

import healpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llama.formats.skymap import read_skymap
from llama.science.overlap import overlap_nodes
from llama.science.sky.psf import log_density, unit_vectors
from llama.science.sky.quadtree import SkyTree, max_radius, vectors
from llama.science.sky.skymap import SkyMap

ISOTROPIC = SkyMap(np.zeros(12, np.uint8), np.arange(12), np.full(12, 1 / (4 * np.pi)))


def vmf_map(ra, dec, sigma, order):
    """A von Mises–Fisher map on pixels of one order."""
    ipix = np.arange(12 * 4**order)
    chord = np.square(vectors(order, ipix, 0.5, 0.5) - unit_vectors(ra, dec)).sum(axis=-1)
    log_d = log_density(chord / 4, sigma)
    density = np.exp(log_d - log_d.max())
    density /= density.sum() * np.pi / 3 / 4**order
    return SkyMap(np.full(ipix.size, order, np.uint8), ipix, density)


def log_overlap(skymap, ra, dec, sigma):
    return overlap_nodes(SkyTree.of(skymap), unit_vectors([ra], [dec]), np.array([sigma])).log_integral()[0]


def brute(skymap, ra, dec, sigma, order, reach=np.pi):
    """ln ∫ P PSF from pixels of one order within reach of the neutrino, in log space."""
    ipix = healpy.query_disc(2**order, unit_vectors(ra, dec), reach, inclusive=True, nest=True)
    return brute_at(ipix, skymap, ra, dec, sigma, order)


def brute_at(ipix, skymap, ra, dec, sigma, order):
    """The same from some pixels, for a map of pixels of one order."""
    theta, phi = healpy.pix2ang(2**order, ipix, nest=True)
    quarter = np.square(healpy.ang2vec(theta, phi) - unit_vectors(ra, dec)).sum(axis=-1) / 4
    parent = ipix >> 2 * (order - int(skymap.order[0]))
    with np.errstate(divide="ignore"):
        terms = np.log(skymap.density[parent]) + log_density(quarter, sigma)
    return terms.max() + np.log(np.exp(terms - terms.max()).sum()) + np.log(np.pi / 3 / 4**order)


@pytest.mark.parametrize("order", [0, 1, 4, 12, 29])
def test_pixel_geometry_is_healpix(order):
    ipix = np.random.default_rng(order).integers(0, 12 * 4**order, 500)
    theirs = np.stack(healpy.pix2vec(2**order, ipix, nest=True), axis=-1)
    assert np.abs(vectors(order, ipix, 0.5, 0.5) - theirs).max() < 3e-15
    assert max_radius(order) == pytest.approx(healpy.max_pixrad(2**order), rel=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("degrees", [0.002, 0.1, 0.5, 1, 3, 10, 30, 60, 90])
@pytest.mark.parametrize("dec", [-90.0, -41.81, 0.0, 37.0, 89.9])
def test_isotropic_map_gives_the_normalisation(degrees, dec):
    """∫ PSF/4π = 1/4π, whatever the width and wherever: poles, seams of the projection, the meridian."""
    for ra in (0.0, 1.234, 2 * np.pi - 1e-9):
        found = log_overlap(ISOTROPIC, ra, np.radians(dec), np.radians(degrees))
        assert found == pytest.approx(-np.log(4 * np.pi), abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("map_degrees", [10, 30])
@pytest.mark.parametrize(
    "degrees, apart", [(2, 0), (2, 5), (2, 30)] + [(d, a) for d in (10, 60) for a in (0, 5, 30, 75)]
)
def test_two_von_mises_fisher(map_degrees, degrees, apart):
    """C1 C2 4π sinh K/K with K = |κ1 μ1 + κ2 μ2|."""
    # pixels must be small against σ²/ψ too, or the closed form is not what a map of pixels has
    skymap = vmf_map(1.0, -0.5, np.radians(map_degrees), 7)
    dec = -0.5 + np.radians(apart)
    k1, k2 = 1 / np.radians(map_degrees) ** 2, 1 / np.radians(degrees) ** 2
    k = np.linalg.norm(k1 * unit_vectors(1.0, -0.5) + k2 * unit_vectors(1.0, dec))

    def log_c(kappa):
        return np.log(kappa / (2 * np.pi)) - kappa - np.log(-np.expm1(-2 * kappa))

    exact = log_c(k1) + log_c(k2) + np.log(2 * np.pi / k) + k + np.log(-np.expm1(-2 * k))
    assert log_overlap(skymap, 1.0, dec, np.radians(degrees)) == pytest.approx(exact, abs=1.5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("degrees, order", [(1.5, 10), (4, 9), (15, 8), (30, 8)])
@pytest.mark.parametrize("ra, dec", [(0.0, 0.0), (6.283, 1.5), (2.0, -1.5707), (0.785398, 0.7297), (4.0, -0.3)])
def test_brute_force_on_coarse_random_maps(degrees, order, ra, dec):
    """Cells of 15° with jumps between them and holes: against pixels of σ/20 and finer."""
    rng = np.random.default_rng(5)
    density = np.exp(rng.normal(0, 3, 192)) * (rng.random(192) > 0.3)
    density /= density.sum() * np.pi / 3 / 16
    skymap = SkyMap(np.full(192, 2, np.uint8), np.arange(192), density)
    sigma = np.radians(degrees)
    assert log_overlap(skymap, ra, dec, sigma) == pytest.approx(
        brute(skymap, ra, dec, sigma, order, min(9 * sigma, np.pi)), abs=1e-3
    )


@pytest.mark.parametrize("degrees, apart", [(10, 90), (10, 150), (6, 60), (3, 40), (30, 120)])
def test_tails_against_brute_force(degrees, apart):
    """The neutrino far from a map of a few pixels: everything comes from one edge."""
    skymap = SkyMap(np.full(4, 3, np.uint8), np.array([100, 101, 102, 103]), np.full(4, 16.0) * 12 / (4 * np.pi))
    x, y, z = vectors(2, np.array([25]), 0.5, 0.5)[0]
    dec, ra = np.arcsin(z), np.arctan2(y, x)
    dec -= np.radians(apart)
    if dec < -np.pi / 2:
        dec, ra = -np.pi - dec, ra + np.pi
    full = SkyMap(np.full(768, 3, np.uint8), np.arange(768), np.zeros(768))
    full.density[100:104] = skymap.density
    exact = brute_at(np.arange(100 << 16, 104 << 16), full, ra, dec, np.radians(degrees), 11)
    assert log_overlap(skymap, ra, dec, np.radians(degrees)) == pytest.approx(exact, abs=1e-3)


def test_no_width_is_too_small_for_a_real_map(data):
    """σ → 0: the integral is the density of the cell under the neutrino."""
    skymap = read_skymap(data / "skymaps" / "events" / "GW190412_PublicationSamples.multiorder.fits")
    best = int(np.argmax(skymap.density))
    x, y, z = vectors(int(skymap.order[best]), skymap.ipix[best : best + 1], 0.5, 0.5)[0]
    found = log_overlap(skymap, np.arctan2(y, x), np.arcsin(z), np.radians(0.002))
    assert found == pytest.approx(np.log(skymap.density[best]), abs=1e-4)


@pytest.mark.slow
def test_far_tails_stay_finite():
    """Review case c: PSF exponents far below the smallest double."""
    skymap = vmf_map(1.0, 0.2, np.radians(3), 8)
    assert -400 < log_overlap(skymap, 1.0, 0.2 + np.radians(75), np.radians(0.2)) < -200
    one = SkyMap(np.array([6], np.uint8), np.array([777]), np.array([12 * 4**6 / (4 * np.pi)]))
    assert -2e5 < log_overlap(one, 4.0, 0.2, np.radians(0.2)) < -1e4


def test_zero_everywhere_is_refused():
    with pytest.raises(ValueError, match="zero everywhere"):
        SkyTree.of(SkyMap(np.zeros(12, np.uint8), np.arange(12), np.zeros(12)))


@settings(deadline=None, max_examples=25)
@given(st.floats(0, 6.28), st.floats(-1.57, 1.57), st.floats(-1.5, 1.7), st.integers(0, 191))
def test_splitting_a_cell_changes_nothing(ra, dec, log10_degrees, split):
    rng = np.random.default_rng(split)
    density = np.exp(rng.normal(0, 1, 192))
    density /= density.sum() * np.pi / 3 / 16
    whole = SkyMap(np.full(192, 2, np.uint8), np.arange(192), density)
    rest = np.arange(192) != split
    order = np.concatenate([np.full(191, 2), np.full(4, 3)]).astype(np.uint8)
    ipix = np.concatenate([np.arange(192)[rest], 4 * split + np.arange(4)])
    by = np.argsort(ipix << 2 * (3 - order.astype(int)))
    parts = SkyMap(order[by], ipix[by], np.concatenate([density[rest], np.full(4, density[split])])[by])
    sigma = np.radians(10**log10_degrees)
    assert log_overlap(whole, ra, dec, sigma) == pytest.approx(log_overlap(parts, ra, dec, sigma), abs=1e-3)


def test_subnormal_densities_are_zero(data):
    """GW191222's tails end in numbers like 1e-321: no NaN, no infinity, no lost neutrino."""
    tree = SkyTree.of(read_skymap(data / "skymaps" / "gwtc3" / "GW191222_033537.Mixed.multiorder.fits"))
    assert np.isfinite(tree.log_probability).all() and np.isfinite(tree.direction).all()
    assert np.allclose(np.linalg.norm(tree.direction, axis=-1), 1)
    rng = np.random.default_rng(0)
    where = unit_vectors(rng.uniform(0, 6.28, 50), np.arcsin(rng.uniform(-1, 1, 50)))
    assert np.isfinite(overlap_nodes(tree, where, np.radians(rng.uniform(0.2, 5, 50))).log_integral()).all()


def test_order_of_neutrinos_does_not_matter():
    skymap = vmf_map(1.0, 0.2, np.radians(12), 5)
    rng = np.random.default_rng(2)
    where, sigma = unit_vectors(rng.uniform(0, 6, 7), rng.uniform(-1.5, 1.5, 7)), np.radians(rng.uniform(0.2, 20, 7))
    together = overlap_nodes(SkyTree.of(skymap), where, sigma).log_integral()
    back = overlap_nodes(SkyTree.of(skymap), where[::-1], sigma[::-1]).log_integral()[::-1]
    alone = [
        overlap_nodes(SkyTree.of(skymap), where[i : i + 1], sigma[i : i + 1]).log_integral()[0] for i in range(7)
    ]
    assert together == pytest.approx(back, abs=1e-12)
    assert together == pytest.approx(np.array(alone), abs=1e-12)


def test_means_over_nodes_are_weighted_with_probability():
    skymap = vmf_map(0.3, 0.9, np.radians(20), 3)
    tree = SkyTree.of(skymap)
    values = np.full(tree.cell.size, np.nan)
    leaf = tree.cell >= 0
    values[leaf] = np.arange(leaf.sum(), dtype=float)
    values[np.flatnonzero(leaf)[:5]] = np.nan
    means = tree.means(values)
    known = np.isfinite(values)
    weight = np.exp(tree.log_probability)
    faces = means[: tree.level[1]] @ tree.means(np.where(leaf, 1.0, np.nan))[: tree.level[1]]
    assert np.isfinite(faces)
    first = 0
    inside = known & leaf & (tree.ipix >> 6 == tree.ipix[first])
    assert means[first] == pytest.approx(np.average(values[inside], weights=weight[inside]))


def test_weights_of_any_size_keep_their_logarithms():
    """Cells whose probability times weight is e⁻⁹⁰⁰ of the largest, and the nodes above them."""
    tree = SkyTree.of(vmf_map(1.0, 0.3, 0.8, 3))
    leaf = tree.cell >= 0
    log_weight = np.where(leaf, -900.0 * (tree.direction[:, 2] < 0.2), 0.0)
    found = tree.weighted(log_weight)
    assert found.log_probability[leaf] == pytest.approx((tree.log_probability + log_weight)[leaf], abs=1e-9)
    for node in np.flatnonzero(~leaf):
        children = slice(int(tree.child[node]), int(tree.child[node] + tree.children[node]))
        assert found.log_probability[node] == pytest.approx(np.logaddexp.reduce(found.log_probability[children]))
