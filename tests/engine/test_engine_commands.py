"""`llama run`, `llama event` and `llama flags`, as a user types them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest
from tests.cli.typed import typed

from llama import app
from llama.cli.main import main
from llama.engine.folder.event import Event
from llama.engine.folder.run import Delivery, Run
from llama.flags import Flags

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def event(monkeypatch: pytest.MonkeyPatch) -> Event:
    """The demo alert as an event of the default run; we stand in its folder."""
    alert = (files("llama.data") / "demo" / "igwn_alert.json").read_bytes()
    found = Run(app.environment().settings.current_run).accept(
        Delivery("MS1", {"igwn_alert.json": alert}, Flags(), "test")
    )
    monkeypatch.chdir(found.path)
    return found


@pytest.mark.slow
def test_event_shows_status_graph_and_history(event: Event, capsys: Capture) -> None:
    assert main(["event"]) == 0
    out = capsys.readouterr().out
    assert "MS1" in out.splitlines()[0]
    assert "role=test online=true upload=false" in out
    assert any("ready" in line and "skymap_info.json" in line and "not made yet" in line for line in out.splitlines())
    assert "├─ " in out
    assert "Received  igwn_alert.json" in out


def test_ascii_is_ascii(event: Event, capsys: Capture) -> None:
    assert main(["event", "--ascii"]) == 0
    assert capsys.readouterr().out.isascii()


def test_an_event_is_found_by_name_from_anywhere(
    event: Event, capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("MS1", "/MS1", str(event.path), f"{event.path}/"):
        assert main(["event", word, "graph"]) == 0
    capsys.readouterr()
    assert main(["event"]) == 1
    assert "not an event folder" in capsys.readouterr().err
    assert main(["event", "MS1", "dance"]) == 1
    assert "no action 'dance'" in capsys.readouterr().err


def test_operators_veto_lock_and_lift(event: Event, capsys: Capture) -> None:
    for action in ("veto", "unveto", "lock", "unlock"):
        assert main(["event", action, "NEUTRINOS", "--why", "a reason"]) == 0
        assert main(["event", ".", action]) == 0
    assert main(["event", "history"]) == 0
    out = capsys.readouterr().out
    assert "Vetoed    icecube_neutrino_list.json a reason" in out
    assert "Locked    the event" in out


def test_unveto_of_the_event_lifts_the_flag_too(event: Event) -> None:
    assert main(["flags", "--flags", "vetoed=true"]) == 0 and event.refresh().flags["vetoed"]
    assert main(["event", "unveto", "NEUTRINOS"]) == 0 and event.refresh().flags["vetoed"]
    assert main(["event", "unveto"]) == 0 and not event.refresh().flags["vetoed"]


def test_adopt_remake_versions_get_check_and_repair(event: Event, capsys: Capture, tmp_path: Path) -> None:
    (event.path / "p_astro.json").write_text("{}")
    (event.path / "notes.txt").write_text("mine")
    assert main(["event", "--cruft"]) == 0
    assert capsys.readouterr().out == "notes.txt\n"
    assert main(["event", "adopt", "P_ASTRO"]) == 0
    assert main(["event", "versions", "p_astro.json"]) == 0
    digest = event.refresh().file("p_astro.json").digest
    assert f"Adopted  MS1-v1-{str(digest)[:7]}-p_astro.json" in capsys.readouterr().out
    assert main(["event", "get", "P_ASTRO", "--into", str(tmp_path)]) == 0
    assert (tmp_path / f"MS1-v1-{str(digest)[:7]}-p_astro.json").read_text() == "{}"
    assert main(["event", "remake", "P_ASTRO", "--why", "again"]) == 0
    assert main(["event", "remake", "IGWN_ALERT"]) == 1
    assert "comes from outside" in capsys.readouterr().err
    assert main(["event", "check"]) == 0
    (event.path / "p_astro.json").unlink()
    assert main(["event", "check"]) == 1
    assert main(["event", "repair"]) == 0
    assert main(["event", "check"]) == 0
    assert main(["event", "prune"]) == 0
    assert main(["event", "adopt"]) == 1
    assert "say which file" in capsys.readouterr().err


@pytest.mark.slow
def test_a_line_of_the_journal_that_was_torn_is_told_with_status_1(event: Event, capsys: Capture) -> None:
    assert main(["event", "--ascii", "status"]) == 0
    journal = event.folder / "journal.jsonl"
    first, second, *rest = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join([first, second[: len(second) // 2] + b"\n", second, *rest]))
    for action in ("status", "graph", "history", "check", "repair"):
        capsys.readouterr()
        assert main(["event", action]) == 1, action
        assert "journal line 2 is not JSON" in "".join(capsys.readouterr())
    assert main(["run", "-o", "-f", "SKYMAP_INFO"]) == 1
    assert "DAMAGED JOURNAL: journal line 2 is not JSON; what it said is lost" in capsys.readouterr().out
    torn = journal.read_bytes().splitlines(keepends=True)[1]
    later = b'{"kind":"FromLater","v":9,"what":"%s"}\n' % (b"x" * len(torn))
    journal.write_bytes(journal.read_bytes().replace(torn, later, 1))
    assert main(["event", "check"]) == 0, "a kind of line that only later versions know is no damage"


def test_products_of_every_pipeline_can_be_named(event: Event, capsys: Capture) -> None:
    assert main(["event", "remake", "SIGNIFICANCE_GRB"]) == 0
    assert "significance_joint_lvc-fermi.json: asked for, but waiting: for " in capsys.readouterr().out
    for name in ("ztf_trigger_list.json", "FERMI_GRBS", "SIGNIFICANCE_O2"):
        assert main(["event", "veto", name]) == 0
    (event.path / "fermi_grbs.json").write_text("{}")
    assert main(["event", "adopt", "FERMI_GRBS"]) == 1
    assert "fermi_grbs.json cannot be read" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["--why=a reason", "veto", "NEUTRINOS"],
        ["veto", "--why=a reason", "NEUTRINOS"],
        [".", "--why", "a reason", "veto", "NEUTRINOS"],
        ["veto", "-p", "O2", "NEUTRINOS", "--why=a reason"],
    ],
)
def test_options_may_stand_anywhere(event: Event, words: list[str]) -> None:
    assert main(["event", *words]) == 0
    assert event.refresh().vetoes == {"icecube_neutrino_list.json": "a reason"}


def test_a_misspelt_name_is_not_vetoed_in_silence(event: Event, capsys: Capture) -> None:
    for action in ("veto", "unveto", "lock", "unlock"):
        assert main(["event", action, "NEUTRINO"]) == 1
        assert "no file or product 'NEUTRINO'" in capsys.readouterr().err
    assert event.refresh().vetoes == {}


def test_remake_says_when_it_will_not_happen(event: Event, capsys: Capture) -> None:
    assert main(["event", "veto", "P_ASTRO", "--why", "wrong"]) == 0
    assert main(["event", "remake", "P_ASTRO"]) == 0
    assert "p_astro.json: asked for, but held: vetoed: wrong" in capsys.readouterr().out


def test_remake_of_what_is_locked_promises_nothing(event: Event, capsys: Capture) -> None:
    assert main(["event", "lock"]) == 0
    assert main(["event", "remake", "SKYMAP_INFO"]) == 0
    assert "skymap_info.json: asked for, but held: event locked" in capsys.readouterr().out
    assert main(["event"]) == 0
    assert "LOCKED: no reason given; all stays as it is until" in capsys.readouterr().out


def test_prune_says_what_it_dropped(event: Event, capsys: Capture) -> None:
    stray = event.path / "stray"
    stray.write_text("of a maker that died")
    event.store.copy_in(stray, event.folder)
    for text in ("{}", '{"BNS": 1.0}'):
        (event.path / "p_astro.json").write_text(text)
        assert main(["event", "adopt", "P_ASTRO"]) == 0
    capsys.readouterr()
    assert main(["event", "prune", "--dry-run"]) == 0
    assert capsys.readouterr().out.startswith("would drop content ")
    assert main(["event", "prune"]) == 0
    assert "which no file ever had (20 bytes)" in capsys.readouterr().out
    assert main(["event", "prune"]) == 0
    assert "nothing to drop" in capsys.readouterr().out
    assert main(["event", "versions", "P_ASTRO"]) == 0
    assert "(no copy kept)" not in capsys.readouterr().out


def test_flags_tell_of_a_veto_that_is_not_one_of_them(event: Event, capsys: Capture) -> None:
    assert main(["event", "veto", "--why", "no good"]) == 0
    assert main(["flags"]) == 0
    assert "VETOED by `llama event veto`: no good" in capsys.readouterr().out


def test_the_status_tells_a_missing_view_and_an_older_one(event: Event, capsys: Capture) -> None:
    view = event.path / "p_astro.json"
    for text in ("{}", '{"BNS": 1.0}'):
        view.write_text(text)
        assert main(["event", "adopt", "P_ASTRO"]) == 0
    view.write_text("{}")
    assert main(["event"]) == 0
    assert "an older version is in view: `llama run` or `llama event repair` puts" in capsys.readouterr().out
    view.unlink()
    assert main(["event"]) == 0
    assert "its file is missing: `llama run` or `llama event repair` puts it back" in capsys.readouterr().out


def test_flags_are_shown_and_set(event: Event, capsys: Capture) -> None:
    assert main(["flags"]) == 0
    shown, blank, *explained = capsys.readouterr().out.splitlines()
    assert (shown.split()[0], blank, len(explained)) == ("MS1", "", 7)
    assert main(["flags"]) == 0
    assert "role=test" in capsys.readouterr().out
    assert main(["flags", "MS2"]) == 1
    assert main(["flags", "MS1", "--flags", "TRIGGERED_PUBLIC", "upload=false", "--dry-run-flags"]) == 0
    assert main(["flags", "/MS1", "--flags", "TRIGGERED_PUBLIC", "upload=false", "--dry-run-flags"]) == 0
    assert event.refresh().flags["role"] == "test"
    assert main(["flags", ".", "--flags", "TRIGGERED_PUBLIC", "upload=false"]) == 0
    assert dict(event.refresh().flags) == {
        "role": "observation",
        "online": True,
        "upload": False,
        "icecube_upload": True,
        "manual": False,
        "blinded_neutrinos": False,
        "vetoed": False,
    }
    assert main(["flags", "--flags", "colour=blue"]) == 1
    assert "no flag called colour" in capsys.readouterr().err
    assert main(["flags", "--flag-presets"]) == 0
    assert "TRIGGERED_INTERNAL" in capsys.readouterr().out


def test_run_shows_what_it_would_do(event: Event, capsys: Capture) -> None:
    assert main(["run", "--dry-run-dirs"]) == 0
    assert capsys.readouterr().out == f"{event.path}\n"
    assert main(["run", "/X*", "--dry-run-dirs"]) == 0
    assert capsys.readouterr().out.strip() == ""
    assert main(["run", "--dry-run-pipeline", "+f", "NEUTRINOS"]) == 0
    out = capsys.readouterr().out
    assert "skymap_info.json" in out
    assert "significance_opa_lvc-i3.json" not in out
    assert main(["run", "--dry-run-pipeline", "-f", "NEUTRINOS"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert main(["run", "--print-default-pipeline"]) == 0
    assert main(["run", "--print-downselections"]) == 0
    assert "manual=False" in capsys.readouterr().out


@pytest.mark.slow
def test_run_says_what_it_does_not_understand(event: Event, capsys: Capture) -> None:
    assert main(["run", "-f", "NONSENSE"]) == 1  # no daemon is started for that
    assert "no product 'NONSENSE'" in capsys.readouterr().err
    assert main(["run", "-o", "-f", "NONSENSE"]) == 1
    assert "no product 'NONSENSE'" in capsys.readouterr().err
    assert main(["run", "-o", "-p", "NONSENSE"]) == 1
    assert main(["run", "-o", "nowhere/S1"]) == 1
    assert main(["run", "-o", "--downselect", "colour=blue"]) == 1
    assert "colour" in capsys.readouterr().err
    for words in (["-n", "-1"], ["-n", "0"], ["-n", "x"], ["-j", "-3"]):
        with pytest.raises(SystemExit, match="2"):
            main(["run", "-o", *words])
        assert f"{words[1]!r} is not a whole number from 1 up" in capsys.readouterr().err
    assert main(["run", "-o", "--downselect", "limit=-1"]) == 1
    assert "write a whole number from 1 up" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["run", "-o", "-v", "loudly"])
    assert "DEBUG" in capsys.readouterr().err


@pytest.mark.slow
def test_run_once_makes_what_is_asked_for(event: Event) -> None:
    said = typed("run", "-o", ".", "+f", "P_ASTRO", home=event.path.parents[1])
    assert (event.path / "p_astro.json").exists()
    assert "could not be preloaded" not in said
    history = typed("event", ".", "history", home=event.path.parents[1])
    assert "Claimed" not in history  # something came of each
    assert "Made      p_astro.json" in history
    assert not (event.path / "icecube_neutrino_list.json").exists()


@pytest.mark.slow
def test_run_in_the_foreground_until_stopped(event: Event, tmp_path: Path) -> None:
    log = tmp_path / "logs" / "llamad.log"
    child = subprocess.Popen(
        [sys.executable, "-m", "llama", "run", "-F", "-l", str(log), "+f", "P_ASTRO"],
        env={**os.environ, "TZ": "Asia/Tokyo"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    try:
        said = [child.stdout.readline() for _ in range(2)]
    finally:
        child.send_signal(signal.SIGINT)
    assert child.wait(30) == 0
    assert said == [
        f"llama run: keeping events * in {event.path.parent} up to date; stop with Ctrl-C\n",
        f"{event.id}: 1 of 1 products up to date\n",
    ]
    assert (event.path / "p_astro.json").exists()
    line = next(line for line in log.read_text().splitlines() if "making p_astro.json" in line)
    assert abs(datetime.fromisoformat(line.split(" INFO")[0]) - datetime.now(UTC)) < timedelta(minutes=10)
