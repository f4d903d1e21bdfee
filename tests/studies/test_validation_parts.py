"""The validation's own parts: draws against closed forms, the batch against the kernel, verdicts that can fail."""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

import llama
from llama.formats.tables import IceCubeTablesFile
from llama.science.coincidence import coincidence
from llama.science.distance import conditional_moments
from llama.science.healpix import directions_of
from llama.science.o2 import Cells
from llama.science.observed import GWTrigger, Neutrinos
from llama.science.psf import log_density, unit_vectors
from llama.science.response import LN10, SeasonTable, signal_rows
from llama.science.search import Search
from llama.science.skymap import SkyMap, density_at
from llama.studies.synthetic import gaussian_skymap
from llama.studies.validation import calibration, evaluate, recovery, rivals, truth, uniformity
from llama.studies.validation.background import Background
from llama.studies.validation.blocks import run_blocks
from llama.studies.validation.events import inject
from llama.studies.validation.inputs import (
    FileMap,
    GaussianMap,
    Inputs,
    Population,
    generator,
    populations_in,
    synthetic_pool,
)
from llama.studies.validation.tally import Tally

SEARCH = Search()


@pytest.fixture(scope="module")
def season() -> SeasonTable:
    return IceCubeTablesFile().read(Path(llama.__file__).parent / "data/icecube_tables.h5").season("IC86-2011")


@pytest.fixture(scope="module")
def skymap() -> SkyMap:
    return gaussian_skymap(2.0, 0.3, math.radians(8), 250.0, 60.0)


@pytest.fixture(scope="module")
def inputs(season: SeasonTable) -> Inputs:
    maps = (GaussianMap(40.0, 10.0, 6.0, 200.0, 50.0), GaussianMap(200.0, -20.0, 10.0, 300.0, 60.0))
    return Inputs((Population("near", maps, "synthetic"),), synthetic_pool(season, SEARCH, 20_000), season, SEARCH)


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


def test_the_chance_of_no_neutrino_is_the_complement(season: SeasonTable, skymap: SkyMap) -> None:
    sources = truth.draw_sources(np.random.default_rng(1), skymap, season, SEARCH, 40_000)
    seen = -np.expm1(-sources.mean_count)
    analysis = evaluate.Analysis.of(skymap, season, SEARCH)
    expected = (1 - math.exp(analysis.prepared.log_complement)) * SEARCH.beaming
    assert seen.mean() == pytest.approx(expected, abs=5 * seen.std() / 200)


def _lists(season: SeasonTable, skymap: SkyMap, events: int) -> tuple[evaluate.Analysis, truth.Lists]:
    search = calibration.models(SEARCH)[1].search
    analysis = evaluate.Analysis.of(skymap, season, search)
    rng = np.random.default_rng(5)
    inputs = Inputs((), synthetic_pool(season, search, 5000), season, search)
    return analysis, inject(rng, analysis, inputs, events).lists


def test_the_batch_says_what_each_event_says(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 25)
    found, p_astro = evaluate.ensemble(analysis, lists), np.full(25, 0.3)
    common = calibration.log_odds_common(found, p_astro, analysis.prepared.log_complement)
    real = expit(calibration.log_odds_real(found, p_astro, analysis.prepared.log_complement))
    for event in range(25):
        mine = truth.take(lists.neutrinos, slice(*lists.start[event : event + 2]))
        one = coincidence(skymap, GWTrigger(0.0, None, 0.3), mine, season, analysis.search)
        # pairs below 1e-6 of c are left out of the batch, and λ is integrated on another grid
        assert math.exp(common[event]) == pytest.approx(math.exp(one.ensemble.log_odds), rel=2e-3, abs=1e-5)
        assert real[event] == pytest.approx(one.p_astro_after, rel=2e-3)


def test_what_is_out_of_reach_has_no_weight(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 60)
    near = evaluate.in_reach(analysis, lists.neutrinos, 1e-7)
    assert 0 < near.sum() < near.size
    found = evaluate.ensemble(analysis, lists.take(~near))
    assert np.exp(found.log_b_with).max() < 1e-7


def test_a_neutrino_takes_part_in_no_more_than_all_terms(season: SeasonTable, skymap: SkyMap) -> None:
    analysis, lists = _lists(season, skymap, 40)
    found = evaluate.ensemble(analysis, lists)
    assert (found.log_b_with <= found.log_b[lists.event] + 1e-9).all()


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


