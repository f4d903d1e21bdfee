"""Run folders: deliveries, numbers, patterns and downselections."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import toys
from toybench import HERE
from toys import CHAIN, NOW

from llama.cli.selection import Downselection, parse_downselection, select, target
from llama.engine.errors import EventError, EventExists
from llama.engine.folder.run import Delivery, Run
from llama.flags import PRESETS


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path / "run")


def deliver(run: Run, event_id: str, age_h: float = 0, **flags: bool) -> None:
    delivery = Delivery(event_id, {"source.txt": b"x"}, PRESETS["DEFAULT"].replace(flags), "test")
    run.accept(delivery, now=NOW - timedelta(hours=age_h))


def test_a_delivery_becomes_an_event_once(run: Run) -> None:
    delivery = Delivery("S1", {"source.txt": b"x", "other.txt": b"y"}, PRESETS["RERUN"], "broker")
    event = run.accept(delivery)
    before = event.entries()
    assert run.accept(delivery).entries() == before
    assert event.refresh().flags == PRESETS["RERUN"]
    assert [event.id for event in run.events()] == ["S1"]


def test_another_delivery_of_the_same_name_is_refused_unless_it_updates(run: Run) -> None:
    run.accept(Delivery("S1", {"source.txt": b"x"}))
    with pytest.raises(EventExists):
        run.accept(Delivery("S1", {"source.txt": b"y"}))
    event = run.accept(Delivery("S1", {"source.txt": b"y"}), update=True)
    assert (event.path / "source.txt").read_bytes() == b"y"
    assert run.accept(Delivery("S1", {"source.txt": b"x"})).id == "S1"  # an old delivery, again: no news


def test_hidden_and_other_folders_are_no_events(run: Run) -> None:
    deliver(run, "S1")
    (run.path / "notes").mkdir()
    (run.path / ".new-x" / ".llama").mkdir(parents=True)
    (run.path / ".new-x" / ".llama" / "journal.jsonl").touch()
    assert [event.id for event in run.events()] == ["S1"]


DIE_BUILDING = """
import os, sys
from pathlib import Path
import llama.engine.folder.event as event
from llama.engine.folder.run import Delivery, Run
event.rename_new = lambda hidden, path: os._exit(9)
Run(Path(sys.argv[1])).accept(Delivery("S1", {"source.txt": b"x"}))
"""


def test_a_crash_while_building_leaves_no_event_and_is_cleared(run: Run) -> None:
    assert subprocess.run([sys.executable, "-c", DIE_BUILDING, run.path], check=False).returncode == 9
    assert run.events() == []
    assert len(list(run.path.iterdir())) == 1
    deliver(run, "S1")
    assert [path.name for path in run.path.iterdir()] == ["S1"]


def test_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    default, here = tmp_path / "default", tmp_path / "here"
    for path in (default, here):
        for name in ("S1", "S2", "G1"):
            deliver(Run(path), name)

    def found(word: str | None) -> list[str]:
        return [str(event.path.relative_to(tmp_path)) for event in target(word, default).events()]

    monkeypatch.chdir(here)
    assert found(None) == ["default/G1", "default/S1", "default/S2"]
    assert found("/S*") == ["default/S1", "default/S2"]
    assert found("S*") == ["here/S1", "here/S2"]
    assert found("S1") == ["here/S1"]
    assert found("../default/") == found("/")
    assert found("../default/G*") == ["default/G1"]
    assert found(f"{default}/S2") == ["default/S2"]
    assert found("./") == ["here/G1", "here/S1", "here/S2"]
    monkeypatch.chdir(here / "S1")
    assert found(".") == ["here/S1"]
    assert target(".", default).exact
    with pytest.raises(EventError, match="no event S7"):
        found("../S7")
    assert found("../Q*") == []


def chosen(run: Run, text: str, **more: int) -> list[str]:
    wanted = parse_downselection(text)
    return [event.id for event in select(run.events(), wanted, CHAIN, now=NOW, **more)]


def test_downselections(run: Run) -> None:
    for age, name in enumerate(("S5", "S4", "S3", "G2")):
        deliver(run, name, age)
    deliver(run, "M1", 4, manual=True)
    run.events()[0].receive({"upper.txt": b"X"}, why="", now=NOW)
    (run.path / "S4" / "notes.txt").touch()
    Run(run.path).events()[-1].veto(None, why="", now=NOW)
    assert chosen(run, "") == ["S5", "S4", "S3", "G2"]
    assert chosen(run, "", newest=2) == ["S5", "S4"]
    assert chosen(run, "limit=1") == ["S5"]
    assert chosen(run, "manual=true") == ["M1"]
    assert chosen(run, "manual=any,invert=true") == []
    assert chosen(run, "vetoed=true") == ["S5"]
    assert chosen(run, "vetoed=false,eventid_filter=S*") == ["S4", "S3"]
    assert chosen(run, "fileexists=notes.txt") == ["S4"]
    assert chosen(run, "fhnameexists=UPPER") == ["G2"]
    assert chosen(run, "fhnameexists=SOURCE+upper.txt") == ["G2"]
    assert chosen(run, "sec_since_v0_gt=5400") == ["S3", "G2"]
    assert chosen(run, "sec_since_v0_lt=5400") == ["S5", "S4"]
    assert chosen(run, "sec_since_mod_lt=60") == ["S5", "G2"]
    assert chosen(run, "sec_since_mod_gt=60") == ["S4", "S3"]
    assert chosen(run, f"modbefore={NOW - timedelta(minutes=90):%Y-%m-%dT%H:%M:%SZ}") == ["S3"]
    assert chosen(run, f"modafter={NOW - timedelta(minutes=90):%Y-%m-%dT%H:%M:%S}") == ["S5", "S4", "G2"]
    assert chosen(run, "eventid_filter=S*,invert=true") == ["G2", "M1"]


@pytest.mark.parametrize("text", ["colour=blue", "manual", "manual=perhaps", "limit=many", "modafter=soon"])
def test_a_downselection_that_is_not_understood_says_so(text: str) -> None:
    with pytest.raises(EventError, match=text.split("=")[0]):
        parse_downselection(text)


def test_the_default_leaves_manual_events_out() -> None:
    assert parse_downselection("") == Downselection(manual=False)
    assert parse_downselection("modafter=2026-01-01").modafter == datetime(2026, 1, 1, tzinfo=UTC)


ACCEPT = """
import sys
from pathlib import Path
from llama.engine.folder.run import Delivery, Run
run = Run(Path(sys.argv[1]))
for n in range(20):
    run.accept(Delivery(f"S{n}", {"source.txt": b"x"}))
"""


@pytest.mark.slow
def test_the_same_delivery_from_several_brokers_at_once_is_one_event(run: Run) -> None:
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    racers = [subprocess.Popen([sys.executable, "-c", ACCEPT, run.path], env=environment) for _ in range(3)]
    assert [racer.wait(60) for racer in racers] == [0] * 3
    assert len(run.events()) == 20
    assert all(len(event.entries()) == 2 for event in run.events())
    assert run.events()[0].created() > toys.NOW
    assert not list(run.path.glob(".new-*"))
