"""The check of own-map p-values: what it draws, and that its verdict fails when p or its error is wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import llama
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.arrays import Float
from llama.science.search import Search
from llama.science.significance import Beside, OwnMapP
from llama.science.statistic import Neutrinos
from llama.studies.blocks import Blocks, InTurn
from llama.studies.truth import window_s
from llama.studies.validation import own_map_check, own_map_draws
from llama.studies.validation.check import Check
from llama.studies.validation.evaluate import MapAnalysis
from llama.studies.validation.inputs import CheckInputs, GaussianMap, Population, synthetic_pool
from llama.studies.validation.observed import ObservedSeason
from llama.studies.validation.own_map_check import OnMap, OwnMapSize, check_own_map, judge
from llama.studies.validation.own_map_draws import AS_ARRAYS, MapDraws, MapTask

DATA = Path(llama.__file__).parent / "data"
LISTS = 10_000


@pytest.fixture(scope="module")
def inputs() -> CheckInputs:
    season = IceCubeTablesFile().read(DATA / "icecube_tables.h5").season("IC86-2012")
    events = IceCubeEventsFile().read(DATA / "icecube_events.h5").season("IC86-2012")
    maps = (GaussianMap(120.0, 20.0, 4.0, 120.0, 30.0), GaussianMap(250.0, -40.0, 9.0, 900.0, 200.0))
    return CheckInputs(
        (Population("near", maps, "synthetic", Search()),), synthetic_pool(season, 1000), season, events
    )


def _judged(
    factor: float = 1.0,
    error_factor: float = 1.0,
    each: float = 0.0,
    scatter: float = 1.0,
    labels: int = 50,
    seen: float = 1.0,
) -> Check:
    """Thirty maps, whose p stated scatters by 5 % and is off by `factor`; by e^±each of every second one.

    Real windows reach each level `seen` times as often as lists.
    """
    rng, found = np.random.default_rng(4), []
    for k in range(30):
        rows, repeats = [], []
        for level in (0.1, 0.01):
            p = level * factor * np.exp((-1) ** k * each) * (1 + 0.05 * rng.normal())
            rows.append(
                (level, -3.0, p, 0.05 * error_factor * p, *(rng.binomial(LISTS, [level, seen * level]) / LISTS))
            )
            others = level * (1 + 0.05 * scatter * rng.normal(size=labels if k % 10 == 0 else 0))
            repeats.append(np.stack([others, np.full(others.size, 0.05 * level)], axis=-1))
        found.append(
            OnMap(f"map {k}", "some", MapDraws(100.0, LISTS, LISTS, True, np.array(rows), np.array(repeats)))
        )
    return judge(found)


def test_right_p_values_pass() -> None:
    check = _judged()
    assert check.verdict == "pass" and "50 labels" in check.value
    assert [len(table.rows) for table in check.tables] == [60, 6]


@pytest.mark.parametrize("factor", [0.85, 1.15])
def test_p_values_wrong_on_all_maps_are_noticed(factor: float) -> None:
    assert _judged(factor, labels=0).verdict == "fail"


def test_errors_that_cancel_over_maps_are_noticed() -> None:
    assert _judged(each=0.2, labels=0).verdict == "fail"


def test_windows_that_are_unlike_the_background_are_noticed() -> None:
    assert _judged(seen=1.15, labels=0).verdict == "fail"


@pytest.mark.parametrize("factor", [0.2, 8.0])
def test_errors_stated_wrong_are_noticed(factor: float) -> None:
    assert _judged(error_factor=factor, labels=0).verdict == "fail"


@pytest.mark.parametrize("scatter", [0.6, 1.5])
def test_labels_that_scatter_otherwise_than_stated_are_noticed(scatter: float) -> None:
    assert _judged(scatter=scatter).verdict == "fail"


def test_few_labels_are_shown_and_not_judged() -> None:
    check = _judged(scatter=3.0, labels=10)
    assert check.verdict == "pass" and "10 labels" in check.value and len(check.tables) == 2


def test_nothing_drawn_is_nothing_passed() -> None:
    empty = MapDraws(100.0, 20, 0, True, np.empty((0, 6)), np.empty((0, 0, 2)))
    assert judge([OnMap("small", "some", empty)]).verdict == "not judged"


def test_windows_are_not_asked_about_what_is_too_rare_for_them() -> None:
    rows = np.array([(level, -3.0, level, 0.01 * level, level, 0.0) for level in (0.1, 0.01, 0.001)])
    drawn = MapDraws(100.0, 100_000, 10_000, True, rows, np.empty((3, 0, 2)))
    found = [OnMap("one", "some", drawn)]
    judged = [level for level in (0.1, 0.01, 0.001) if own_map_check.dispersion(found, level, own_map_check.WINDOWS)]
    assert judged == [0.1, 0.01]
    assert own_map_check.dispersion(found, 0.001, own_map_check.LISTS) is not None


@pytest.mark.parametrize(
    ("lists", "levels"),
    [
        (50, ()),
        (500, (0.1,)),
        (10_000, (0.1, 0.01)),
        (100_000, (0.1, 0.01, 0.001)),
        (200_000, (0.1, 0.01, 0.001, 0.0001)),
    ],
)
def test_levels_are_those_that_lists_can_judge(lists: int, levels: tuple[float, ...]) -> None:
    assert MapTask(0, 0, GaussianMap(0.0, 0.0, 5.0, 100.0, 10.0), lists, 0, 0).levels == levels


def test_some_maps_have_more_lists_and_others_more_labels() -> None:
    maps = tuple(GaussianMap(float(k), 0.0, 5.0, 100.0, 10.0) for k in range(20))
    season = IceCubeTablesFile().read(DATA / "icecube_tables.h5").season("IC86-2012")
    populations = tuple(Population(name, maps, "synthetic", Search()) for name in ("bbh", "bns"))
    drawn = CheckInputs(populations, synthetic_pool(season, 1000), season)
    tasks = own_map_check.tasks_of(drawn, OwnMapSize(1_000, 10_000, 50, deep_maps=10, deep_lists=200_000))
    assert [task.number for task in tasks if task.lists == 200_000] == list(range(2, 40, 4))
    assert {task.windows for task in tasks} == {10_000}
    assert [task.number for task in tasks if task.repeats] == [0, 19, 39]
    every = own_map_check.tasks_of(
        replace(drawn, populations=populations[:1]), OwnMapSize(10, 10_000, 50, deep_maps=10, deep_lists=200_000)
    )
    assert all(task.lists == 200_000 and not task.repeats for task in every), "ten maps are all of them"


@pytest.mark.slow
def test_the_statistic_asked_for_is_about_as_rare_as_said(inputs: CheckInputs) -> None:
    analysis = MapAnalysis.of(inputs.populations[0].maps[0].read(), inputs.season, Search())
    beside, levels = own_map_draws.beside_map(inputs, analysis), (0.1, 0.01, 0.001, 0.0001)
    reached = own_map_draws.reached_by(beside, "about", levels)
    assert np.all(np.diff(reached) > 0)
    stated = [own_map_draws.stated_at(beside, "other", threshold).p for threshold in reached.tolist()]
    assert np.all(np.abs(np.log(np.divide(stated, levels))) < np.log(2))


@pytest.mark.slow
def test_a_map_is_drawn_and_kept_whole(inputs: CheckInputs) -> None:
    task = MapTask(3, 0, inputs.populations[0].maps[1], 200, 200, 2)
    drawn = own_map_draws.draw_map(inputs, 1, task)
    kept = AS_ARRAYS.result(AS_ARRAYS.arrays(drawn))
    assert (kept.area_deg2, kept.lists, kept.windows, kept.has_distance) == (drawn.area_deg2, 200, 0, True)
    assert np.isnan(drawn.rows[:, 5]).all(), "no archive, no windows"
    assert drawn.rows.shape == (1, 6) and drawn.repeats.shape == (1, 2, 2)
    assert np.array_equal(kept.rows, drawn.rows, equal_nan=True) and np.array_equal(kept.repeats, drawn.repeats)
    assert len({drawn.rows[0, 2], *drawn.repeats[0, :, 0].tolist()}) == 3, "each label has its own random numbers"


@pytest.mark.slow
def test_a_background_wrong_by_half_is_noticed(inputs: CheckInputs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawn, not made up: p stated 1.5 times too large."""
    right = own_map_draws.stated_at

    def wrong(beside: Beside, label: str, threshold: float) -> OwnMapP:
        found = right(beside, label, threshold)
        return replace(found, p=1.5 * found.p)

    size, by = OwnMapSize(2, 800, 0), Blocks(InTurn())
    assert check_own_map(inputs, 1, size, by).verdict == "pass"
    monkeypatch.setattr(own_map_draws, "stated_at", wrong)
    assert check_own_map(inputs, 1, size, by).verdict == "fail"