def test_p_values_that_are_not_uniform_are_noticed() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(size=3000)
    assert uniformity.ks(table, rng.normal(size=3000))[1] > uniformity.LEAST_P
    assert uniformity.ks(table, rng.normal(0.2, size=3000))[1] < uniformity.LEAST_P


def test_maps_that_differ_are_the_unit_of_chance() -> None:
    rng = np.random.default_rng(1)
    skymap = np.repeat(np.arange(20), 100)
    offset = 3 * rng.normal(size=20)[skymap]  # maps differ a lot, as they do
    samples = [uniformity.Sample(rng.normal(size=2000) + offset, skymap) for _ in range(2)]
    splits = uniformity.split_maps(rng, *samples, ways=200)
    assert splits.p > uniformity.LEAST_P
    assert uniformity.ks(samples[0].of_maps(np.arange(0, 20, 2)), samples[1].of_maps(np.arange(1, 20, 2)))[1] < 1e-3


def test_detection_at_a_false_alarm_probability() -> None:
    background = np.array([0.0] * 90 + [1.0] * 8 + [2.0] * 2)
    for probability in (0.01, 0.02, 0.05, 0.1, 0.5):
        assert recovery.detected(background, background, probability).mean() == pytest.approx(probability)
    assert recovery.detected(background, np.array([0.0, 1.0, 3.0]), 0.06).tolist() == pytest.approx([0, 0.5, 1])


def test_blocks_do_not_depend_on_the_workers(inputs: Inputs) -> None:
    model = calibration.models(SEARCH)[1]
    blocks = calibration.blocks(inputs, model, 30)
    assert sum(block.events for block in blocks) == 30
    task = functools.partial(calibration.tally_block, inputs, 7)
    one, two = run_blocks(task, blocks, 1), run_blocks(task, blocks, 2)
    for here, there in zip(one, two, strict=True):
        for name in here:
            assert here[name].stated.tolist() == there[name].stated.tolist()
            assert here[name].true.tolist() == there[name].true.tolist()


def test_blocks_and_studies_draw_different_numbers() -> None:
    drawn = {generator(*key).random() for key in ((1, "a", 0), (1, "a", 1), (1, "b", 0), (2, "a", 0))}
    assert len(drawn) == 4


def test_the_background_draw_has_the_density_of_the_statistic(season: SeasonTable) -> None:
    background = Background.of(season, SEARCH)
    dec, energy = background.draw(np.random.default_rng(1), 20_000)
    assert 0.8 < background.total < 1.1
    assert energy.min() >= SEARCH.energy_min_gev and energy.max() <= SEARCH.energy_max_gev
    assert np.abs(dec).max() <= np.pi / 2


def test_maps_are_found_by_population(data: Path, tmp_path: Path) -> None:
    maps = sorted((data / "skymaps/mock_and_sim/local_bayestar").glob("*.fits"))[:2]
    for path, name in zip(maps, ("one", "two"), strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / path.name).symlink_to(path)
    found = populations_in(tmp_path)
    assert [population.name for population in found] == ["one", "two"]
    assert isinstance(found[0].maps[0], FileMap) and found[0].maps[0].read().distmu is not None
    assert populations_in(tmp_path / "nowhere") == ()


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
    assert rivals.overlap_integral(Cells.of(skymap, skymap.density), neutrino, 0) == pytest.approx(
        float(theirs), rel=1e-2
    )


def test_ravens_joint_rate() -> None:
    assert rivals.joint_far_hz(1e-6, 5e-3, 1000.0, 2.0) == pytest.approx(2.5e-6)
    assert rivals.joint_far_hz(1e-6, 5e-3, 1000.0, 0.0) == math.inf


def test_a_bystander_of_many_neutrinos_is_not_one_of_them(season: SeasonTable, skymap: SkyMap) -> None:
    analysis = evaluate.Analysis.of(skymap, season, calibration.models(SEARCH)[1].search)
    count = 8
    ra = np.append(2.0 + np.radians(0.3) * np.arange(count - 1), 2.0 + np.radians(25.0))
    same = np.ones(count)
    neutrinos = Neutrinos(10 * np.arange(count) - 40.0, ra, 0.3 * same, np.radians(0.7) * same, 2e3 * same)
    lists = truth.Lists(neutrinos, np.zeros(count, np.int64), np.zeros(count, np.int64), 1)
    found = evaluate.ensemble(analysis, lists)
    share = np.exp(found.log_b_with - found.log_b[0])
    assert share[:-1].min() > 0.9
    assert share[-1] < 0.01
