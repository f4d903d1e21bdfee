"""The end of a run: every event in its new place, whatever happens on the way."""

from __future__ import annotations

import errno
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llama.app import App
from llama.cli.main import main
from llama.engine.errors import StorageError
from llama.engine.folder import Event, Owner, Run, SharedDigests, check, filesystem, storage_errors
from llama.engine.folder import event as event_module
from llama.engine.running import Maker
from llama.intake import Archive, Intake
from llama.messengers import Message
from llama.messengers.gw import MESSENGER
from llama.operate import roll as rolling
from llama.operate.roll import Roll

NOW = datetime.now(UTC)
TOPIC = "igwn.gwalert"
J = "notices/igwn_json"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def intake(home: Path, data: Path) -> Intake:
    """A run with two alerts of one superevent, one of another, and a retraction of one that never came."""
    found = Intake(Run(home / "current_run"), Archive(home / "gcn"), [MESSENGER])
    alert = json.loads((data / J / "igwn_gwalert_preliminary.json").read_bytes())
    for name, created in (("S260301a", "01"), ("S260301a", "02"), ("S260301b", "03")):
        found.hear(message(alert, name, created), now=NOW)
    retraction = json.loads((data / J / "igwn_gwalert_retraction.json").read_bytes())
    found.hear(Message(json.dumps(retraction | {"superevent_id": "S260301c"}).encode(), TOPIC), now=NOW)
    assert names(found.run.path) == ["S260301a-1-Preliminary", "S260301a-2-Preliminary", "S260301b-1-Preliminary"]
    return found


def message(alert: dict[str, object], name: str, minute: str) -> Message:
    changed = alert | {"superevent_id": name, "time_created": f"2026-03-01T00:{minute}:00Z"}
    return Message(json.dumps(changed).encode(), TOPIC)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def roll(*words: str) -> int:
    return main(["dev", "roll", *words])


def test_all_events_go_and_what_was_remembered_stays_in_both(intake: Intake, home: Path, data: Path) -> None:
    before = names(intake.run.path)
    numbers = (intake.run.path / ".llama" / "numbers.jsonl").read_bytes()
    assert roll("o4c", "--dry-run") == 0 and names(intake.run.path) == before
    assert roll("o4c") == 0
    past = home / "past_runs" / "o4c"
    assert names(past) == before and names(intake.run.path) == []
    assert all(check(event) == [] for event in Run(past).events())
    for run in (past, intake.run.path):
        assert (run / ".llama" / "numbers.jsonl").read_bytes() == numbers
        assert names(run / ".llama" / "retractions") == ["S260301c"]
    alert = json.loads((data / J / "igwn_gwalert_preliminary.json").read_bytes())
    intake.hear(message(alert, "S260301a", "09"), now=NOW)
    assert names(intake.run.path) == ["S260301a-3-Preliminary"], "numbers go on"


def test_an_alert_that_comes_again_makes_no_second_event(intake: Intake, home: Path, data: Path) -> None:
    assert roll("o4c") == 0
    alert = json.loads((data / J / "igwn_gwalert_preliminary.json").read_bytes())
    for listener in (intake, Intake(intake.run, intake.archive, [MESSENGER])):
        (delivered,) = listener.hear(message(alert, "S260301b", "03"), now=NOW).delivered
        assert delivered.known and delivered.events[0].path == home / "past_runs" / "o4c" / "S260301b-1-Preliminary"
    assert names(intake.run.path) == []


def test_a_retraction_follows_its_event(intake: Intake, home: Path, data: Path) -> None:
    assert roll("o4c") == 0
    retraction = json.loads((data / J / "igwn_gwalert_retraction.json").read_bytes())
    intake.hear(Message(json.dumps(retraction | {"superevent_id": "S260301b"}).encode(), TOPIC), now=NOW)
    assert (home / "past_runs" / "o4c" / "S260301b-1-Preliminary" / "igwn_retraction.json").exists()


def test_a_place_that_is_taken_is_refused(intake: Intake, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "past_runs" / "o1").mkdir(parents=True)
    assert roll("o1") == 1 and "is there already" in capsys.readouterr().err
    assert roll("o4c") == 0
    assert roll("o4c") == 1 and "is there already, since" in capsys.readouterr().err
    assert roll("a/b") == 1 and roll(".x") == 1
    assert roll("o4d") == 1 and "nothing to roll" in capsys.readouterr().err
    assert not (home / "past_runs" / "o4d").exists()


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["_write", "_claim_place", "move", "copy_memory"])
@pytest.mark.parametrize("call", [1, 2])
def test_killed_at_any_moment_it_goes_on(
    intake: Intake, home: Path, monkeypatch: pytest.MonkeyPatch, moment: str, call: int
) -> None:
    before, calls, real = names(intake.run.path), iter(range(1, 100)), getattr(rolling, moment)

    def killed(*given: object, **named: object) -> object:
        if next(calls) == call:
            raise Killed
        return real(*given, **named)

    past = home / "past_runs" / "o4c"
    with monkeypatch.context() as patch:
        patch.setattr(rolling, moment, killed)
        try:
            roll("o4c")
        except Killed:
            assert sorted(names(past) + names(intake.run.path)) == before
            (intake.run.path / "S9").mkdir()
        else:
            return
    late = intake.run.path / "S260301z"
    shutil.copytree(past / before[0] if (past / before[0]).exists() else intake.run.path / before[0], late)
    begun = Roll(intake.run.path, past).resumed
    assert roll("o4c") == 0
    assert names(past) == (before if begun else [*before, "S260301z"]), "what came meanwhile stays"
    assert not [path for path in (home / "past_runs").iterdir() if path.name.startswith(".")]
    assert roll("o4c") == 1


