"""The significance file of the public-alert search: which search, which p-value, limits, and wanting input."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import healpy
import numpy as np
import pytest
from significance_examples import (
    BNS,
    GPS,
    INFO,
    SEARCHES,
    SEASON,
    SKYMAP,
    TABLES,
    found,
    neutrino_list,
    populations,
    row,
    table,
)

from llama.analyses.result.limits import likely_declinations, sensitivity
from llama.analyses.result.pvalues import response_digest, search_digest
from llama.app import packaged
from llama.science.detector import energy_limit_erg, flux_sensitivity
from llama.science.significance import Searches, TableKind
from llama.science.sky import centres, credible_region, from_cells


def at_p_astro_one(neutrino: dict[str, Any]) -> float:
    """Odds of a neutrino if the merger is real: against a real merger beside unrelated neutrinos only."""
    weights = neutrino["log_weights"]
    return math.exp(weights["signal"] - weights["chance_gw"])


def test_a_result_names_population_search_and_table() -> None:
    result = found()
    assert (result["population"], result["search"]) == ("bns", {"name": "bns", "why": "population bns"})
    assert result["inputs"]["search_parameters"]["population"] == "bns"
    assert result["inputs"]["search_parameters"]["k0"] == SEARCHES["bns"].search.k0_mpc
    assert result["p_value"] == pytest.approx(np.mean(BNS.statistics >= result["p_value_odds_ratio"]), rel=1e-12)
    assert result["p_value_reason"] == f"background table opa/bns/o4/H1L1/{SEASON.name}, 2000 events"
    assert (result["p_value_table"]["sky_maps"], result["p_value_table"]["events"]) == (7, 2000)
    for one in result["single_neutrino"]:
        assert one["p_value"] == pytest.approx(np.mean(BNS.statistics >= at_p_astro_one(one)), rel=1e-12)
        assert one["p_value"] >= result["p_value"]


@pytest.mark.parametrize(
    ("p_astro", "group", "population"),
    [
        ({"BNS": 0.1, "NSBH": 0.5, "BBH": 0.2, "Terrestrial": 0.2}, "CBC", "nsbh"),
        ({"BNS": 0.0, "NSBH": 0.1, "BBH": 0.8, "Terrestrial": 0.1}, "CBC", "bbh"),
        ({}, "CBC", "cbc"),
        ({}, "Burst", "burst"),
    ],
)
def test_the_classification_picks_the_search_and_no_table_means_no_p_value(
    p_astro: Any, group: str, population: str
) -> None:
    result = found(info=replace(INFO, group=group), p_astro=p_astro)
    assert result["search"]["name"] == result["population"] == population
    for name in ("p_value", "significance_sigma", "far_joint_hz", "far_joint", "p_value_table"):
        assert result[name] is None
    assert result["p_value_reason"].startswith(f"no background table opa/{population}/o4/H1L1/{SEASON.name}; there")
    assert all(one["p_value"] is None for one in result["single_neutrino"])
    assert (result["distance_mode"] == "marginal") == (not p_astro)


def test_significance_and_false_alarm_rate_follow_the_p_value() -> None:
    odds = found()["p_value_odds_ratio"]
    below, above = np.linspace(0, odds / 2, 9941), np.linspace(odds, 2 * odds, 59)
    result = found(tables=populations(table("bns", "H1L1", np.concatenate([below, above]))))
    assert result["p_value"] == pytest.approx(0.0059, rel=1e-9)
    assert result["significance_sigma"] == pytest.approx(2.52, abs=0.005)
    rate = 1 / (753 * 86400)
    assert result["far_joint_hz"] == pytest.approx(0.0059 * rate, rel=1e-9)
    assert result["far_joint"]["alerts"] == "significant alerts, bns"
    assert (result["far_joint"]["rate_hz"], result["far_joint"]["upper_limit"]) == (rate, False)
    assert "public alerts of O4" in result["far_joint"]["source"]
    low = found(info=replace(INFO, significant=False))
    assert low["far_joint"]["alerts"] == "alerts of low significance"
    assert low["far_joint_hz"] == pytest.approx(low["p_value"] * 2 / 86400)
    assert "threshold" in low["far_joint"]["source"]
    old = found(info=replace(INFO, significant=None))
    assert old["far_joint"]["alerts"] == "significant alerts, bns"


def test_more_extreme_than_all_background_is_a_limit() -> None:
    result = found(tables=populations(table("bns", "H1L1", np.zeros(500))))
    assert (result["p_value"], result["p_value_text"]) == (0.0, "<1/500")
    assert result["far_joint"]["upper_limit"]
    assert result["far_joint"]["confidence"] == 0.9
    assert result["far_joint_hz"] == pytest.approx((1 - 0.1 ** (1 / 500)) / (753 * 86400))
    assert result["far_joint_hz"] == pytest.approx(2.30 / 500 / (753 * 86400), rel=5e-3)
    assert result["significance_sigma"] == pytest.approx(2.605, abs=1e-3)
    assert found()["far_joint"]["confidence"] is None


def test_ties_and_an_empty_list() -> None:
    odds = found()["p_value_odds_ratio"]
    tied = found(tables=populations(table("bns", "H1L1", np.array([0.0, odds, odds, 2 * odds]))))
    assert tied["p_value"] == 0.75
    empty = found(neutrinos=neutrino_list())
    assert (empty["odds_ratio"], empty["log_odds_ratio"], empty["p_value"]) == (0.0, None, 1.0)
    assert empty["significance_sigma"] is None
    assert empty["far_joint_hz"] == pytest.approx(1 / (753 * 86400))


@pytest.mark.parametrize("instruments", [(), ("H1",), ("H1", "L1", "V1"), ("H1", "X9")])
def test_other_or_no_instruments_take_all_detectors_together(instruments: tuple[str, ...]) -> None:
    result = found(info=replace(INFO, instruments=instruments))
    assert result["p_value_table"]["name"] == f"opa/bns/o4/any/{SEASON.name}"
    assert "all detectors together (H1L1)" in result["p_value_reason"]
    assert ("".join(instruments) or "unknown") in result["p_value_reason"]
    assert result["p_value"] == found()["p_value"]


def test_limits_are_those_of_both_places_where_the_source_may_be() -> None:
    """Two cells hold 53 and 47 %: the region of 90 % needs both."""
    cells = healpy.ang2pix(8, [10.0, 10.0], [19.0, -48.0], nest=True, lonlat=True)
    skymap = from_cells(np.array([3, 3]), cells, np.array([0.526, 0.474]) * 12 * 4**3 / (4 * np.pi))
    low, high = sensitivity(SEASON, likely_declinations(skymap), 1.0).flux_sensitivity
    north, south = (flux_sensitivity(SEASON, np.array([dec]))[0] for dec in sorted(centres(skymap)[1])[::-1])
    assert sorted((north, south)) == [low, high]
    assert south > 2 * north


def test_limits_on_the_energy_span_the_90_percent_region() -> None:
    limit = found(neutrinos=neutrino_list())["isotropic_energy_limit_range"]
    dec = centres(SKYMAP)[1][credible_region(SKYMAP, 0.9)]
    expected = energy_limit_erg(SEASON, dec, 100.0)
    assert limit["energy_erg"] == pytest.approx([expected.min(), expected.max()])
    assert limit["energy_erg_one_sigma"] == pytest.approx([expected.min() * 0.64, expected.max() * 1.44])
    assert (limit["distance_mpc"], limit["distance_std_mpc"]) == (100.0, 20.0)
    assert 1e50 < limit["energy_erg"][0] < limit["energy_erg"][1] < 1e53


def test_a_search_with_wider_windows_than_the_list_says_so() -> None:
    record = SEARCHES["bns"]
    wide = Searches({"bns": replace(record, search=replace(record.search, t_nu_plus_s=1000.0))})
    result = found(searches=wide)
    assert f"the search looks at GPS {GPS - 500:.2f} to {GPS + 1250:.2f}" in result["notes"][0]
    assert "other search parameters" in result["p_value_reason"]


def test_one_search_in_the_file_serves_all_and_the_result_says_so() -> None:
    only = Searches({"bbh": SEARCHES["bbh"]})
    result = found(searches=only)
    assert result["search"] == {"name": "bbh", "why": "no search for population bns: bbh instead"}
    assert result["inputs"]["search_parameters"]["population"] == "bbh"
    assert result["population"] == "bns"


def test_digests_follow_what_odds_depend_on() -> None:
    search = SEARCHES["bns"].search
    changed = [
        replace(search, beaming=5.0),
        replace(search, name="bbh"),
        replace(search, antenna_pattern=True),
        replace(search, gw_background_snrs=(6.0, 7.0)),
    ]
    assert len({search_digest(one) for one in [search, *changed]}) == 1 + len(changed)
    assert search_digest(replace(search, alert_rate_hz=1.0, low_significance_rate_hz=2.0)) == search_digest(search)
    assert len({response_digest(TABLES.season(name)) for name in TABLES.seasons}) == len(TABLES.seasons)
    assert response_digest(replace(SEASON, smearing="other words")) == response_digest(SEASON)
    assert response_digest(replace(SEASON, rate_hz=1.0)) != response_digest(SEASON)


def test_an_antenna_pattern_is_used_without_distances_and_named_when_it_cannot_be() -> None:
    record = SEARCHES["burst"]
    with_pattern = Searches({"burst": replace(record, search=replace(record.search, antenna_pattern=True))})
    info = replace(INFO, group="Burst")
    plain, sensed = found(info=info, p_astro={}), found(info=info, p_astro={}, searches=with_pattern)
    assert sensed["odds_ratio"] != plain["odds_ratio"]
    assert sensed["inputs"]["search_parameters"]["antenna_pattern"] is True
    unknown = found(info=replace(info, instruments=("X9",)), p_astro={}, searches=with_pattern)
    assert unknown["odds_ratio"] == plain["odds_ratio"]
    assert any("antenna pattern left out" in note and "X9" in note for note in unknown["notes"])


def test_the_packaged_tables_are_read_by_packaged_searches_of_their_run() -> None:
    from llama.formats.populations import PopulationsFile

    for one in PopulationsFile().read(packaged("populations.hdf5")).tables.values():
        kind = TableKind.named(one.name)
        search = replace(SEARCHES[kind.population].search, run=kind.run)
        assert one.search_digest == search_digest(search)
        assert one.response_digest == response_digest(TABLES.season(kind.season))


def test_notes_call_neutrinos_by_their_names() -> None:
    """The statistic counts from 0 and the tables from 1; only a name cannot be mistaken."""
    extreme = neutrino_list(row(1, -30.0), row(2, 30.0, energy=9e7))
    (capped,) = (note for note in found(neutrinos=extreme)["notes"] if "capped" in note)
    assert capped.startswith(f"neutrino {extreme.neutrinos[1].i3event}: energy 9e+07 GeV capped at ")


@pytest.mark.parametrize(
    "classes", [{"BNS": -1, "Terrestrial": 0.1}, {"BNS": True, "Terrestrial": 0.0}, {"BNS": "a", "Terrestrial": 0.1},
                {"Terrestrial": "0.1"}, {"BNS": 0.9, "Terrestrial": 0.9}, {"Terrestrial": float("nan")}]
)  # fmt: skip
def test_an_adopted_classification_that_is_none_is_refused(classes: Any) -> None:
    with pytest.raises(ValueError, match=r"p_astro\.json: "):
        found(p_astro=classes)


def test_a_header_of_another_distance_is_noted() -> None:
    notes = found(skymap=replace(SKYMAP, distmean_mpc=4.0, diststd_mpc=1.0))["notes"]
    assert any("header gives a distance of 4 Mpc" in note for note in notes)
    assert not any("header gives a distance" in note for note in found()["notes"])


@pytest.mark.parametrize(("group", "said"), [("CBC", "its group is CBC: searched for as cbc"), ("", "nor a group")])
def test_a_search_that_the_group_alone_chose_is_noted(group: str, said: str) -> None:
    result = found(info=replace(INFO, group=group), p_astro={"Terrestrial": 0.1})
    assert any("no probability of BNS" in note and said in note for note in result["notes"])
    assert not any("no probability of BNS" in note for note in found()["notes"])
