"""The p-value of joint searches: closed forms, what is drawn, and that background has uniform ones."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import kstest

from llama.app import packaged
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.companions import (
    Companion,
    GRBModel,
    Listening,
    Looked,
    Measured,
    Unrelated,
    draw_measured,
    log_double_power_law,
    not_listening,
    rarer,
)
from llama.science.significance.bank import SeasonData
from llama.science.significance.own_company import (
    Gathering,
    _candidates,
    _neutrinos,
    _some,
    at_most,
    company_background,
    weighed,
)
from llama.science.significance.places import DrawnPlaces
from llama.science.sky import SkyMap, circle, from_cells, lookup, probability, unit_vectors
from llama.science.statistic import (
    GWTrigger,
    NeutrinoLists,
    company,
    everyone_silent,
    list_statistics,
    rate_hz,
)
from llama.studies.synthetic import gaussian_skymap

GPS = 1_011_973_667.0
SEASON = IceCubeTablesFile().read(packaged("icecube_tables.h5")).season("IC86-2012")
SEARCH = SearchesFile().read(packaged("search.json")).choose("bns").search
TRIGGER = GWTrigger(GPS, None, 0.9, ("H1", "L1"))
EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5")).season("IC86-2012")
STRETCH = SeasonData(
    EVENTS.within(SEARCH.energy_min_gev, SEARCH.energy_max_gev), rate_hz(SEASON, SEARCH), np.array([[-500.0, 500.0]])
)
SKY = gaussian_skymap(2.0, 0.1, math.radians(6), 60.0, 15.0)
RATE_HZ, WINDOW_S, SIGMA_RAD = 1e-2, 6.0, math.radians(4)
MODEL = GRBModel()


def sees(gps_s: float, ra_rad: float, dec_rad: float) -> Companion:
    """A candidate that says nothing but where and when."""
    there = circle(ra_rad, dec_rad, {SIGMA_RAD: 1.0}, {})
    return Companion("one", gps_s, -1.0, 5.0, there, RATE_HZ, 0.0, lambda r: np.full(np.shape(r), -3.0))


def any_place(rng: np.random.Generator, gps_s: float, ra_rad: float, dec_rad: float) -> Companion:
    return sees(gps_s + rng.uniform(-1, 5), ra_rad, dec_rad)


UNRELATED = Unrelated(RATE_HZ * WINDOW_S, any_place, SIGMA_RAD)


def heard(*companions: Companion, like: Unrelated | None = UNRELATED) -> Listening:
    return Listening("radio", companions, lambda r: np.full(np.shape(r), math.log(0.98)), unrelated=like)


def gathering(*, neutrinos: bool = False, sky: SkyMap = SKY, listening: Listening | None = None) -> Gathering:
    season, parts = (SEASON, (STRETCH,)) if neutrinos else (None, ())
    return Gathering(sky, TRIGGER, season, SEARCH, parts, (listening or heard(),))


def log_b(*companions: Companion, sky: SkyMap = SKY) -> float:
    return company(sky, TRIGGER, None, SEARCH, [heard(*companions)]).event.log_b


@pytest.mark.slow
def test_a_lone_candidate_is_as_rare_as_one_that_comes_so_near() -> None:
    """Round maps: as related are those that come at all and as near, (1 − cos ψ)/2 of the sky."""
    apart = math.radians(12)
    found = company_background(gathering(), "S1", log_b(sees(GPS + 2, 2.0, 0.1 + apart)))
    expected = -math.expm1(-UNRELATED.expected) * (1 - math.cos(apart)) / 2
    assert found.p.p == pytest.approx(expected, abs=3.5 * found.p.error)
    assert found.p.error < 0.4 * expected and not found.p.is_limit
    assert found.chance == pytest.approx(-math.expm1(-UNRELATED.expected)) and found.lists == 0


@pytest.mark.slow
def test_one_that_may_be_anywhere_is_as_rare_as_any() -> None:
    """An isotropic map tells no place from another: p is the chance that one comes."""
    n = 12 * 4**2
    sky = from_cells(np.full(n, 2), np.arange(n), np.full(n, 1 / (4 * np.pi)))
    everywhere = from_cells(np.zeros(12, dtype=int), np.arange(12), np.full(12, 1 / (4 * np.pi)))

    def draw(rng: np.random.Generator, gps_s: float, ra_rad: float, dec_rad: float) -> Companion:
        return replace(sees(gps_s + rng.uniform(-1, 5), ra_rad, dec_rad), skymap=everywhere)

    like = heard(like=Unrelated(0.01, draw, 0.0))
    one = replace(sees(GPS + 2, 0.0, 0.0), skymap=everywhere)
    given = gathering(sky=sky, listening=like)
    value = company(sky, TRIGGER, None, SEARCH, [replace(like, companions=(one,))]).event.log_b
    assert company_background(given, "S1", value, 10).p.p == pytest.approx(-math.expm1(-0.01), rel=1e-9)


def test_what_says_nothing_has_a_p_value_of_one() -> None:
    assert company_background(gathering(), "S1", -np.inf).p.p == 1.0


@pytest.mark.slow
def test_with_no_candidate_the_statistic_is_that_of_lists_beside_a_silent_merger() -> None:
    rng = np.random.default_rng(4)
    given = gathering(neutrinos=True)
    silence = everyone_silent(SKY, TRIGGER, SEASON, SEARCH, given.listenings)
    assert silence.host is not None
    ready = replace(silence.ready, radial=silence.host.radial)
    for _ in range(4):
        neutrinos = _neutrinos(given, rng)
        ra = 2.0 + rng.normal(0, 0.1, len(neutrinos))
        neutrinos = replace(neutrinos, ra_rad=ra, dec_rad=0.1 + rng.normal(0, 0.1, ra.size))
        lists = list_statistics(ready, TRIGGER, NeutrinoLists.of([neutrinos]), SEASON, SEARCH)
        alone = float(lists.ensemble[0]) + ready.log_complement
        for shared in (None, silence):
            found = company(SKY, TRIGGER, (neutrinos, SEASON), SEARCH, given.listenings, shared)
            assert found.event.log_b == pytest.approx(alone, abs=1e-10)


@pytest.mark.slow
def test_neutrinos_alone_are_as_related_as_that_no_more_often_than_their_mean_allows() -> None:
    """Mean B̃ of background lists is 1 − c, less what strangers and silences take: Markov's bound is above it."""
    given = gathering(neutrinos=True)
    found = company_background(replace(given, listenings=()), "S1", -6.0)
    assert found.chance == 0 and found.draws == 0
    assert 0 < found.p.p < at_most(given, SEASON, -6.0)
    far = company_background(given, "S1", 14.0, 40)
    assert far.without.p == pytest.approx(at_most(given, SEASON, 14.0)) and far.lists == 0
    assert at_most(given, SEASON, 14.0) == pytest.approx(at_most(given, SEASON, 0.0) * math.exp(-14.0))