def test_a_damaged_event_is_told_and_keeps_all_where_they_are(
    intake: Intake, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (intake.run.path / "S260301a-1-Preliminary" / "igwn_alert.json").write_bytes(b"edited")
    assert roll("o4c") == 1
    assert "S260301a-1-Preliminary: igwn_alert.json: was edited by hand" in capsys.readouterr().err
    assert len(names(intake.run.path)) == 3 and not (home / "past_runs").exists()
    assert roll("o4c", "--anyway") == 0
    assert (home / "past_runs" / "o4c" / "S260301a-1-Preliminary" / "igwn_alert.json").read_bytes() == b"edited"


def test_what_is_being_made_stays_until_it_is(intake: Intake, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = Event.open(intake.run.path / "S260301b-1-Preliminary")
    with App.read() as app:
        maker = Maker(app.pipeline(), app, SharedDigests(app))
        product = app.pipeline().find("SKYMAP_INFO")
        claim = maker.claim(one, product, now=datetime.now(UTC), owner=Owner.myself())
        assert claim is not None
        assert roll("o4c") == 1
        assert "skymap_info.json is being made" in capsys.readouterr().err
        assert names(intake.run.path) == [one.id] and len(names(home / "past_runs" / "o4c")) == 2
        assert maker.make(one, product, claim, now=datetime.now(UTC))
    assert roll("o4c") == 0 and names(intake.run.path) == []


def test_what_is_no_event_stays(intake: Intake, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (intake.run.path / "notes.txt").write_text("mine")
    assert roll("o4c") == 0
    assert "notes.txt is no event and stays" in capsys.readouterr().err and names(intake.run.path) == ["notes.txt"]


def test_a_link_that_would_lead_nowhere_stays(intake: Intake, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here = intake.run.path / "S260301b-1-Preliminary"
    here.rename(home / "disk")
    here.symlink_to("../disk")
    assert roll("o4c") == 1
    assert "it is a link, to ../disk; move that itself" in capsys.readouterr().err
    assert names(intake.run.path) == [here.name] and (here / "igwn_alert.json").exists()


@pytest.mark.parametrize("where", ["past", "here"])
def test_past_runs_that_nobody_may_write_hold_up_no_listener(
    intake: Intake, home: Path, data: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    if where == "past":
        assert roll("o4c") == 0
    real = Event.receive

    def receive(event: Event, *given: Any, **named: Any) -> list[str]:
        if event.path.name == "S260301b-1-Preliminary":
            with storage_errors(event.path):
                raise OSError(errno.EROFS, "read-only")
        return real(event, *given, **named)

    monkeypatch.setattr(Event, "receive", receive)
    retraction = json.loads((data / J / "igwn_gwalert_retraction.json").read_bytes())
    given = Message(json.dumps(retraction | {"superevent_id": "S260301b"}).encode(), TOPIC)
    if where == "here":
        with pytest.raises(StorageError):
            intake.hear(given, now=NOW)
        return
    (delivered,) = intake.hear(given, now=NOW).delivered
    (sentence,) = delivered.refused
    assert "S260301b-1-Preliminary in" in sentence and "read-only" in sentence


def test_a_past_run_on_the_disk_of_a_network_keeps_no_retraction_from_the_others(
    intake: Intake, home: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert roll("o4c") == 0
    alert = json.loads((data / J / "igwn_gwalert_preliminary.json").read_bytes())
    intake.hear(message(alert, "S260301b", "09"), now=NOW)
    monkeypatch.setattr(filesystem, "filesystem_of", lambda path: "nfs4" if "past_runs" in path.parts else "ext4")
    retraction = json.loads((data / J / "igwn_gwalert_retraction.json").read_bytes())
    given = Message(json.dumps(retraction | {"superevent_id": "S260301b"}).encode(), TOPIC)
    (delivered,) = intake.hear(given, now=NOW).delivered
    assert (intake.run.path / "S260301b-2-Preliminary" / "igwn_retraction.json").exists()
    (sentence,) = delivered.refused
    assert "S260301b-1-Preliminary did not take its retraction" in sentence and "network file system" in sentence


@pytest.mark.parametrize("moment", ["build", "open"])
def test_one_that_is_heard_again_while_it_is_moved_makes_no_second(
    intake: Intake, home: Path, data: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    past, here = home / "past_runs" / "o4c", intake.run.path / "S260301b-1-Preliminary"
    intake.run.went(past)
    name = {"build": "llama.engine.folder.event.build", "open": "llama.intake.delivery.Event.open"}[moment]
    real = event_module.build if moment == "build" else Event.open

    def meanwhile(*given: Any) -> Any:
        if here.exists():
            past.mkdir(parents=True)
            here.rename(past / here.name)
        return real(*given)

    monkeypatch.setattr(name, meanwhile)
    alert = json.loads((data / J / "igwn_gwalert_preliminary.json").read_bytes())
    (delivered,) = intake.hear(message(alert, "S260301b", "03"), now=NOW).delivered
    assert delivered.events[0].id == here.name and here.exists() is not (past / here.name).exists()
