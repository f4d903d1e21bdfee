"""P-values of the alert's own map in the significance files and in what people read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from significance_examples import (
    BNS,
    BNS_EXACT,
    LIST,
    OF_MAP,
    PRODUCTS,
    SEARCHES,
    found,
    own_background,
    populations,
    statistic,
)

from llama.analyses.result.background import p_values
from llama.analyses.telling.circular_draft import circular
from llama.analyses.telling.reading import read_report
from llama.formats.own_background import OwnBackgroundFile
from llama.science.significance.own_map import OwnMapP, generator
from llama.services.icecube import simulated


@pytest.mark.parametrize("search_type", PRODUCTS)
def test_both_p_values_are_there_and_the_search_says_which_is_stated(search_type: str) -> None:
    of_map, of_population = (found(searches=one, search_type=search_type) for one in (OF_MAP, SEARCHES))
    assert (of_map["p_value"], of_map["p_value_from"]) == (0.25, "map")
    assert of_map["p_value_background"] == of_population["p_value_background"]
    assert of_map["p_value_population"] == of_population["p_value_population"]
    assert of_population["p_value"] == of_population["p_value_population"]["p_value"] != 0.25
    assert of_map["p_value_table"] is None and of_population["p_value_table"] is not None
    assert of_map["p_value_background"]["error"] == pytest.approx(np.sqrt(29e-6))
    assert of_map["significance_sigma"] == pytest.approx(0.6745, abs=1e-4)


@pytest.mark.parametrize("search_type", PRODUCTS)
@pytest.mark.slow
def test_a_map_unlike_those_of_the_table_is_told(search_type: str) -> None:
    def note(**held: tuple[float, ...]) -> str | None:
        tables = populations(*(replace(one, **held) for one in (BNS, BNS_EXACT)))
        said: str | None = found(tables=tables, search_type=search_type)["p_value_population"]["note"]
        return said

    assert "is not recorded" in str(note())
    assert note(map_area_deg2=(100.0, 400.0), map_distance_mpc=(50.0, 150.0)) is None
    told = str(note(map_area_deg2=(1.0, 20.0), map_distance_mpc=(200.0, 300.0)))
    assert "90 % region is 231.5 deg²" in told and "mean distance is 100 Mpc" in told
    assert found(tables=populations(), search_type=search_type)["p_value_population"]["note"] is None


@pytest.mark.parametrize("search_type", PRODUCTS)
def test_the_event_has_at_most_the_p_value_of_each_neutrino(search_type: str) -> None:
    result = found(searches=OF_MAP, search_type=search_type)
    own = [one.get("p_value_own", one["p_value"]) for one in result["single_neutrino"]]
    assert len(own) == len(LIST.neutrinos) and all(result["p_value"] <= one for one in own)


@pytest.mark.parametrize(("p", "above", "limit"), [(1e-5, 2.0, True), (3e-3, 500.0, True), (0.02, 500.0, False)])
def test_what_is_known_from_above_only_is_stated_so(p: float, above: float, limit: bool) -> None:
    """By few lists, or by an error of more than half: 3e-3 with one sigma of 5.4e-3."""
    result = found(searches=OF_MAP, background=own_background(statistic(), p, above))
    assert result["p_value"] == p > 0
    assert result["p_value_text"] == result["p_value_background"]["text"]
    assert result["p_value_text"].startswith("<") == limit == result["far_joint"]["upper_limit"]
    if limit:
        assert float(result["p_value_text"][1:]) > p
    else:
        assert result["p_value_text"] == "0.0200"


def test_a_limit_is_poisson_s_for_few_lists_and_gaussian_for_a_large_error() -> None:
    none, vague = OwnMapP(1e-6, 0.0, 0.0, 0.0, 0.0), OwnMapP(1e-3, 100.0, 0.0, 1e-3, 0.0)
    assert none.upper_limit(0.9) == pytest.approx(2.302585e-6, rel=1e-5)
    assert vague.is_limit and vague.upper_limit(0.9) == pytest.approx(1e-3 * 2.281552, rel=1e-5)
    assert OwnMapP(1.0, 10.0, 0.0, 0.0, 0.0).upper_limit(0.9) == 1.0


def test_people_are_told_which_p_value_it_is() -> None:
    of_map, of_population = (read_report(found(searches=one)) for one in (OF_MAP, SEARCHES))
    told = "for this alert's own map: 40000 background lists, stated as for IC86-2011, known to 2 %"
    assert of_map.p_basis == told  # the list is of no release
    released = read_report(found(searches=OF_MAP, neutrinos=replace(LIST, source="icecube-3yr")))
    assert released.p_basis == told.replace("stated as for ", "")
    assert of_population.p_basis.startswith("of the population: from 2,000 background events")
    assert "on this single sky map" in circular(of_map).replace("\n", " ")
    assert "sky maps of the same population" in circular(of_population).replace("\n", " ")


def test_a_file_without_it_is_of_the_population() -> None:
    result = found()
    for key in ("p_value_from", "p_value_background", "p_value_population"):
        del result[key]
    report = read_report(result)
    assert report.of_earlier_version and report.p_basis.startswith("of the population: ")


def test_a_background_comes_back_from_its_file_and_knows_its_event(tmp_path) -> None:  # type: ignore[no-untyped-def]
    kept = statistic()
    drawn = own_background(kept)
    OwnBackgroundFile().write(drawn, tmp_path / "one.h5")
    OwnBackgroundFile().write(drawn, tmp_path / "two.h5")
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    again = OwnBackgroundFile().read(tmp_path / "one.h5")
    assert again.p_values == drawn.p_values and again.marks == drawn.marks
    assert p_values(again, kept, "opa")[0].p == 0.25
    other = statistic(neutrinos=replace(LIST, neutrinos=LIST.neutrinos[:1]))
    with pytest.raises(ValueError, match="drawn for another"):
        p_values(again, other, "opa")


def test_its_random_numbers_are_not_those_of_simulated_neutrinos() -> None:
    """Else the list of a test event would be one of those it is compared with. Updates of an alert share theirs."""
    own = generator("S1").random(4)
    assert (own == generator("S1").random(4)).all()
    assert not np.intersect1d(own, simulated._generator("S1").random(1000)).size
    assert not np.intersect1d(own, generator("S2").random(1000)).size
