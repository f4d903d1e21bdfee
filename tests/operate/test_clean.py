"""Old test events go away whole, one by one, and nothing else does."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from llama.app import App
from llama.cli.main import main
from llama.engine.errors import EventError, EventExists, NotAnEvent
from llama.engine.folder import Delivery, Event, Owner, Run, SharedDigests, check, move
from llama.engine.running import Maker
from llama.flags import PRESETS, Flags

NOW = datetime.now(UTC)
OLD = NOW - timedelta(days=3)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path))
    return Run(tmp_path / "current_run")


@pytest.fixture
def alert(data: Path) -> bytes:
    return (data / "notices/igwn_json/igwn_gwalert_preliminary.json").read_bytes()


def event(run: Run, name: str, alert: bytes, preset: str = "DEFAULT", when: datetime = OLD) -> Event:
    return run.accept(Delivery(name, {"igwn_alert.json": alert}, PRESETS[preset], "a test"), now=when)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) if folder.is_dir() else []


def clean(*words: str) -> int:
    return main(["dev", "clean", *words])


def test_old_tests_go_and_all_else_stays(run: Run, alert: bytes, tmp_path: Path) -> None:
    event(run, "MS1", alert)
    event(run, "S1", alert, "TRIGGERED_PUBLIC")
    event(run, "MS2", alert, when=NOW - timedelta(hours=1))
    run.accept(Delivery("MS3", {"igwn_alert.json": alert}, Flags(manual=True), "a test"), now=OLD)
    before = (run.path / "MS1" / "igwn_alert.json").read_bytes()
    assert clean("--testevents") == 0
    assert names(run.path) == ["MS2", "MS3", "S1"] and names(tmp_path / "test_event_archive") == ["MS1"]
    moved = Event.open(tmp_path / "test_event_archive" / "MS1")
    assert check(moved) == [] and (moved.path / "igwn_alert.json").read_bytes() == before
    assert clean("--testevents") == 0


def test_what_is_meant_can_be_said(
    run: Run, alert: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("MS1", "MS2", "TS1"):
        event(run, name, alert, when=NOW)
    assert clean("--testevents", "--downselect", "sec_since_mod_gt=any", "--dry-run-dirs", "/MS*") == 0
    assert sorted(capsys.readouterr().out.split()) == [str(run.path / "MS1"), str(run.path / "MS2")]
    assert clean("--testevents", "--downselect", "sec_since_mod_gt=any,eventid_filter=MS*", "--dry-run") == 0
    assert "MS1 would go to" in capsys.readouterr().out and names(run.path) == ["MS1", "MS2", "TS1"]
    assert clean("--testevents", "--into", str(tmp_path / "away"), str(run.path / "TS1")) == 0
    assert names(tmp_path / "away") == ["TS1"] and names(run.path) == ["MS1", "MS2"]


def test_nothing_is_overwritten(run: Run, alert: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    event(run, "MS1", alert)
    assert clean("--testevents") == 0
    event(run, "MS1", alert + b" ")
    assert clean("--testevents") == 1
    assert "is there already" in capsys.readouterr().err and names(run.path) == ["MS1"]


def test_flags_are_set_with_a_reason(run: Run, alert: bytes) -> None:
    one, other = event(run, "MS1", alert), event(run, "S1", alert, "TRIGGERED_PUBLIC")
    assert clean("--testevents", "--flags", "vetoed=true", "--dry-run") == 0
    assert not Flags.of(one.refresh().flags).vetoed
    assert clean("--flags", "upload=false", "--why", "the run is over") == 0
    assert not Flags.of(other.refresh().flags).upload
    assert clean("--flags", "no=such") == 1


def test_what_is_being_made_stays_until_it_is(run: Run, alert: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    with App.read() as app:
        maker = Maker(app.pipeline(), app, SharedDigests(app))
        one = event(run, "MS1", alert)
        product = app.pipeline().find("SKYMAP_INFO")
        claim = maker.claim(one, product, now=datetime.now(UTC), owner=Owner.myself())
        assert claim is not None
        assert clean("--testevents", "--downselect", "sec_since_mod_gt=any") == 1
        assert "skymap_info.json is being made by process" in capsys.readouterr().err
        maker.make(one, product, claim, now=datetime.now(UTC))
        assert clean("--testevents", "--downselect", "sec_since_mod_gt=any") == 0
        with pytest.raises(NotAnEvent):
            maker.claim(one, app.pipeline().find("P_ASTRO"), now=datetime.now(UTC), owner=Owner.myself())


def test_the_role_counts_that_it_has_when_it_goes(run: Run, alert: bytes, tmp_path: Path) -> None:
    one = event(run, "S1", alert, "RERUN")
    with pytest.raises(EventError, match="no reason to"):
        move(one, tmp_path / "away", now=NOW, unless=lambda state: "no reason to")
    (tmp_path / "away" / "S1").mkdir(parents=True)
    with pytest.raises(EventExists):
        move(one, tmp_path / "away", now=NOW)
    assert names(run.path) == ["S1"]


def test_what_cannot_be_read_stays_and_is_told(run: Run, alert: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    one = event(run, "MS1", alert)
    (one.folder / "journal.jsonl").write_bytes(b"")
    event(run, "MS2", alert)
    assert clean("--testevents") == 1
    assert names(run.path) == ["MS1"] and "MS1" in capsys.readouterr().err


def test_it_must_be_said_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert clean() == 2 and "--testevents" in capsys.readouterr().err


def test_notices_are_packed(run: Run, tmp_path: Path, alert: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "gcn" / "2020-01" / "02" / "notice.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(alert)
    assert clean("--notices", "--dry-run") == 0 and path.exists()
    assert clean("--notices") == 0 and not path.parent.exists() and (tmp_path / "gcn/2020-01/02.zip").exists()
    assert "1 files (" in capsys.readouterr().out


@pytest.mark.slow
def test_again_and_again_until_it_is_stopped(run: Run, alert: bytes, tmp_path: Path) -> None:
    from tests.cli.forked import LLAMA

    words = [LLAMA, "dev", "clean", "--testevents", "--repeat", "0.2"]
    process = subprocess.Popen([*words, "--downselect", "sec_since_mod_gt=any"], env=dict(os.environ))
    try:
        for name in ("MS1", "MS2"):
            event(run, name, alert)
            end = time.monotonic() + 60
            while name not in names(tmp_path / "test_event_archive") and time.monotonic() < end:
                time.sleep(0.05)
            assert name in names(tmp_path / "test_event_archive")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
