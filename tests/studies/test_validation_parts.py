"""The validation's own parts: draws against closed forms, the batch against the kernel, verdicts that can fail."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

import llama
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector import LN10, SeasonTable, alpha, log_background_density, signal_rows
from llama.science.distance import log_j1
from llama.science.search import Search
from llama.science.sky import SkyMap, SkyTree, conditional_moments, directions_of, log_density, unit_vectors
from llama.science.sky.skymap import density_at
from llama.science.statistic import GWTrigger, Neutrinos, coincidence
from llama.studies import truth
from llama.studies.background_density import BackgroundDraws
from llama.studies.synthetic import gaussian_skymap
from llama.studies.validation import evaluate, recovery, rivals, statements
from llama.studies.validation.events import inject
from llama.studies.validation.inputs import (
    CheckInputs,
    FileMap,
    GaussianMap,
    Population,
    populations_in,
    synthetic_pool,
)
from llama.studies.validation.tally import Tally

SEARCH = Search()
STRONG = replace(SEARCH, beaming=1.0, n_51_100=11.0, source_rate_mpc3_s=100 * SEARCH.source_rate_mpc3_s)
SEARCHES = SearchesFile().read(Path(llama.__file__).parent / "data/search.json")


@pytest.fixture(scope="module")
def season() -> SeasonTable:
    return IceCubeTablesFile().read(Path(llama.__file__).parent / "data/icecube_tables.h5").season("IC86-2011")


@pytest.fixture(scope="module")
def skymap() -> SkyMap:
    return gaussian_skymap(2.0, 0.3, math.radians(8), 250.0, 60.0)


@pytest.fixture(scope="module")
def inputs(season: SeasonTable) -> CheckInputs:
    maps = (GaussianMap(40.0, 10.0, 6.0, 200.0, 50.0), GaussianMap(200.0, -20.0, 10.0, 300.0, 60.0))
    return CheckInputs((Population("near", maps, "synthetic", SEARCH),), synthetic_pool(season, 20_000), season)


@pytest.mark.slow
@pytest.mark.parametrize(("mu", "sigma"), [(100.0, 20.0), (100.0, 150.0), (-300.0, 100.0), (-2000.0, 100.0)])
def test_distances_have_the_moments_of_their_density(mu: float, sigma: float) -> None:
    n = 20_000
    drawn = truth.draw_distance(np.random.default_rng(1), np.full(n, mu), np.full(n, sigma))
    mean, std = conditional_moments(mu, sigma)
    assert drawn.min() > 0
    assert drawn.mean() == pytest.approx(float(mean), abs=5 * float(std) / n**0.5)
    assert drawn.std() == pytest.approx(float(std), rel=0.05)


def test_energies_follow_the_response(season: SeasonTable) -> None:
    n, column = 20_000, 70
    drawn = np.log10(
        truth.draw_energies(np.random.default_rng(1), season, SEARCH, np.full(n, season.sin_dec[column]))
    )
    grid = np.linspace(2, 8, 1201)
    density = signal_rows(season, 10**grid)[:, column] * 10**grid * LN10
    cumulative = np.cumsum(density) / density.sum()
    reached = np.searchsorted(np.sort(drawn), grid) / n
    assert np.abs(reached - cumulative).max() < 0.02


@pytest.mark.parametrize("sigma_deg", [0.5, 20.0])
@pytest.mark.parametrize("dec_deg", [-90.0, 5.0, 89.0])
def test_scatter_follows_the_point_spread(sigma_deg: float, dec_deg: float) -> None:
    n, sigma = 20_000, math.radians(sigma_deg)
    centre = unit_vectors(1.0, math.radians(dec_deg))
    ra, dec = truth.scatter(np.random.default_rng(1), np.tile(centre, (n, 1)), np.full(n, sigma))
    seen = unit_vectors(ra, dec)
    kappa = 1 / sigma**2
    assert (seen @ centre).mean() == pytest.approx(1 / math.tanh(kappa) - sigma**2, abs=4 * sigma**2 / n**0.5)
    across = seen - (seen @ centre)[:, None] * centre
    assert np.abs(across.mean(axis=0)).max() < 5 * sigma / n**0.5


@pytest.mark.slow
def test_the_chance_of_no_neutrino_is_the_complement(season: SeasonTable, skymap: SkyMap) -> None:
    sources = truth.draw_sources(np.random.default_rng(1), skymap, season, SEARCH, 40_000)
    seen = -np.expm1(-sources.mean_count)
    analysis = evaluate.MapAnalysis.of(skymap, season, SEARCH)
    expected = (1 - math.exp(analysis.prepared.log_complement)) * SEARCH.beaming
    assert seen.mean() == pytest.approx(expected, abs=5 * seen.std() / 200)


def _lists(season: SeasonTable, skymap: SkyMap, events: int) -> tuple[evaluate.MapAnalysis, truth.Lists]:
    analysis = evaluate.MapAnalysis.of(skymap, season, STRONG)
    return analysis, inject(np.random.default_rng(5), analysis, synthetic_pool(season, 5000), events).lists


@pytest.mark.slow
def test_the_batch_says_what_each_event_says(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 25)
    found, p_astro = evaluate.ensemble(analysis, lists), np.full(25, 0.3)
    common = statements.log_odds_common(found, p_astro, analysis.prepared.log_complement)
    real = expit(statements.log_odds_real(found, p_astro, analysis.prepared.log_complement))
    for event in range(25):
        mine = truth.take(lists.neutrinos, slice(*lists.start[event : event + 2]))
        one = coincidence(skymap, GWTrigger(0.0, None, 0.3), mine, season, analysis.search)
        # pairs below 1e-6 of c are left out of the batch
        assert math.exp(common[event]) == pytest.approx(math.exp(one.ensemble.log_odds), rel=2e-3, abs=1e-5)
        assert real[event] == pytest.approx(one.p_astro_after, rel=2e-3)


@pytest.mark.slow
def test_what_is_out_of_reach_has_no_weight(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 60)
    near = evaluate.in_reach(analysis, lists.neutrinos, 1e-7)
    assert 0 < near.sum() < near.size
    found = evaluate.ensemble(analysis, lists.take(~near))
    assert np.exp(found.log_b_with).max() < 1e-7


@pytest.mark.slow
def test_a_neutrino_takes_part_in_no_more_than_all_terms(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 40)
    found = evaluate.ensemble(analysis, lists)
    apart = np.diff(lists.start)[lists.event] <= evaluate.MOST_APART
    assert apart.sum() > 100 and np.isfinite(found.log_b_with[apart]).any()
    assert (found.log_b_with <= found.log_b[lists.event] + 1e-9)[apart].all()


def test_a_wrong_probability_is_noticed() -> None:
    rng = np.random.default_rng(1)
    stated = rng.normal(0, 2, 20_000)
    assert Tally.of(stated, rng.random(stated.size) < expit(stated)).bins().worst < 4
    assert Tally.of(stated, rng.random(stated.size) < expit(1.2 * stated + 0.1)).bins().worst > 4


def test_bins_do_not_depend_on_the_truth() -> None:
    rng = np.random.default_rng(1)
    stated = rng.normal(-4, 3, 5000)
    one, other = (Tally.of(stated, rng.random(stated.size) < p).bins() for p in (0.1, 0.9))
    assert one.count.tolist() == other.count.tolist()
    assert one.count.sum() == stated.size


def test_detection_at_a_false_alarm_probability() -> None:
    background = np.array([0.0] * 90 + [1.0] * 8 + [2.0] * 2)
    for probability in (0.01, 0.02, 0.05, 0.1, 0.5):
        assert recovery.detected(background, background, probability).mean() == pytest.approx(probability)
    assert recovery.detected(background, np.array([0.0, 1.0, 3.0]), 0.06).tolist() == pytest.approx([0, 0.5, 1])


@pytest.mark.slow
def test_the_background_draw_has_the_density_of_the_statistic(season: SeasonTable) -> None:
    """Counts in bins of sin δ and log energy against the integral of P_emp, by an independent quadrature."""
    n, background = 200_000, BackgroundDraws.of(season, SEARCH)
    dec, energy = background.draw(np.random.default_rng(1), n)
    edges = np.linspace(-1, 1, 9), np.array([1.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 8.0])
    found = np.histogram2d(np.sin(dec), np.log10(energy), edges)[0]
    sin_dec, log_energy = np.linspace(-1, 1, 1601), np.linspace(1, 8, 2801)
    grid = np.exp(log_background_density(season, SEARCH, np.arcsin(sin_dec)[:, None], 10 ** log_energy[None]))
    density = grid * 10**log_energy * LN10 * 2 * np.pi
    expected = np.zeros_like(found)
    for i, j in np.ndindex(found.shape):
        z = (sin_dec >= edges[0][i] - 1e-9) & (sin_dec <= edges[0][i + 1] + 1e-9)
        x = (log_energy >= edges[1][j] - 1e-9) & (log_energy <= edges[1][j + 1] + 1e-9)
        expected[i, j] = np.trapezoid(np.trapezoid(density[np.ix_(z, x)], log_energy[x], axis=1), sin_dec[z])
    assert expected.sum() == pytest.approx(background.total, rel=5e-3)
    expected *= n / expected.sum()
    full = expected > 25
    assert full.sum() > 30
    assert (np.abs(found - expected)[full] < 5 * np.sqrt(expected[full]) + 0.02 * expected[full]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["bns", "bbh"])
def test_strangers_come_at_the_rate_of_the_closed_form(season: SeasonTable, name: str) -> None:
    """Drawn as sources; the closed form of the statistic gives their rate and their declinations."""
    search = replace(SEARCHES[name].search, n_51_100=110.0, source_rate_mpc3_s=5e-13 if name == "bbh" else 1e-10)
    events, sigmas = 4000, np.full(10, np.radians(0.1))
    lists = truth.draw_strangers(np.random.default_rng(3), sigmas, season, search, events)
    sin_dec = (np.arange(4000) + 0.5) / 2000 - 1
    horizon = search.horizon_mpc(search.e_gw_max_eu)
    per_sr = np.exp(log_j1(horizon, alpha(season, sin_dec) * search.count_max_mpc2, search.log_nu_span))
    rate = search.source_rate_mpc3_s / search.beaming * 2 * np.pi * per_sr * (2 / 4000)
    low, high = truth.window_s(search)
    for side in (sin_dec < 0, sin_dec > 0):
        expected = rate[side].sum() * (high - low) * events
        found = int((np.sign(lists.neutrinos.dec_rad) == np.sign(sin_dec[side][0])).sum())
        assert expected > 300
        assert found == pytest.approx(expected, abs=5 * expected**0.5 + 0.01 * expected)
    assert truth.stranger_counts(np.random.default_rng(4), season, search) == pytest.approx(
        rate.sum() * (high - low), rel=0.05
    )


def test_maps_are_found_by_population(data: Path, tmp_path: Path) -> None:
    maps = sorted((data / "skymaps/mock_and_sim/local_bayestar").glob("*.fits"))[:2]
    for path, name in zip(maps, ("bbh-o4", "two"), strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / path.name).symlink_to(path)
    found = populations_in(tmp_path, SEARCHES)
    assert [population.name for population in found] == ["bbh-o4", "two"]
    assert [population.search.name for population in found] == ["bbh", "cbc"]
    assert isinstance(found[0].maps[0], FileMap) and found[0].maps[0].read().distmu is not None
    assert populations_in(tmp_path / "nowhere", SEARCHES) == ()


@pytest.mark.slow
@pytest.mark.parametrize("sigma_deg", [0.7, 4.0])
@pytest.mark.parametrize("apart_deg", [0.0, 6.0])
def test_the_overlap_is_that_of_raven(sigma_deg: float, apart_deg: float) -> None:
    raven = pytest.importorskip("ligo.raven.search")
    skymap = gaussian_skymap(2.0, 0.3, math.radians(8), 60.0, 15.0)
    sigma, order = math.radians(sigma_deg), 8
    neutrino = Neutrinos(*np.array([[0.0], [2.0 + math.radians(apart_deg)], [0.3], [sigma], [1e4]]))
    centre = unit_vectors(neutrino.ra_rad, neutrino.dec_rad)
    pixels = np.arange(12 * 4**order)
    direction = directions_of(np.full(pixels.size, order), pixels)
    spread = np.exp(log_density(np.square(direction - centre).sum(axis=-1) / 4, sigma))
    ra, dec = np.arctan2(direction[:, 1], direction[:, 0]) % (2 * np.pi), np.arcsin(direction[:, 2])
    theirs = raven.skymap_overlap_integral(density_at(skymap, ra, dec), spread, se_nested=True, ext_nested=True)
    assert np.exp(rivals.log_overlap(SkyTree.of(skymap), neutrino)[0]) == pytest.approx(float(theirs), rel=1e-2)


def test_ravens_joint_rate() -> None:
    assert rivals.joint_far_hz(1e-6, 5e-3, 1000.0, 2.0) == pytest.approx(2.5e-6)
    assert rivals.joint_far_hz(1e-6, 5e-3, 1000.0, 0.0) == math.inf


def test_a_bystander_of_many_neutrinos_is_not_one_of_them(season: SeasonTable, skymap: SkyMap) -> None:
    analysis = evaluate.MapAnalysis.of(skymap, season, STRONG)
    count = 8
    ra = np.append(2.0 + np.radians(0.3) * np.arange(count - 1), 2.0 + np.radians(25.0))
    same = np.ones(count)
    neutrinos = Neutrinos(10 * np.arange(count) - 40.0, ra, 0.3 * same, np.radians(0.7) * same, 2e3 * same)
    lists = truth.Lists(neutrinos, np.zeros(count, np.int64), np.zeros(count, np.int64), 1)
    found = evaluate.ensemble(analysis, lists)
    share = np.exp(found.log_b_with - found.log_b[0])
    assert share[:-1].min() > 0.9
    assert share[-1] < 0.01
