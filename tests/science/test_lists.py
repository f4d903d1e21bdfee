"""Many neutrino lists beside one sky map: each gives what it gives by itself, to the last bit."""

from __future__ import annotations

import numpy as np
import pytest
from test_coincidence import CBC, SEASON, TRIGGER, isotropic, rough_map

from llama.science.search import Search
from llama.science.sky import SkyMap
from llama.science.statistic import ListStatistics, NeutrinoLists, Neutrinos, coincidence, list_statistics, prepare

FLAT = isotropic(100.0, 20.0)
COUNTS = (0, 7, 1, 0, 3, 12, 2, 60)


def lists(seed: int) -> NeutrinoLists:
    """NeutrinoLists of `COUNTS` neutrinos; those of the last ones near each other, so that pairs matter."""
    rng, start = np.random.default_rng(seed), np.cumsum([0, *COUNTS])
    n = int(start[-1])
    crowded = np.arange(n) >= start[4]
    dec = np.where(crowded, rng.normal(0.3, 0.05, n), np.arcsin(rng.uniform(-1, 1, n)))
    ra = np.where(crowded, rng.normal(2.0, 0.05, n), rng.uniform(0, 2 * np.pi, n))
    gps = TRIGGER.gps_s + rng.uniform(-520, 520, n)
    energy, sigma = 10 ** rng.uniform(2.5, 6, n), np.radians(rng.lognormal(0, 0.8, n).clip(0.2, 40))
    return NeutrinoLists(Neutrinos(gps, ra % (2 * np.pi), dec, sigma, energy), start)


def only(every: NeutrinoLists, i: int) -> Neutrinos:
    some = slice(int(every.start[i]), int(every.start[i + 1]))
    return Neutrinos(*(getattr(every.neutrinos, name)[some] for name in Neutrinos.__dataclass_fields__))


def alone(skymap: SkyMap, search: Search, one: Neutrinos) -> ListStatistics:
    ready = prepare(skymap, TRIGGER, SEASON, search)
    return list_statistics(ready, TRIGGER, NeutrinoLists(one, np.array([0, len(one)])), SEASON, search)


@pytest.mark.parametrize("skymap", [FLAT, rough_map(5)], ids=["flat", "rough"])
@pytest.mark.slow
def test_a_list_gives_the_same_bits_in_any_company(skymap: SkyMap) -> None:
    every = lists(1)
    found = list_statistics(prepare(skymap, TRIGGER, SEASON, CBC), TRIGGER, every, SEASON, CBC)
    for i in range(len(every)):
        mine = alone(skymap, CBC, only(every, i))
        some = slice(int(every.start[i]), int(every.start[i + 1]))
        np.testing.assert_array_equal(found.log_b[some], mine.log_b)
        np.testing.assert_array_equal(found.log_lambda[some], mine.log_lambda)
        assert (found.event[i], found.ensemble[i]) == (mine.event[0], mine.ensemble[0])


@pytest.mark.slow
def test_the_coincidence_is_the_case_of_one_list() -> None:
    every, skymap = lists(2), rough_map(5)
    ready = prepare(skymap, TRIGGER, SEASON, CBC)
    found = list_statistics(ready, TRIGGER, every, SEASON, CBC)
    assert np.isfinite(found.event).sum() > 4
    assert (found.ensemble != found.event).any()  # of some, larger sets matter
    for i in range(len(every)):
        one = coincidence(skymap, TRIGGER, only(every, i), SEASON, CBC, ready)
        some = slice(int(every.start[i]), int(every.start[i + 1]))
        np.testing.assert_array_equal(found.log_b_apart[some], one.log_b_apart)
        assert found.event[i] == one.event.log_b - one.log_complement
        assert found.ensemble[i] == one.ensemble.log_b - one.log_complement


def test_no_list_and_no_neutrino() -> None:
    none = Neutrinos(*(np.empty(0) for _ in Neutrinos.__dataclass_fields__))
    ready = prepare(FLAT, TRIGGER, SEASON, CBC)
    assert list_statistics(ready, TRIGGER, NeutrinoLists(none, np.zeros(1, np.int64)), SEASON, CBC).event.size == 0
    assert (
        list_statistics(ready, TRIGGER, NeutrinoLists(none, np.zeros(3, np.int64)), SEASON, CBC).event.tolist()
        == [-np.inf] * 2
    )