def _observed(rng: np.random.Generator, events: int, runs_gps_s: Float) -> ObservedSeason:
    """Events at random times, some of them outside the runs."""
    gps = np.sort(rng.uniform(0.0, 30_000.0, events))
    ra, dec = rng.uniform(0, 6.28, events), rng.uniform(-1.5, 1.5, events)
    energy = 10 ** rng.uniform(2, 5, events)
    return ObservedSeason(Neutrinos(gps, ra, dec, np.full(events, 0.01), energy), runs_gps_s, "some events")


def test_windows_as_they_were_against_a_count_one_by_one() -> None:
    search = Search()
    observed = _observed(
        np.random.default_rng(2), 3000, np.array([[500.0, 9800.0], [12_000.0, 12_900.0], [20_000.0, 29_000.0]])
    )
    low, high = window_s(search)
    triggers = observed.triggers(search)
    assert triggers.size == int(9300 / (high - low)) + int(9000 / (high - low)), "none in a run that is too short"
    assert np.all(np.diff(triggers) >= high - low - 1e-6)
    lists = observed.lists(search, triggers)
    seen = observed.neutrinos
    energies = (seen.energy_gev >= search.energy_min_gev) & (seen.energy_gev <= search.energy_max_gev)
    for event, trigger in enumerate(triggers.tolist()):
        mine = energies & (seen.gps_s >= trigger + low) & (seen.gps_s < trigger + high)
        at = slice(*lists.start[event : event + 2])
        assert np.allclose(lists.neutrinos.gps_s[at], seen.gps_s[mine] - trigger)
        assert np.array_equal(lists.neutrinos.ra_rad[at], seen.ra_rad[mine]), "where they were"


@pytest.mark.slow
def test_a_map_is_looked_at_with_windows_of_its_own(inputs: CheckInputs) -> None:
    rng = np.random.default_rng(5)
    observed = _observed(rng, 190, np.array([[0.0, 30_000.0]]))
    looked = replace(inputs, observed=observed)
    analysis = MapAnalysis.of(inputs.populations[0].maps[0].read(), inputs.season, Search())
    found = own_map_draws.observed_statistics(rng, looked, analysis, 1000)
    one_by_one = own_map_draws.observed_statistics(np.random.default_rng(9), looked, analysis, 1000, at_once=1)
    assert found.size == observed.triggers(Search()).size == one_by_one.size
    np.testing.assert_allclose(found, one_by_one, atol=1e-9)
    assert own_map_draws.observed_statistics(rng, looked, analysis, 7).size == 7
    assert own_map_draws.observed_statistics(rng, inputs, analysis, 7).size == 0