@pytest.mark.slow
def test_p_values_of_background_are_uniform() -> None:
    """Candidates as they come, given that one does: where among the drawn each of them is."""
    rng = np.random.default_rng(7)
    cosine = rng.uniform(-1, 1, 24)
    each = [
        log_b(sees(GPS + 1, ra, math.asin(z))) for ra, z in zip(rng.uniform(0, 2 * np.pi, 24), cosine, strict=True)
    ]
    weights, values = np.empty(120), np.empty(120)
    places = DrawnPlaces.of(SKY, UNRELATED)
    for i in range(120):
        ra, dec, weights[i] = places.draw(rng)
        values[i] = log_b(sees(GPS + 1, ra, dec))
    p = [weighed(weights, values >= one).p for one in each]
    assert kstest(p, "uniform").pvalue > 0.01


@pytest.mark.slow
def test_weights_of_places_make_up_for_where_they_are_drawn() -> None:
    for like in (UNRELATED, replace(UNRELATED, looked=Looked(0.6, 0.1))):
        places = DrawnPlaces.of(SKY, like)
        assert places.chance.sum() == pytest.approx(1) == pytest.approx(places.drawn.sum())
        assert (places.chance <= 2 * places.drawn + 1e-15).all()
    inside = lookup(SKY, 2.0, 0.1)
    assert places.drawn[inside] > 5 * places.chance[inside]
    # of a tenth of the sky, the rest of which is not among the densest 60 %
    densest = places.chance > np.median(places.chance) * 1.0001
    assert float(probability(SKY)[densest].sum()) == pytest.approx(0.6, abs=0.05)


