"""The O2 search as a pipeline, on the packaged alert."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.cli.typed import fresh_event, loads, typed

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "files.md"


@pytest.fixture(scope="module")
def event(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("o2")
    made = fresh_event(home / "run", home)
    typed("run", "-o", "-p", "O2", made, home=home)
    return made


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


def test_its_keys_are_in_the_guide(event: Path) -> None:
    result = loads(event / "significance_o2_lvc-i3.json")
    section = GUIDE.read_text(encoding="utf-8").split("## `significance_o2_lvc-i3.json`")[1]
    documented = set(re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE))
    inner = {f"reconstructed_neutrinos[].{key}" for key in result["reconstructed_neutrinos"][0]}
    assert documented == (set(result) - {"reconstructed_neutrinos"}) | inner
