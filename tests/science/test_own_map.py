"""The own-map background against exact lists of the same events, and how far labels scatter about it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.science.own_map_cases import around, beside, exact, flat, season, stated, supply

from llama.science.arrays import Float
from llama.science.detector import SeasonEvents, SeasonTable
from llama.science.significance import Beside, own_background
from llama.science.significance.bank import Plan, proposals
from llama.science.significance.own_map import ListCounts, generator
from llama.science.significance.own_map import _round as one_bank
from llama.science.sky import SkyMap

LABELS, LISTS, BANK = 100, ListCounts(2_000, 2_000), Plan(12_000, 320)
pytestmark = pytest.mark.timeout(2400)

MAPS = {"sharp": around(120.0, 20.0, 3.0), "wide": around(250.0, -10.0, 15.0, 800.0), "flat": flat()}


@pytest.fixture(scope="module")
def packaged() -> tuple[SeasonTable, SeasonEvents]:
    return season()


def _whole(skymap: SkyMap, packaged: tuple[SeasonTable, SeasonEvents]) -> Beside:
    return beside(skymap, packaged[0], supply(*packaged))


def _level(found: Beside, p: float) -> float:
    """ln B̃ that the background itself reaches about so often."""
    background = own_background(found, "level", {"event": np.empty(0)})
    by = np.argsort(-background.statistics["event"])
    reached = np.cumsum(background.weight[by]) / background.weight.sum()
    return float(background.statistics["event"][by][np.searchsorted(reached, p)])


def _labels(found: Beside, threshold: float) -> Float:
    """(labels, 2) p and its error of as many banks, smaller ones than events get: `llama dev validate` has those."""
    made, asked = proposals(found), {"event": np.array([threshold])}
    drawn = (one_bank(generator(f"label {k}"), found, made, BANK, LISTS, asked) for k in range(LABELS))
    every = [one.p_values["event"][0] for one in drawn]
    return np.array([(one.p, math.hypot(one.error_lists, one.error_bank)) for one in every])


@pytest.mark.slow
@pytest.mark.parametrize("skymap", MAPS)
def test_p_is_the_fraction_of_exact_lists(skymap: str, packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    found, lists = _whole(MAPS[skymap], packaged), 1000
    reached = exact(found, 3, lists)
    for p in (0.1, 0.02):
        threshold = _level(found, p)
        one = stated(found, "some", threshold)
        error = math.sqrt(one.p * (1 - one.p) / lists + one.error_lists**2 + one.error_bank**2)
        assert abs(float((reached >= threshold).mean()) - one.p) < 4 * error


@pytest.mark.slow
def test_one_neutrino_of_the_bank_twice_is_no_pair(packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    """Beside a flat map all neutrinos of the bank are alike, so a list often has one of few hundred twice.

    0.0145 ± 0.0009 of 20 000 exact lists reach this statistic; with such pairs 0.04 did.
    """
    one = stated(_whole(flat(), packaged), "flat", -4.53365963)
    assert one.p == pytest.approx(0.0145, abs=3 * math.hypot(one.error, 0.0009))


@pytest.mark.slow
@pytest.mark.parametrize(("skymap", "p"), [("sharp", 0.01), ("wide", 0.1), ("flat", 0.01)])
def test_labels_scatter_as_stated(skymap: str, p: float, packaged: tuple[SeasonTable, SeasonEvents]) -> None:
    found = _whole(MAPS[skymap], packaged)
    of_label = _labels(found, _level(found, p))
    spread = of_label[:, 0].std(ddof=1) / math.sqrt(np.square(of_label[:, 1]).mean())
    assert 0.8 < spread < 1.25


@pytest.mark.slow
def test_a_short_piece_of_another_season_is_not_made_too_related(
    packaged: tuple[SeasonTable, SeasonEvents],
) -> None:
    """Two seasons that are the same, one of them in a fiftieth of the window, are one season."""
    skymap = MAPS["sharp"]
    whole = _whole(skymap, packaged)
    parts = beside(skymap, packaged[0], supply(*packaged, ((-500.0, 480.0),)), supply(*packaged, ((480.0, 500.0),)))
    threshold = _level(whole, 0.01)
    one, other = (np.array([stated(each, f"{k}", threshold).p for k in range(6)]) for each in (whole, parts))
    error = math.hypot(*(each.std(ddof=1) / math.sqrt(6) for each in (one, other)))
    assert abs(one.mean() - other.mean()) < 4 * error + 0.02 * one.mean()
