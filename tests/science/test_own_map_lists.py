"""Lists that are drawn from a bank: one of its neutrinos, picked twice, is no pair."""

from __future__ import annotations

import math

import numpy as np
import pytest

from llama.app import packaged
from llama.formats.searches import SearchesFile
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.significance.bank import Beside, Plan, SeasonData, draw_bank, proposals
from llama.science.significance.own_map import _Drawn, _with_pairs, generator
from llama.science.statistic import GWTrigger, prepare
from llama.studies.synthetic import gaussian_skymap

GPS = 1_011_973_667.0
SEASON = IceCubeTablesFile().read(packaged("icecube_tables.h5")).season("IC86-2012")
EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5")).season("IC86-2012")


@pytest.mark.slow
def test_a_neutrino_picked_twice_counts_twice_and_makes_no_pair() -> None:
    search = SearchesFile().read(packaged("search.json")).choose("cbc").search
    trigger = GWTrigger(GPS, None, 0.9, ("L1",))
    ready = prepare(gaussian_skymap(2.0, 0.1, math.radians(40), 100.0, 20.0), trigger, SEASON, search)
    stretch = SeasonData(
        EVENTS.within(search.energy_min_gev, search.energy_max_gev), 4e-3, np.array([[-500.0, 500.0]])
    )
    beside = Beside(ready, trigger, SEASON, search, (stretch,))
    bank = draw_bank(generator("S1"), beside, proposals(beside), Plan(2000, 64))
    best, other = np.argsort(-bank.log_b)[:2]
    pick, start = np.array([best, best, best, other]), np.array([0, 2, 4])
    drawn = _Drawn(pick, np.zeros(4), start, bank.log_b[pick], np.ones(2))
    assert drawn.each_once(0).tolist() == [0] and drawn.each_once(1).tolist() == [2, 3]
    _, every, pair = _with_pairs(generator("S2"), bank, drawn, np.linspace(-30, 30, 2000), 10)
    assert pair.shape == (2, 2) and (pair[0] == -1).all()
    for statistic in every.values():
        assert statistic[0] == drawn.singles[0] == bank.log_b[best] + math.log(2)
        assert statistic[1] >= drawn.singles[1]
