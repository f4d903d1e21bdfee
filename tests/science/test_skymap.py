"""Sky map algebra: what must hold for every map, checked on random ones and against healpy and ligo.skymap."""

from __future__ import annotations

import healpy
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ligo.skymap.postprocess.util import find_greedy_credible_levels
from tests.skymap_examples import skymaps

from llama.science.sky import healpix
from llama.science.sky.cells import from_cells, merge_siblings, split
from llama.science.sky.line_of_sight import conditional_moments
from llama.science.sky.skymap import (
    SkyMap,
    area_sr,
    centres,
    credible_area_deg2,
    credible_level,
    credible_region,
    density_at,
    directions,
    has_distance,
    lookup,
    marginal_distance,
    max_order,
    mean_distance,
    probability,
)

DEG2_PER_SR = np.degrees(1.0) ** 2
LEVELS = (0.0, 0.1, 0.5, 0.9, 0.999, 1.0)


def isotropic(order: int, **more: float) -> SkyMap:
    pixels = 12 << (2 * order)
    return from_cells(np.full(pixels, order), np.arange(pixels), np.full(pixels, 1 / (4 * np.pi)), **more)


def directions_on_sky(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 2 * np.pi, count), np.arcsin(rng.uniform(-1, 1, count))


def quarter_turn(m: SkyMap) -> SkyMap:
    """The map turned by +90° about the pole: a symmetry of HEALPix that shifts the base cells."""
    face, within = np.divmod(m.ipix, np.int64(1) << (2 * m.order.astype(np.int64)))
    turned = 4 * (face // 4) + (face + 1) % 4
    ipix = (turned << (2 * m.order.astype(np.int64))) + within
    distance = None if m.distmu is None else (m.distmu, m.distsigma, m.distnorm)
    return from_cells(m.order, ipix, m.density, distance)


# --- index arithmetic ---


@given(st.integers(0, 29), st.integers(0, 2**32))
def test_indices_agree_with_healpy(order: int, seed: int) -> None:
    ra, dec = directions_on_sky(seed, 20)
    nside = 1 << order
    cell = healpy.ang2pix(nside, np.pi / 2 - dec, ra, nest=True)
    assert (healpix.position_of(ra, dec) >> (2 * (29 - order)) == cell).all()
    assert (healpix.ring_from_nested(order, cell) == healpy.nest2ring(nside, cell)).all()
    assert (healpix.nested_from_ring(order, healpy.nest2ring(nside, cell)) == cell).all()
    assert np.allclose(healpix.directions_of(order, cell), np.stack(healpy.pix2vec(nside, cell, nest=True), -1))
    assert np.isclose(healpix.cell_area_sr(order), healpy.nside2pixarea(nside))
    back_order, back = healpix.from_uniq(healpix.uniq_of(order, cell))
    assert (back_order == order).all()
    assert (back == cell).all()


def test_pixel_counts() -> None:
    assert [healpix.order_of_pixel_count(12 << (2 * k)) for k in range(30)] == list(range(30))
    assert [healpix.order_of_pixel_count(n) for n in (0, -12, 1, 24, 12 * 3**2, 12 << 60)] == [None] * 6


@pytest.mark.parametrize("number", [-1, 0, 3, 16 << 58])
def test_numbers_that_no_cell_has(number: int) -> None:
    with pytest.raises(ValueError, match=f"not {number}"):
        healpix.from_uniq([4, number])


# --- maps ---


@given(skymaps())
@pytest.mark.slow
def test_a_map_is_a_density(m: SkyMap) -> None:
    assert probability(m).sum() == pytest.approx(1, abs=1e-12)
    assert area_sr(m).sum() <= 4 * np.pi * (1 + 1e-12)
    start, stop = healpix.positions(m.order, m.ipix)
    assert (stop[:-1] <= start[1:]).all()
    assert np.allclose(np.linalg.norm(directions(m), axis=1), 1)
    ra, dec = centres(m)
    assert ((ra >= 0) & (ra < 2 * np.pi)).all()
    assert (lookup(m, ra, dec) == np.arange(len(m.ipix))).all()
    assert (density_at(m, ra, dec) == m.density).all()


@given(skymaps(), st.integers(0, 2**32))
def test_lookup_finds_the_cell_or_says_there_is_none(m: SkyMap, seed: int) -> None:
    ra, dec = directions_on_sky(seed)
    found = lookup(m, ra, dec)
    for k in range(max_order(m) + 1):
        cell = healpy.ang2pix(1 << k, np.pi / 2 - dec, ra, nest=True)
        here = (found >= 0) & (m.order[found] == k)
        assert (m.ipix[found[here]] == cell[here]).all()
        assert not np.isin(cell[found < 0], m.ipix[m.order == k]).any()
    assert (density_at(m, ra, dec)[found < 0] == 0).all()


def test_lookup_of_one_direction_gives_one_index() -> None:
    m = isotropic(1)
    assert lookup(m, 0.1, 0.2).shape == ()
    assert density_at(m, 0.1, np.pi / 2) == pytest.approx(1 / (4 * np.pi))
    assert lookup(m, 2 * np.pi + 0.1, 0.2) == lookup(m, 0.1, 0.2)


@pytest.mark.slow
@given(skymaps(), st.data())
def test_splitting_a_cell_changes_nothing(m: SkyMap, data: st.DataObject) -> None:
    cells = data.draw(st.lists(st.integers(0, len(m.ipix) - 1), min_size=1, max_size=20))
    fine = split(m, cells)
    ra, dec = directions_on_sky(len(cells))
    assert len(fine.ipix) == len(m.ipix) + 3 * len(set(cells))
    assert (density_at(fine, ra, dec) == density_at(m, ra, dec)).all()
    coarse_at, fine_at = lookup(m, ra, dec), lookup(fine, ra, dec)
    inside = coarse_at >= 0
    assert np.allclose(
        credible_level(m)[coarse_at[inside]], credible_level(fine)[fine_at[inside]], rtol=0, atol=1e-12
    )
    assert np.allclose(areas(fine), areas(m), rtol=1e-9, atol=1e-9)
    assert mean_distance(fine) == (None if mean_distance(m) is None else pytest.approx(mean_distance(m)))


@pytest.mark.slow
@given(skymaps(), st.data())
def test_merging_siblings_inverts_splitting(m: SkyMap, data: st.DataObject) -> None:
    least = merge_siblings(m)
    fine = least
    for _ in range(data.draw(st.integers(1, 3))):
        fine = split(fine, data.draw(st.lists(st.integers(0, len(fine.ipix) - 1), min_size=1, max_size=8)))
    assert_same(merge_siblings(fine), least)
    assert_same(merge_siblings(least), least)


@pytest.mark.slow
@given(skymaps())
def test_a_quarter_turn_permutes(m: SkyMap) -> None:
    turned = quarter_turn(m)
    ra, dec = centres(m)
    there = lookup(turned, ra + np.pi / 2, dec)
    assert (np.sort(there) == np.arange(len(m.ipix))).all()
    assert (turned.density[there] == m.density).all()
    assert np.allclose(credible_level(turned)[there], credible_level(m), rtol=0, atol=1e-12)
    assert np.allclose(areas(turned), areas(m))
    x, y, z = directions(m).T
    assert np.allclose(directions(turned)[there], np.stack([-y, x, z], axis=-1))
    again = quarter_turn(quarter_turn(quarter_turn(turned)))
    assert_same(again, m)


@given(skymaps(), st.integers(0, 2**32))
def test_the_order_of_the_cells_does_not_matter(m: SkyMap, seed: int) -> None:
    mixed = np.random.default_rng(seed).permutation(len(m.ipix))
    distance = None if m.distmu is None else (m.distmu[mixed], m.distsigma[mixed], m.distnorm[mixed])
    assert_same(from_cells(m.order[mixed], m.ipix[mixed], m.density[mixed], distance), m)


@pytest.mark.slow
@given(skymaps())
def test_credible_levels_and_areas_fit_together(m: SkyMap) -> None:
    level = credible_level(m)
    assert ((level > 0) & (level <= 1)).all()
    for cell in range(0, len(level), 17):
        region = m.density >= m.density[cell]
        assert probability(m)[region].sum() == pytest.approx(level[cell])
        if m.density[cell] > 1e-6:  # thinner cells hold less probability than a level near one can resolve
            assert credible_area_deg2(m, level[cell]) == pytest.approx(area_sr(m)[region].sum() * DEG2_PER_SR)
    assert (np.diff(areas(m)) >= 0).all()
    assert areas(m)[0] == 0
    assert areas(m)[-1] == pytest.approx(area_sr(m)[m.density > 0].sum() * DEG2_PER_SR)


@given(skymaps(), st.sampled_from(LEVELS))
def test_a_credible_region_is_the_smallest_of_cells_that_holds_enough(m: SkyMap, level: float) -> None:
    inside = credible_region(m, level)
    assert inside.any() and m.density[inside].min() > 0
    assert m.density[inside].min() > m.density[~inside].max(initial=0.0)
    assert probability(m)[inside].sum() >= level - 1e-12
    without_last = inside & (m.density > m.density[inside].min())
    assert probability(m)[without_last].sum() < level or not without_last.any()
    assert area_sr(m)[inside].sum() * DEG2_PER_SR >= credible_area_deg2(m, level) * (1 - 1e-9)


def test_a_credible_region_has_the_cell_that_crosses_the_level() -> None:
    north, south = healpy.ang2pix(8, [10.0, 10.0], [19.0, -48.0], nest=True, lonlat=True)
    density = np.array([0.526, 0.474]) / area_sr(isotropic(3))[0]
    m = from_cells(np.array([3, 3]), np.array([north, south]), density)
    assert credible_region(m, 0.9).all()
    assert credible_region(m, 0.5).tolist() == (m.ipix == north).tolist()


def test_credible_levels_without_ties_are_those_of_ligo_skymap() -> None:
    rng = np.random.default_rng(3)
    prob = rng.exponential(size=12 << 8)
    prob /= prob.sum()
    m = from_cells(np.full(prob.size, 4), np.arange(prob.size), prob * prob.size / (4 * np.pi))
    assert np.allclose(credible_level(m), find_greedy_credible_levels(prob))


def test_an_isotropic_map() -> None:
    m = isotropic(3)
    assert len(merge_siblings(m).ipix) == 12
    assert (credible_level(m) == 1).all()
    assert credible_area_deg2(m, 0.9) == pytest.approx(0.9 * 4 * np.pi * np.degrees(1) ** 2)
    with pytest.raises(ValueError, match=r"between 0 and 1, not 90"):
        credible_area_deg2(m, 90)


def areas(m: SkyMap) -> list[float]:
    return [credible_area_deg2(m, level) for level in LEVELS]


def assert_same(a: SkyMap, b: SkyMap) -> None:
    for name in ("order", "ipix", "density", "distmu", "distsigma", "distnorm"):
        one, other = getattr(a, name), getattr(b, name)
        assert (one is None) == (other is None)
        if one is not None:
            assert one.dtype == other.dtype
            assert np.array_equal(one, other), name


# --- what no map may be ---


@pytest.mark.parametrize(
    ("order", "ipix", "density", "message"),
    [
        ([0], [0], [np.nan], r"infinite or not a number"),
        ([0], [0], [np.inf], r"infinite or not a number"),
        ([0, 0], [0, 1], [1.0, -0.1], r"negative, down to -0\.1"),
        ([0], [0], [0.0], r"all probabilities are zero"),
        ([0], [0], [0.5 * 3 / np.pi], r"sum to 0\.5, not to 1"),
        ([0, 1], [0, 3], [1.0, 1.0], r"1 cells overlap the next one, the first at order 0, cell 0"),
        ([0, 0], [0, 0], [1.0, 1.0], r"overlap"),
        ([1], [48], [1.0], r"no cell 48 at HEALPix order 1"),
        ([0], [-1], [1.0], r"no cell -1"),
        ([30], [0], [1.0], r"orders run from 0 to 29"),
        ([], [], [], r"no cells"),
    ],
)
def test_cells_that_make_no_map(order: list[int], ipix: list[int], density: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_cells(order, ipix, density)


def test_a_sum_slightly_off_is_renormalised_and_rounding_is_left_alone() -> None:
    assert probability(from_cells([0], [5], [0.9995 * 3 / np.pi])).sum() == pytest.approx(1, abs=1e-15)
    assert from_cells([0], [5], [(1 + 1e-14) * 3 / np.pi]).density[0] == (1 + 1e-14) * 3 / np.pi


def test_cells_of_the_finest_order_cannot_be_split() -> None:
    tiny = from_cells([29], [7], [3 / np.pi * 4.0**29])
    assert lookup(tiny, *centres(tiny)) == 0
    with pytest.raises(ValueError, match="order 29 have no children"):
        split(tiny, [0])


# --- distance ---


@given(st.floats(-1000, 1000), st.floats(0.01, 100))
@settings(deadline=None)
def test_moments_along_a_line_of_sight_are_exact(x: float, sigma: float) -> None:
    mean, std = conditional_moments(x * sigma, sigma)
    with mpmath.workdps(80):
        # I_{k+1} = x I_k + k I_{k-1} in as many digits as the cancellation eats
        lower, upper = mpmath.ncdf(x), x * mpmath.ncdf(x) + mpmath.npdf(x)
        integrals = [lower, upper]
        for k in range(1, 4):
            integrals.append(x * integrals[k] + k * integrals[k - 1])
        exact = integrals[3] / integrals[2]
        spread = mpmath.sqrt(integrals[4] / integrals[2] - exact**2)
    assert mean == pytest.approx(float(exact) * sigma, rel=1e-12)
    assert std == pytest.approx(float(spread) * sigma, rel=1e-11)


def test_the_mean_distance_is_that_of_the_header_or_else_of_the_cells() -> None:
    columns = (np.full(12, 100.0), np.full(12, 10.0), np.full(12, 1e-4))
    flat = np.full(12, 1 / (4 * np.pi))
    m = from_cells(np.zeros(12), np.arange(12), flat, columns, distmean_mpc=7, diststd_mpc=2)
    expected = tuple(float(v) for v in conditional_moments(100, 10))
    assert mean_distance(m) == (7, 2)
    assert marginal_distance(m) == pytest.approx(expected)
    assert mean_distance(from_cells(np.zeros(12), np.arange(12), flat, columns, distmean_mpc=7)) == pytest.approx(
        expected
    )
    assert mean_distance(isotropic(0)) is None
    assert mean_distance(isotropic(0, distmean_mpc=np.nan, diststd_mpc=1.0)) is None


def test_cells_without_a_valid_distance_are_marked_and_left_out() -> None:
    mu = np.array([np.nan, np.inf, -np.inf, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 50.0, 100.0])
    sigma = np.array([1.0, 1.0, 1.0, np.nan, 0.0, -1.0, np.inf, 5.0, 5.0, 5.0, 5.0, 5.0])
    norm = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, np.nan, np.inf, 1.0, 1.0])
    m = from_cells(np.zeros(12), np.arange(12), np.full(12, 1 / (4 * np.pi)), (mu, sigma, norm))
    assert has_distance(m).tolist() == [False] * 10 + [True] * 2
    assert m.distmu is not None
    assert np.isposinf(m.distmu[:10]).all()
    assert (m.distnorm[:10] == 0).all()
    mean, std = marginal_distance(m)
    each = conditional_moments([50.0, 100.0], 5.0)
    assert mean == pytest.approx(each[0].mean())
    assert std == pytest.approx(np.sqrt((each[1] ** 2).mean() + each[0].std() ** 2))
