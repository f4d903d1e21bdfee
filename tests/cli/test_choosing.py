"""Choosing among a run's events again and again gives what choosing once gives."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llama.analyses.gw_neutrino import GW_NEUTRINO
from llama.cli.selection import Chooser, Downselection, Target, parse_downselection, select
from llama.engine.folder.event import Event
from llama.engine.folder.run import Run
from llama.flags import Flags

START = datetime(2026, 1, 1, tzinfo=UTC)


def new_event(run: Path, name: str, minutes: int, flags: Flags | None = None) -> Event:
    at = START + timedelta(minutes=minutes)
    return Event.create(run / name, {"igwn_alert.json": b"{}"}, flags or Flags(), why="", now=at)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for number in range(6):
        new_event(tmp_path / "run", f"S{number}", number, Flags(manual=number == 4))
    return tmp_path / "run"


def chooser(run: Path, wanted: str = "", newest: int = 40, pattern: str = "*") -> Chooser:
    return Chooser(Target(run, pattern), parse_downselection(wanted), GW_NEUTRINO, newest)


def ids(events: list[Event]) -> list[str]:
    return [event.id for event in events]


@pytest.mark.parametrize(
    "wanted", ["", "manual=any", "manual=true", "invert=true", "limit=2", "fileexists=p_astro.json", "vetoed=false"]
)
def test_it_chooses_what_select_chooses(run: Path, wanted: str) -> None:
    chosen = chooser(run, wanted, 3)
    for _ in range(2):
        once = select(Run(run).events(), parse_downselection(wanted), GW_NEUTRINO, now=datetime.now(UTC), newest=3)
        assert ids(chosen()) == ids(once)


def test_what_comes_goes_and_changes_is_noticed(run: Path) -> None:
    chosen = chooser(run, pattern="S*")
    assert ids(chosen()) == ["S5", "S3", "S2", "S1", "S0"]
    new_event(run, "S9", 9)
    new_event(run, "T9", 9)
    shutil.rmtree(run / "S2")
    Event(run / "S4").flag({"manual": False}, why="", now=START)
    Event(run / "S3").flag({"manual": True}, why="", now=START)
    assert ids(chosen()) == ["S9", "S5", "S4", "S1", "S0"]
    run.rename(run.with_name("away"))
    assert chosen() == []
    run.with_name("away").rename(run)
    assert ids(chosen()) == ["S9", "S5", "S4", "S1", "S0"]


def test_the_same_events_are_the_same_objects(run: Path) -> None:
    chosen = chooser(run)
    assert list(map(id, chosen())) == list(map(id, chosen()))


def test_what_came_just_now_is_the_newest_whatever_the_clock_said(run: Path) -> None:
    chosen = chooser(run, newest=2)
    assert ids(chosen()) == ["S5", "S3"]
    new_event(run, "S100", -1_000_000)  # its clock was set back
    assert ids(chosen()) == ["S100", "S5"]


def test_a_folder_that_becomes_an_event_is_one_and_one_that_is_none_any_more_is_not(
    run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run / "S7").mkdir()
    chosen = chooser(run)
    assert "S7" not in ids(chosen())
    shutil.copytree(run / "S1", run / "S7", dirs_exist_ok=True)
    assert "S7" in ids(chosen())
    (run / "S7" / ".llama" / "journal.jsonl").unlink()
    monkeypatch.setattr("llama.cli.selection._SEEN_S", 0.0)
    assert "S7" not in ids(chosen())


def test_the_default_leaves_out_what_is_manual() -> None:
    assert Downselection().manual is False
