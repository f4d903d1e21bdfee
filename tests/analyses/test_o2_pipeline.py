"""The O2 search as a pipeline, on the packaged alert."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from significance_examples import INFO, SKYMAP, TABLES, neutrino_list, row
from tests.cli.typed import fresh_event, loads, typed

from llama.analyses.o2 import O2Inputs, significance_o2
from llama.app import packaged
from llama.formats.records import to_json
from llama.formats.tables import IceCubeEventsFile
from llama.messengers.icecube.record import NeutrinoList
from llama.science.detector import IceCubeEvents

EVENTS = IceCubeEventsFile().read(packaged("icecube_events.h5"))
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "files.md"


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("o2")
    made = fresh_event(home / "run", home)
    typed("run", "-o", "-p", "O2", made, home=home)
    return made


@pytest.mark.slow
def test_the_demo_alert(event: Path) -> None:
    result = loads(event / "significance_o2_lvc-i3.json")
    neutrinos = loads(event / "icecube_neutrino_list.json")["neutrinos"]
    rows = result["reconstructed_neutrinos"]
    assert [row["i3event"] for row in rows] == [neutrino["i3event"] for neutrino in neutrinos]
    assert all(row["in_time"] and row["coincident"] == row["in_region"] for row in rows)
    assert all(row["upgoing"] == (row["dec"] > 0) for row in rows)
    assert rows[0]["dt"] == pytest.approx(neutrinos[0]["gps"] - result["gps_time"])
    coincident = [row for row in rows if row["coincident"]]
    assert (result["best_neutrino"] is None) == (not coincident)
    assert any("score" in note for note in result["notes"])
    assert not (event / "significance_opa_lvc-i3.json").exists()


@pytest.mark.slow
def test_its_keys_are_in_the_guide(event: Path) -> None:
    result = loads(event / "significance_o2_lvc-i3.json")
    section = GUIDE.read_text(encoding="utf-8").split("## `significance_o2_lvc-i3.json`")[1]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    inner = {f"reconstructed_neutrinos[].{key}" for key in result["reconstructed_neutrinos"][0]}
    inner |= {f"p_value_background.{key}" for key in result["p_value_background"]}
    assert documented == (set(result) - {"reconstructed_neutrinos"}) | inner


def test_its_p_value_is_told(event: Path, tmp_path: Path) -> None:
    result = loads(event / "significance_o2_lvc-i3.json")
    said = typed("event", event, "-p", "O2", home=tmp_path)
    assert f"p-value {result['p_value_text']} ({result['p_value_reason']})" in said
    background = result["p_value_background"]
    assert (
        background["lists"] >= 10_000
        and background["season"] == loads(event / "icecube_neutrino_list.json")["season"]
    )
    assert result["p_value"] == (
        1.0 if result["best_neutrino"] is None else background["above"] / background["lists"]
    )


def joined(neutrinos: NeutrinoList) -> dict[str, Any]:
    return dict(json.loads(to_json(significance_o2(O2Inputs(INFO, SKYMAP, neutrinos, TABLES, EVENTS)))))


def test_where_the_background_is_not_known_there_is_no_p_value() -> None:
    for neutrinos, why in (
        (neutrino_list(row(1, 30.0), complete=False, covered_s=0.0, why="no good run"), "good neutrino data"),
        (neutrino_list(complete=False, covered_s=0.0, season=None, why="no good run"), "no good run"),
        (neutrino_list(row(1, 30.0), season="IC99"), "IC99"),
        (neutrino_list(row(1, 30.0), complete=False, covered_s=0.0, season=None, why="no livetime"), "no livetime"),
    ):
        result = joined(neutrinos)
        assert result["p_value"] is result["significance_sigma"] is result["p_value_background"] is None
        assert result["p_value_text"] == "n/a" and why in result["p_value_reason"]


def test_a_nearer_neutrino_is_rarer_and_an_empty_list_is_not_rare() -> None:
    near, far = (joined(neutrino_list(row(1, 30.0, ra)))["p_value"] for ra in (114.6, 122.0))
    assert near < far < 1.0
    empty = joined(neutrino_list())
    assert (empty["p_value"], empty["p_value_text"], empty["significance_sigma"]) == (1.0, "1.0000", None)


def test_files_that_were_not_made_together_give_no_p_value() -> None:
    """As in the other searches: rates would be of one sample, directions and errors of another."""
    neutrinos = neutrino_list(row(1, 30.0))
    of = EVENTS.season(neutrinos.season)
    few = replace(of, dec_rad=of.dec_rad[:9], sigma_rad=of.sigma_rad[:9], energy_gev=of.energy_gev[:9])
    given = O2Inputs(INFO, SKYMAP, neutrinos, TABLES, IceCubeEvents({of.name: few}))
    with pytest.raises(ValueError, match="set the files icecube_tables and icecube_events that were made together"):
        significance_o2(given)
