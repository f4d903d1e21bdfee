"""Event folders of the software before this: every byte stays, and they are shown and run like any other."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.analyses.original_file import original_file

from llama.cli.main import main
from llama.engine.errors import JournalLost
from llama.engine.folder import Event, Run, check, taking_in
from llama.engine.folder.journal import Adopted, Flagged, Received
from llama.flags import Flags

THEN = datetime(2017, 8, 21, 12, tzinfo=UTC)
OLD_INFO = {
    "alert_type": "initial",
    "event_time_str": "2017-08-17T12:41:04.430000",
    "far": 3.478e-12,
    "graceid": "G298048",
    "notice_time_str": "2017-08-17T13:08:16",
    "pipeline": "gstlal",
    "skymap_filename": "bayestar.fits.gz",
}
SIGNIFICANCE = "significance_subthreshold_lvc-i3.json"


@pytest.fixture
def old(tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`past_runs/events-o2/G298048`, of a real VOEvent and map and a real result of the software before."""
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path))
    folder = tmp_path / "past_runs" / "events-o2" / "G298048"
    (folder / "plots").mkdir(parents=True)
    shutil.copyfile(data / "notices/lvk_voevent/G298048-1-Initial.xml", folder / "lvc_gcn.xml")
    shutil.copyfile(data / "skymaps/events/GW170817_prelim_LALInference.fits.gz", folder / "lvc_skymap.fits.gz")
    (folder / "skymap_info.json").write_text(json.dumps(OLD_INFO, indent=4))
    (folder / SIGNIFICANCE).write_text(json.dumps(original_file()))
    (folder / "notes.txt").write_text("seen by all\n")
    (folder / "RCT_SLK_LMA_lvc_skymap.json").write_text("{}")
    (folder / ".meta").write_text("hidden")
    (folder / "plots" / "old.png").write_bytes(b"\x89PNG")
    for number, path in enumerate(sorted(folder.iterdir())):
        os.utime(path, (THEN.timestamp() + number, THEN.timestamp() + number))
    return folder


def contents(folder: Path) -> dict[str, tuple[str, float]]:
    """Every file but the journal's, by its digest and time."""
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".llama" not in path.parts
    }


def imported(*words: str | Path) -> int:
    return main(["event", "import", *map(str, words)])


