"""`llama search`, and a changed search file as an operator uses it, right and wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typed import copied, loads, typed

RESULT = "significance_opa_lvc-i3.json"


def changed(home: Path, path: Path, **values: Any) -> Path:
    """`llama search show bns --json`, some values changed."""
    found = json.loads(typed("search", "show", "bns", "--json", home=home))
    found["bns"]["parameters"] |= values
    path.write_text(json.dumps(found))
    return path


def test_list_and_show_say_what_there_is_and_where_it_is_from(home: Path) -> None:
    said = typed("search", "list", home=home)
    for name in ("cbc", "bns", "nsbh", "bbh", "burst"):
        assert f"\n{name} " in said
    shown = typed("search", "show", "nsbh", home=home)
    assert "source_rate_mpc3_s" in shown
    assert "Mpc⁻³ s⁻¹" in shown
    assert "GWTC-3 (arXiv:2111.03634): 7.8 to 140" in shown
    assert "assumption" in shown
    assert "there are cbc, bns, nsbh, bbh, burst" in typed("search", "show", "gw", home=home, status=1)


@pytest.mark.slow
def test_a_changed_file_is_an_input_of_the_result(home: Path, fresh: Path, tmp_path: Path) -> None:
    event = copied(fresh, tmp_path / "run")
    typed("run", "-o", event, "+f", "SIGNIFICANCE", home=home)
    before = loads(event / RESULT)
    assert before["search"] == {"name": "bns", "why": "population bns"}
    path = changed(home, tmp_path / "my.json", beaming=20.0)
    typed("run", "-o", event, "+f", "SIGNIFICANCE", home=home, LLAMA_SEARCH=str(path))
    after = loads(event / RESULT)
    assert after["inputs"]["search_parameters"]["fb"] == 20.0
    assert after["odds_ratio"] == pytest.approx(before["odds_ratio"] / 2, rel=0.02)
    assert after["p_value"] == pytest.approx(before["p_value"], abs=0.1)  # the same factor on all odds
    assert after["p_value_population"]["p_value"] is None
    assert "was made with other search parameters" in after["p_value_population"]["reason"]
    assert "beaming                  20.0" in typed("search", "show", "bns", home=home, LLAMA_SEARCH=str(path))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"beaming": 0.5}, "my.json cannot be read: search bns: beaming is 0.5, it cannot be below 1"),
        ({"e_nu_min_eu": 5.0}, "search bns: e_nu_min_eu must be below e_nu_max_eu"),
        ({"source_rate_mpc3_s": 0}, "source_rate_mpc3_s is 0.0, it must be positive and finite"),
        ({"beeming": 10.0}, "bns: no parameter beeming"),
    ],
)
def test_a_file_that_contradicts_itself_is_named_with_its_key(
    home: Path, fresh: Path, tmp_path: Path, values: dict[str, Any], message: str
) -> None:
    path = changed(home, tmp_path / "my.json", **values)
    assert message in typed("search", "list", home=home, status=1, LLAMA_SEARCH=str(path))
    event = copied(fresh, tmp_path / "run")
    said = typed("run", "-o", event, "+f", "SIGNIFICANCE", home=home, status=1, LLAMA_SEARCH=str(path))
    assert message in said
    assert not (event / RESULT).exists()


def test_a_search_file_that_is_not_there_is_named(home: Path, tmp_path: Path) -> None:
    assert "nowhere.json" in typed("search", "list", home=home, status=1, LLAMA_SEARCH=str(tmp_path / "nowhere.json"))


@pytest.mark.slow
def test_a_table_named_for_another_population_season_or_run_is_refused(home: Path, tmp_path: Path) -> None:
    (tmp_path / "map.fits").touch()
    (tmp_path / "maps.csv").write_text(f"{tmp_path / 'map.fits'}\n")
    for name, message in (
        ("opa-gw-o4-H1L1V1-IC86-2011", "no search 'gw'; there are cbc"),
        ("opa-bns-o4-H1L1V1-IC40", "is named for season IC40, but would be of IC86-2011; rename it"),
        ("opa-bns-o3-H1L1V1-IC86-2011", "is named for run o3, but would be of o4"),
        ("t", "a background table is called SEARCH-POPULATION-RUN-DETECTORS-SEASON.txt"),
    ):
        words = ["dev", "background", "draw", tmp_path / "maps.csv", "-o", tmp_path / f"{name}.txt"]
        assert message in typed(*words, home=home, status=1)
