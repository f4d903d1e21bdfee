"""A bare superevent on any command is its newest event, and the others are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.cli.main import main
from llama.cli.selection import target
from llama.engine.errors import EventError
from llama.testing import event


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    found = tmp_path / "xdg" / "share" / "llama" / "current_run"
    for name in (
        "S230914ak-2-Preliminary",
        "S230914ak-10-Update",
        "S230914ak-1-EarlyWarning",
        "S230914akb-11-Update",
    ):
        event(found, {"igwn_alert.json": b"{}"}, name)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return found


def test_it_is_the_newest_and_the_others_are_named(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = target("S230914ak", run).events()
    assert found.id == "S230914ak-10-Update"
    said = (
        "llama: S230914ak is S230914ak-10-Update; there are also S230914ak-1-EarlyWarning, S230914ak-2-Preliminary\n"
    )
    assert capsys.readouterr().err == said


def test_everywhere_a_name_can_stand(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for word in ("S230914ak", "/S230914ak", f"{run}/S230914ak"):
        assert [one.id for one in target(word, run).events()] == ["S230914ak-10-Update"], word
    event(tmp_path / "other", {"igwn_alert.json": b"{}"}, "S1-1-Initial")
    monkeypatch.chdir(tmp_path / "other")
    assert target("S230914ak", run).pattern == "S230914ak-10-Update"
    assert target("S1", run).events()[0].path == tmp_path / "other" / "S1-1-Initial"


def test_an_event_of_that_very_name_is_meant(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    event(run, {"igwn_alert.json": b"{}"}, "S230914ak")
    assert target("S230914ak", run).events()[0].id == "S230914ak"
    assert target("S230914a", run).pattern == "S230914a"
    with pytest.raises(EventError, match="there is no event S230914a in"):
        target("S230914a", run).events()
    assert capsys.readouterr().err == ""


def test_commands_take_it(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["flags", "S230914ak", "--flags", "vetoed=true"]) == 0
    assert main(["event", "S230914ak", "history"]) == 0
    assert capsys.readouterr().err.count("llama: S230914ak is S230914ak-10-Update; there are also") == 2
    assert main(["run", "--dry-run-dirs", "--downselect", "vetoed=any", "S230914ak"]) == 0
    assert capsys.readouterr().out == f"{run / 'S230914ak-10-Update'}\n"