def test_every_byte_stays_and_every_file_has_a_history(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(old)
    assert imported(old) == 0
    assert contents(old) == before
    event = Event.open(old)
    flags, *files = event.entries()
    assert isinstance(flags, Flagged) and Flags.of(flags.flags).role == "observation" and not flags.flags["upload"]
    kinds = {entry.filename: type(entry) for entry in files if isinstance(entry, Received | Adopted)}
    assert kinds == {
        "RCT_SLK_LMA_lvc_skymap.json": Received,
        "lvc_gcn.xml": Received,
        "lvc_skymap.fits.gz": Received,
        "notes.txt": Received,
        SIGNIFICANCE: Adopted,
        "skymap_info.json": Adopted,
    }
    assert event.created().date() == THEN.date() and event.refresh().heard < THEN.replace(day=22)
    assert check(event) == []
    said = capsys.readouterr().out
    assert "plots stays beside them" in said and ".meta stays beside them" in said
    assert "skymap_info.json cannot be read today" in said and SIGNIFICANCE not in said.replace("shows it", "")


def test_twice_changes_nothing(old: Path) -> None:
    assert imported(old) == 0
    journal = (old / ".llama" / "journal.jsonl").read_bytes()
    assert imported(old) == 0 and (old / ".llama" / "journal.jsonl").read_bytes() == journal


def test_it_is_shown(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(old) == 0
    capsys.readouterr()
    assert main(["event", str(old)]) == 0
    said = capsys.readouterr().out
    assert "G298048" in said and "notes.txt" in said
    assert main(["event", str(old), "history"]) == 0
    assert "2017-08-21 12:00:0" in capsys.readouterr().out


@pytest.mark.slow
def test_it_is_run_and_what_others_made_stays(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = contents(old)
    assert imported(old, "--remake") == 0 and "skymap_info.json cannot be read today" in capsys.readouterr().out
    main(["run", "-o", str(old), "-f", "SKYMAP_INFO", "GW_SKYMAP", "SKYMAP_DISTANCES"])
    info = json.loads((old / "skymap_info.json").read_bytes())
    assert info["graceid"] == "G298048" and info["event_time"].startswith("2017-08-17T12:41:0")
    assert json.loads((old / "lvc_skymap_distances.json").read_bytes())["distmean"] == pytest.approx(39.2, abs=1)
    after = contents(old)
    assert {name for name in before if after[name] != before[name]} == {"skymap_info.json"}
    event = Event.open(old)
    versions = event.refresh().file("skymap_info.json").versions
    assert [version.kind for version in versions] == ["Adopted", "Made"]
    assert json.loads(event.store.path(versions[0].digest).read_bytes()) == OLD_INFO
    assert check(event) == []


def test_a_copy_in_another_run_leaves_the_folder_alone(
    old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, before = tmp_path / "run", contents(old)
    assert imported(old, "-d", run) == 0
    assert not (old / ".llama").exists() and contents(run / "G298048") == before
    assert check(Event.open(run / "G298048")) == []
    journal = (run / "G298048" / ".llama" / "journal.jsonl").read_bytes()
    assert imported(old, "-d", run) == 0
    assert (run / "G298048" / ".llama" / "journal.jsonl").read_bytes() == journal
    (old / "notes.txt").write_text("something else")
    capsys.readouterr()
    assert imported(old, "-d", run) == 1 and "exists already" in capsys.readouterr().err
    assert contents(run / "G298048") == before and [event.id for event in Run(run).events()] == ["G298048"]


def test_an_event_of_that_name_refuses(old: Path, tmp_path: Path, data: Path) -> None:
    other = tmp_path / "run" / "G298048"
    Event.create(other, {"lvc_gcn.xml": b"<other/>"}, {}, why="a test", now=THEN)
    assert imported(old, "-d", tmp_path / "run") == 1
    assert sorted(path.name for path in other.iterdir()) == [".llama", "lvc_gcn.xml"]


def test_a_test_is_a_test(old: Path, data: Path) -> None:
    shutil.copyfile(data / "notices/lvk_voevent/MS181101ab-1-Preliminary.xml", old / "lvc_gcn.xml")
    assert imported(old) == 0
    assert Flags.of(Event.open(old).refresh().flags).role == "test"


def test_flags_can_be_given(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(old, "--flags", "nonsense") == 1 and not (old / ".llama").exists()
    assert imported(old, "--flags", "MANUAL", "upload=false") == 0
    assert Flags.of(Event.open(old).refresh().flags).manual


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["write_new", "_taken", "_show"])
def test_killed_at_any_moment_it_is_no_event_or_a_whole_one(
    old: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    before = contents(old)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(taking_in, moment, killed)
        patch.setattr(taking_in.shutil, "rmtree", lambda *_, **__: None)
        with pytest.raises(Killed):
            imported(old)
    assert not (old / ".llama").exists()
    for path in old.glob(".new-*"):  # as of a process that is gone
        path.rename(old / ".new-1-1.000000-00000000-G298048")
    assert imported(old) == 0 and contents(old) == before and not list(old.glob(".new-*"))


def test_bad_folders_are_refused(old: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert imported(tmp_path / "nothing") == 1
    (tmp_path / "empty").mkdir()
    assert imported(tmp_path / "empty") == 1 and not list((tmp_path / "empty").iterdir())
    (tmp_path / ".hidden").mkdir()
    assert imported(tmp_path / ".hidden") == 1
    (old / ".llama").mkdir()
    with pytest.raises(JournalLost):
        Event.open(old)
    assert imported(old) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_a_copy_has_what_links_lead_to(old: Path, tmp_path: Path) -> None:
    (tmp_path / "past_runs" / "shared.txt").write_text("of all")
    (old / "shared.txt").symlink_to("../../shared.txt")
    for _ in range(2):
        assert imported(old, "-d", tmp_path / "elsewhere" / "deep" / "run") == 0
    event = Event.open(tmp_path / "elsewhere" / "deep" / "run" / old.name)
    assert (event.path / "shared.txt").read_text() == "of all" and check(event) == []
    assert "shared.txt" in event.refresh().files and (old / "shared.txt").is_symlink()
