"""What the daemons of `llama run` are called, which there are, and how they end."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from llama.operate.daemons import KIND, competitors, daemon_name, daemons, end
from llama.operate.errors import NotEnded
from llama.operate.program_state import read_state, state_path
from llama.operate.programs import running
from llama.operate.sole import held
from llama.sections import Secret


@dataclass
class Folders:
    logs: Path


@dataclass
class Application:
    folders: Folders
    secrets: tuple[Secret, ...] = ()


@pytest.fixture
def app(tmp_path: Path) -> Application:
    return Application(Folders(tmp_path / "logs"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


WORKS = """
import signal, sys
from dataclasses import dataclass
from pathlib import Path
from llama.operate.programs import running

@dataclass
class Folders:
    logs: Path

@dataclass
class Application:
    folders: Folders
    secrets: tuple = ()

run, deaf = Path(sys.argv[1]), sys.argv[2:] == ["deaf"]
app = Application(Folders(run.parent / "logs"))
with running("llamad-run", app, "QUIET", sole=run, kind="llamad", about={"run": str(run)}) as program:
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("up", flush=True)
    program.pause(600)
"""


@pytest.fixture
def started(run: Path) -> Iterator[list[subprocess.Popen[str]]]:
    """Daemons that do nothing; add to it by `begin`."""
    found: list[subprocess.Popen[str]] = []
    yield found
    for one in found:
        one.kill()
        one.communicate()


def begin(run: Path, started: list[subprocess.Popen[str]], *more: str) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", WORKS, run, *more], stdout=subprocess.PIPE, text=True)
    started.append(child)
    assert child.stdout is not None and child.stdout.readline() == "up\n"
    return child


def test_names_are_those_of_the_runs_and_each_log_is_of_one(app: Application, tmp_path: Path) -> None:
    logs, current = app.folders.logs, tmp_path / "current_run"
    one, other = tmp_path / "a" / "o2", tmp_path / "b" / "o2"
    for folder in (current, one, other):
        folder.mkdir(parents=True)
    (tmp_path / "link").symlink_to(current)
    assert daemon_name(current, current, logs) == daemon_name(tmp_path / "link", current, logs) == "llamad"
    assert daemon_name(one, current, logs) == "llamad-o2"
    with running("llamad-o2", app, "QUIET", sole=one, kind=KIND):
        assert daemon_name(one, current, logs) == "llamad-o2"
        assert daemon_name(other, current, logs).startswith("llamad-o2-")
    assert daemon_name(other, current, logs).startswith("llamad-o2-")


def test_daemons_are_listed_while_they_live(
    app: Application, run: Path, started: list[subprocess.Popen[str]]
) -> None:
    logs = app.folders.logs
    assert list(daemons(logs)) == []
    child = begin(run, started)
    with running("gcn", app, "QUIET"):
        (found,) = daemons(logs)
    assert (found.owner.pid, found.folder, found.up) == (child.pid, run, True)
    assert found.state is not None and found.state.program == "llamad-run"
    child.kill()
    child.wait()
    assert list(daemons(logs)) == []
    state = read_state(state_path(logs, "llamad-run"))
    assert state is not None and state.ended is None and state.lives is False


def test_one_whose_folder_is_away_is_listed_too(
    app: Application, run: Path, started: list[subprocess.Popen[str]]
) -> None:
    child = begin(run, started)
    run.rename(run.with_name("moved"))
    (found,) = daemons(app.folders.logs)
    assert (found.owner.pid, found.folder) == (child.pid, run)


def test_competitors_are_those_of_the_run_and_end(
    app: Application, run: Path, started: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    assert competitors(run, run, app.folders.logs) == []
    begin(run, started)
    (found,) = competitors(run, run, app.folders.logs)
    assert competitors(tmp_path, tmp_path, app.folders.logs) == []
    (unlisted,) = competitors(run, run, tmp_path / "other logs")  # of somebody who keeps data elsewhere
    assert (unlisted.owner, unlisted.state) == (found.owner, None)
    assert end(found) is False
    assert not held(run, KIND)[0]
    state = read_state(state_path(app.folders.logs, "llamad-run"))
    assert state is not None and state.ending == "stopped by SIGTERM"


@pytest.mark.slow
def test_one_that_does_not_listen_is_killed(
    app: Application, run: Path, started: list[subprocess.Popen[str]]
) -> None:
    begin(run, started, "deaf")
    (found,) = daemons(app.folders.logs)
    assert end(found, 0.2) is True
    assert list(daemons(app.folders.logs)) == []


def test_one_in_another_place_is_not_ended_from_here(
    app: Application, run: Path, started: list[subprocess.Popen[str]]
) -> None:
    child = begin(run, started)
    (found,) = daemons(app.folders.logs)
    elsewhere = replace(found, owner=replace(found.owner, host="elsewhere"))
    with pytest.raises(NotEnded, match="end it there"):
        end(elsewhere)
    assert child.poll() is None
