"""What holds for the files of both searches, and where the exact search over the whole list differs."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from significance_examples import (
    BNS,
    BNS_EXACT,
    GPS,
    INFO,
    ODDS,
    SEARCHES,
    SEASON,
    SKYMAP,
    found,
    neutrino_list,
    populations,
    row,
    table,
)

from llama.analyses.result.weights import odds_and_weights
from llama.analyses.telling.reading import read_report
from llama.engine.errors import NotYet
from llama.science.significance import BackgroundTable, Populations, Searches
from llama.science.statistic import EventStatistic, LogWeights

CLOSE = (row(1, 30.0, 114.5), row(2, 60.0, 114.6), row(3, 90.0, 114.7), row(4, 100.0, 250.0))
READ_BY_PARTNERS = {"i3event", "dt", "ra", "dec", "sigma", "p_value"}
BARE = replace(SKYMAP, distmu=None, distsigma=None, distnorm=None, distmean_mpc=None, diststd_mpc=None)


@pytest.fixture(params=["opa", "subthreshold"])
def search_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("neutrinos", [CLOSE, CLOSE[:1], ()])
@pytest.mark.parametrize("terrestrial", [0.0, 1e-6, 0.4, 1.0])
def test_odds_are_signal_over_the_rest_to_the_last_digit(
    search_type: str, neutrinos: Any, terrestrial: float
) -> None:
    p_astro = {"BNS": 1 - terrestrial, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": terrestrial}
    result = found(neutrinos=neutrino_list(*neutrinos), p_astro=p_astro, search_type=search_type)
    assert result["odds_ratio"] == result["p_h_s1"] / (result["p_h_0"] + result["p_h_c"])
    assert (result["log_odds_ratio"] is None) == (result["odds_ratio"] == 0) == (not neutrinos or terrestrial == 1)
    if result["odds_ratio"]:
        assert math.log(result["odds_ratio"]) == pytest.approx(result["log_odds_ratio"], abs=1e-13)
    weights = {name: math.exp(-math.inf if log is None else log) for name, log in result["log_weights"].items()}
    assert weights["signal"] == pytest.approx(result["p_h_s1"], rel=1e-12)
    assert weights["noise"] == pytest.approx(result["p_h_0"], rel=1e-12)
    assert weights["chance_gw"] + weights["chance_neutrino"] == pytest.approx(result["p_h_c"], rel=1e-12)
    after = (weights["signal"] + weights["chance_gw"]) / sum(weights.values())
    assert result["p_astro"]["before"] == 1 - terrestrial
    assert result["p_astro"]["after"] == pytest.approx(after, rel=2e-3)  # that of the exact form in both files


def test_weights_too_large_for_a_number_keep_their_ratio() -> None:
    clear = odds_and_weights(EventStatistic(900.0, LogWeights(*np.array([900.0, 500.0, 1.0, 400.0]))))
    assert clear["odds_ratio"] == pytest.approx(math.exp(400.0), rel=1e-12)
    assert clear["odds_ratio"] == clear["p_h_s1"] / (clear["p_h_0"] + clear["p_h_c"])
    clearer = odds_and_weights(EventStatistic(2000.0, LogWeights(*np.array([2000.0, 0.0, -1.0, -np.inf]))))
    assert clearer["odds_ratio"] == pytest.approx(np.finfo(float).max)
    assert (clearer["log_odds_ratio"], clearer["log_weights"]["noise"]) == (pytest.approx(1999.69, abs=0.01), None)


@pytest.mark.parametrize(("significant", "expected"), [(True, "opa"), (None, "opa"), (False, "subthreshold")])
def test_the_alert_chooses_the_headline(significant: bool | None, expected: str) -> None:
    info = replace(INFO, significant=significant)
    results = [found(info=info, search_type=name) for name in ("opa", "subthreshold")]
    assert [one["search_type"] for one in results if one["headline"]] == [expected]


def test_each_search_reads_its_own_tables() -> None:
    only_opa = populations(BNS)
    exact = found(tables=only_opa, search_type="subthreshold")
    assert exact["p_value"] is None
    assert exact["p_value_reason"].startswith(f"no background table subthreshold/bns/o4/H1L1/{SEASON.name}; there")
    assert all(one["p_value"] is None and one["p_value_own"] is None for one in exact["single_neutrino"])
    higher = BackgroundTable(
        BNS_EXACT.name, ODDS + 1e6, SEASON.rate_hz, BNS_EXACT.search_digest, "map", "", BNS_EXACT.response_digest
    )
    both = Populations({BNS.name: BNS, higher.name: higher})
    assert found(tables=both, search_type="subthreshold")["p_value"] == 1.0
    assert found(tables=both)["p_value"] < 1.0


def test_partners_find_their_keys_in_both(search_type: str) -> None:
    result = found(neutrinos=neutrino_list(*CLOSE), search_type=search_type)
    assert {"p_value", "single_neutrino", "inputs", "neutrino_flux_sensitivity_range"} <= set(result)
    assert set(result["neutrino_flux_sensitivity_range"]) == {"flux_sensitivity", "sensitive_energy_range"}
    assert result["inputs"]["neutrino_info"][0]["type"] == "archival"
    assert all(set(one) >= READ_BY_PARTNERS for one in result["single_neutrino"])
    assert [one["dt"] for one in result["single_neutrino"]] == [30.0, 60.0, 90.0, 100.0]


def test_the_exact_search_gives_every_neutrino_the_p_value_of_the_event_and_says_its_own() -> None:
    exact = found(neutrinos=neutrino_list(*CLOSE), search_type="subthreshold")
    public = found(neutrinos=neutrino_list(*CLOSE))
    assert {one["p_value"] for one in exact["single_neutrino"]} == {exact["p_value"]}
    own = [one["p_value_own"] for one in exact["single_neutrino"]]
    assert own == [one["p_value"] for one in public["single_neutrino"]]  # both tables hold the same numbers here
    assert min(own) >= exact["p_value"]
    assert exact["dump"] == {}
    assert "neutrino_pair" not in exact


def test_reports_of_the_exact_search_list_neutrinos_by_their_own_p_value() -> None:
    """One that is far from the map does not coincide because others do."""
    lower = table("bns", "H1L1", ODDS * 1e-4, search_type="subthreshold")
    exact = found(neutrinos=neutrino_list(*CLOSE), tables=populations(lower), search_type="subthreshold")
    report = read_report(exact)
    assert report.p_value is not None and report.p_value < 0.1
    assert sorted(one.number for one in report.coincident) == [1, 2, 3]
    assert report.search_type == "subthreshold"
    assert (report.p_astro_before, report.p_astro_after) == (0.9, exact["p_astro"]["after"])


def test_pairs_are_listed_with_names_times_and_odds() -> None:
    result = found(neutrinos=neutrino_list(*CLOSE))
    pairs = {tuple(one["i3event"]): one for one in result["neutrino_pair"]}
    near = set(itertools.combinations(("event-1", "event-2", "event-3"), 2))
    assert set(pairs) == near
    assert pairs["event-1", "event-3"]["dt"] == [30.0, 90.0]
    for one in pairs.values():
        assert math.log(one["odds_ratio"]) == pytest.approx(one["log_odds_ratio"])
    single = [one["odds_ratio"] for one in result["single_neutrino"]]
    together = sum(single) + sum(one["odds_ratio"] for one in pairs.values())
    assert result["odds_ratio"] == pytest.approx(together, rel=1e-9)
    exact = found(neutrinos=neutrino_list(*CLOSE), search_type="subthreshold")
    assert exact["odds_ratio"] > 1.01 * result["odds_ratio"]  # the triple
    assert found(neutrinos=neutrino_list(*CLOSE[2:]))["neutrino_pair"] == []


def test_without_clusters_both_searches_say_the_same() -> None:
    public, exact = (found(search_type=name) for name in ("opa", "subthreshold"))
    assert exact["log_odds_ratio"] == pytest.approx(public["log_odds_ratio"], abs=1e-9)
    assert exact["p_astro"] == public["p_astro"]


@pytest.mark.slow
@pytest.mark.parametrize("terrestrial", [0.0, 1.0])
def test_certain_signals_and_certain_noise(search_type: str, terrestrial: float) -> None:
    p_astro = {"BNS": 1 - terrestrial, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": terrestrial}
    result = found(p_astro=p_astro, search_type=search_type)
    assert result["p_astro"] == {"before": 1 - terrestrial, "after": 1 - terrestrial}
    assert (result["odds_ratio"] == 0) == (terrestrial == 1)
    # the p-value compares at p_astro 1, so it knows nothing of how likely the trigger is real
    assert result["p_value"] == found(search_type=search_type)["p_value"]


@pytest.mark.parametrize("strangers", [True, False])
@pytest.mark.parametrize("p_astro", [{}, {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1}])
def test_an_empty_list_means_odds_of_zero(search_type: str, p_astro: Any, strangers: bool) -> None:
    records = {name: SEARCHES[name] for name in ("bns", "cbc")}
    changed = {name: replace(one, search=replace(one.search, strangers=strangers)) for name, one in records.items()}
    result = found(neutrinos=neutrino_list(), p_astro=p_astro, searches=Searches(changed), search_type=search_type)
    assert (result["odds_ratio"], result["log_odds_ratio"], result["p_h_s1"]) == (0.0, None, 0.0)
    assert (result["single_neutrino"], result["most_probable_direction"]) == ([], None)
    if p_astro:
        assert 0.89 < result["p_astro"]["after"] <= 0.9  # a real merger would rather have been seen
        if strangers:  # as the tables
            assert result["p_value"] == 1.0


def test_no_classification_or_none_of_noise_means_no_p_astro(search_type: str) -> None:
    result = found(p_astro={"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0}, search_type=search_type)
    assert (result["population"], result["distance_mode"]) == ("bns", "marginal")
    assert result["p_astro"] == {"before": None, "after": None}
    assert any(note.startswith("no p_astro") for note in result["notes"])
    assert 0 < result["odds_ratio"] < math.inf


def test_a_map_without_distances_says_what_stands_in(search_type: str) -> None:
    result = found(skymap=BARE, search_type=search_type)
    assert result["distance_mode"] == "marginal"
    assert "the sky map has no distances: distance mode marginal instead of map" in result["notes"]
    assert result["p_value"] is None
    assert "is for distance mode map, the event's is marginal" in result["p_value_reason"]
    assert result["isotropic_energy_limit_range"] is None
    assert result["isotropic_energy_limit_reason"] == "the sky map has no distances"


def test_neither_distances_nor_classification(search_type: str) -> None:
    result = found(info=replace(INFO, group="Burst"), skymap=BARE, p_astro={}, search_type=search_type)
    assert (result["population"], result["distance_mode"]) == ("burst", "marginal")
    assert 0 < result["odds_ratio"] < math.inf


def test_lists_of_another_time_are_refused_and_short_ones_noted(search_type: str) -> None:
    other = neutrino_list(start_gps=GPS + 600, stop_gps=GPS + 1600)
    with pytest.raises(ValueError, match=r"no time in common\. Get a list for this event"):
        found(neutrinos=other, search_type=search_type)
    short = neutrino_list(row(1, 30.0), stop_gps=GPS + 200, covered_s=700.0)
    assert "neutrinos of the rest are not known" in found(neutrinos=short, search_type=search_type)["notes"][0]
    assert not any("not known" in note for note in found(search_type=search_type)["notes"])


@pytest.mark.parametrize("energy", [5.0, 2e8])
def test_energies_outside_the_band_are_refused_by_name(search_type: str, energy: float) -> None:
    with pytest.raises(ValueError, match=r"event-1 has energy .* outside the search's band of 10 to 1e"):
        found(neutrinos=neutrino_list(row(1, 30.0, energy=energy)), search_type=search_type)


def test_a_season_without_a_table_or_no_data_at_all(search_type: str) -> None:
    with pytest.raises(ValueError, match="no response table for season 'IC99'; there are IC40"):
        found(neutrinos=neutrino_list(season="IC99"), search_type=search_type)
    nothing = neutrino_list(season=None, complete=False, covered_s=0.0, why="detector off")
    with pytest.raises(NotYet, match="no neutrino data for this event: detector off"):
        found(neutrinos=nothing, search_type=search_type)
    announced = neutrino_list(row(1, 30.0), season=None, complete=False, covered_s=0.0, why="no livetime is stated")
    with pytest.raises(NotYet, match="nothing is known of the background of the neutrinos listed: no livetime"):
        found(neutrinos=announced, search_type=search_type)