@pytest.mark.slow
def test_weights_of_several_candidates_make_up_for_the_one_that_is_drawn_near() -> None:
    many = Unrelated(3.0, any_place, SIGMA_RAD)
    given, rng = gathering(listening=heard(like=many)), np.random.default_rng(12)
    drawn = [_candidates(given, rng, [DrawnPlaces.of(SKY, many)]) for _ in range(120)]
    weight = np.array([one for _, one in drawn])
    assert weight.max() <= 2 + 1e-9
    assert weight.mean() == pytest.approx(1.0, abs=0.25)
    count = np.array([len(found.companions) for (found,), _ in drawn])
    assert np.average(count, weights=weight) == pytest.approx(3 / -math.expm1(-3), rel=0.25)


@pytest.mark.slow
def test_drawn_places_are_in_their_cells() -> None:
    places, rng = DrawnPlaces.of(SKY, UNRELATED), np.random.default_rng(3)
    drawn = np.array([places.draw(rng) for _ in range(2000)])
    assert (drawn[:, 2] * np.abs(drawn[:, 1]) > 0).all()
    assert drawn[:, 2].mean() == pytest.approx(1.0, abs=0.06)
    middle = (unit_vectors(drawn[:, 0], drawn[:, 1]) * drawn[:, 2, None]).mean(axis=0)
    assert np.abs(middle).max() < 0.08  # weighed, they are all over the sky


def test_numbers_that_are_not_zero_are_poisson() -> None:
    rng = np.random.default_rng(2)
    for expected in (1e-4, 0.7, 5.0):
        found = np.array([_some(rng, expected) for _ in range(4000)])
        assert found.min() == 1
        assert found.mean() == pytest.approx(expected / -math.expm1(-expected), rel=0.05)


def test_drawn_bursts_are_those_of_the_catalogue() -> None:
    rng, known = np.random.default_rng(5), Measured(t90_s=1.0, fluence=1e-6, duration_class="short")
    drawn = [draw_measured(rng, MODEL, known) for _ in range(4000)]
    fluence = np.array([one.fluence for one in drawn])
    grid = np.geomspace(1e-11, 1e-1, 4000)
    laws = (
        MODEL.short_share
        * np.exp(log_double_power_law(grid, MODEL.short_fluence, MODEL.short_fluence_rise, MODEL.short_fluence_fall)),
        (1 - MODEL.short_share)
        * np.exp(log_double_power_law(grid, MODEL.long_fluence, MODEL.long_fluence_rise, MODEL.long_fluence_fall)),
    )
    density = (laws[0] + laws[1]) * grid
    reached = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(np.log(grid)))])
    assert kstest(fluence, lambda s: np.interp(np.log(s), np.log(grid), reached)).pvalue > 1e-3
    labelled = np.mean([one.duration_class == "short" for one in drawn])
    expected = (MODEL.short_share - MODEL.long_wrong) / (MODEL.short_right - MODEL.long_wrong)
    assert labelled == pytest.approx(expected, abs=0.03)
    assert draw_measured(rng, MODEL, Measured()) == Measured()
    assert draw_measured(rng, MODEL, Measured(subthreshold=True)).subthreshold


def test_the_rarer_transients_are_among_the_more_frequent() -> None:
    kinds = [rarer([0.3, 0.1, 0.3, 1.0], at) for at in (np.arange(1000) + 0.5) / 1000]
    assert [kinds.count(k) for k in (1, 3)] == [100, 700]
    assert kinds.count(0) + kinds.count(2) == 200


def test_a_messenger_that_hears_nothing_adds_nothing() -> None:
    deaf = Listening("radio", (), not_listening, unrelated=replace(UNRELATED, expected=0.0))
    assert company_background(gathering(listening=deaf), "S1", -3.0).p.p == 0.0
