"""What every long-running program has: log, state, lock, and a way to be stopped."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

import llama
from llama.operate.errors import AlreadyRunning
from llama.operate.logs import LogFile
from llama.operate.program_state import ProgramState, read_state, state_path, states, write_state
from llama.operate.programs import Program, running
from llama.operate.sole import held, lock_path
from llama.sections import Secret

LOG = logging.getLogger("llama.test")


@dataclass
class Folders:
    logs: Path


@dataclass
class Application:
    folders: Folders
    secrets: tuple[Secret, ...] = (Secret("hush-hush-hush"),)


@pytest.fixture
def app(tmp_path: Path) -> Application:
    return Application(Folders(tmp_path / "logs"))


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logger = logging.getLogger("llama")
    before, logger.handlers = logger.handlers, []
    yield
    logger.handlers = before


def state_of(app: Application, name: str = "llamad") -> ProgramState:
    state = read_state(state_path(app.folders.logs, name))
    assert state is not None
    return state


# ---------------------------------------------------------------------- the log


def test_a_log_begins_with_version_pid_and_arguments_and_hides_secrets(
    app: Application, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("run", "--token", "hush-hush-hush", "two words")
    with running("llamad", app, "ERROR", arguments=words):
        LOG.debug("the password is %s", "hush-hush-hush")
        try:
            raise ValueError("hush-hush-hush")
        except ValueError:
            LOG.warning("odd", exc_info=True)
    text = (app.folders.logs / "llamad.log").read_text()
    first = text.splitlines()[0]
    stamp = r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}\.[0-9]{3}Z INFO "
    said = (
        rf"llamad {re.escape(llama.__version__)} starts: process {os.getpid()}, run --token '\(hidden\)' 'two words'"
    )
    assert re.fullmatch(stamp + said, first)
    lines = [json.loads(line) for line in (app.folders.logs / "llamad.jsonl").read_text().splitlines()]
    assert [line["level"] for line in lines] == ["INFO", "DEBUG", "WARNING", "INFO"]
    assert lines[1]["message"] == "the password is (hidden)" and lines[1]["time"].endswith("Z")
    assert "ValueError" in lines[2]["traceback"]
    written = "".join(path.read_text() for path in app.folders.logs.iterdir())
    assert "hush" not in written
    assert capsys.readouterr().err == ""


def test_a_further_log_for_people(app: Application, tmp_path: Path) -> None:
    with running("llamad", app, "ERROR", tmp_path / "mine" / "my.log"):
        LOG.debug("a detail")
    assert "DEBUG a detail" in (tmp_path / "mine" / "my.log").read_text()
    assert not (tmp_path / "mine" / "my.jsonl").exists()


def test_nothing_is_left_open_afterwards(app: Application, run: Path) -> None:
    logger = logging.getLogger("llama")
    before, descriptors = list(logger.handlers), len(list(Path("/dev/fd").iterdir()))
    with running("llamad", app, "ERROR", sole=run):
        assert len(logger.handlers) > len(before)
    assert (logger.handlers, len(list(Path("/dev/fd").iterdir()))) == (before, descriptors)


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("llama", logging.INFO, "", 0, text, (), None)


def test_a_large_log_is_rotated_and_what_is_rotated_keeps_its_time(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "x.log", largest=100, kept=2)
    for number in range(6):
        log.emit(record(f"{number}" * 101))
        os.utime(tmp_path / "x.log", (number, number))
    log.close()
    found = {path.name: (path.read_text()[0], path.stat().st_mtime) for path in tmp_path.glob("x.log*")}
    assert found == {"x.log": ("5", 5.0), "x.log.1": ("4", 4.0), "x.log.2": ("3", 3.0)}


WRITES = """
import logging, sys
from pathlib import Path
from llama.operate.logs import LogFile
log = LogFile(Path(sys.argv[1]), largest=2000, kept=1000)
for number in range(400):
    log.emit(logging.LogRecord("llama", 20, "", 0, f"{sys.argv[2]} {number} " + "x" * 50, (), None))
"""


@pytest.mark.slow
def test_many_processes_write_and_rotate_one_log_and_no_line_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    writers = [subprocess.Popen([sys.executable, "-c", WRITES, path, name]) for name in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    lines = [line.split()[:2] for file in tmp_path.glob("x.log*") for line in file.read_text().splitlines()]
    assert sorted(map(tuple, lines)) == sorted((name, str(number)) for name in "abc" for number in range(400))
    assert len(list(tmp_path.glob("x.log.*"))) > 1  # fewer where one process holds the folder while others write


def test_a_log_that_somebody_moved_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x.log"
    log = LogFile(path)
    log.emit(record("one"))
    shutil.rmtree(path.parent)
    log.emit(record("two"))
    log.close()
    assert path.read_text() == "two\n"


def test_a_full_disk_is_told_once_and_what_was_lost_is_said_when_there_is_room(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    (tmp_path / "x.log").symlink_to("/dev/full")
    log = LogFile(tmp_path / "x.log")
    for _ in range(3):
        log.emit(record("lost"))
    assert capsys.readouterr().err.count("No space left on device") == 1
    (tmp_path / "x.log").unlink()
    log.emit(record("kept"))
    log.close()
    lines = (tmp_path / "x.log").read_text().splitlines()
    assert "3 lines are missing here" in lines[0] and lines[1] == "kept"


# ---------------------------------------------------------------------- the state


def test_a_program_says_how_it_stands(app: Application, run: Path) -> None:
    with running("llamad", app, "ERROR", sole=run, about={"run": str(run)}, arguments=("run", "-F")) as program:
        started = state_of(app)
        assert (started.pid, started.version, started.lives) == (os.getpid(), llama.__version__, True)
        assert (started.last_message, started.queue, started.ended, started.about) == (
            None,
            0,
            None,
            {"run": str(run)},
        )
        program.beat(last_message="S1: done", queue=3, lag_s=0.5, failures=1)
        assert state_of(app) == started, "no more often than every second"
        program.beat(force=True)
        told = state_of(app)
        assert (told.last_message, told.queue, told.lag_s, told.failures) == ("S1: done", 3, 0.5, 1)
        assert told.last_message_at is not None and told.heartbeat >= told.last_message_at >= started.heartbeat
        program.beat(queue=0, force=True)
        assert (state_of(app).queue, state_of(app).failures) == (0, 1)
    ended = state_of(app)
    assert (ended.ending, ended.lives) == ("done", False) and ended.ended is not None
    assert [state.program for state in states(app.folders.logs)] == ["llamad"]
    assert json.loads(state_path(app.folders.logs, "llamad").read_text())["started"].endswith("Z")


def test_a_failure_stands_in_log_and_state(app: Application) -> None:
    with pytest.raises(ValueError), running("gcn", app, "CRITICAL"):
        raise ValueError("the password hush-hush-hush is wrong")
    assert state_of(app, "gcn").ending.startswith("failed: ValueError: the password")
    log = (app.folders.logs / "gcn.log").read_text()
    assert "Traceback" in log and "ends, it failed: ValueError" in log
    assert "hush" not in log + state_path(app.folders.logs, "gcn").read_text()


def test_a_state_on_a_full_disk_is_told_once_and_stops_nothing(app: Application) -> None:
    app.folders.logs.mkdir()
    state_path(app.folders.logs, "llamad").mkdir()  # nothing can be put in its place
    with running("llamad", app, "CRITICAL") as program:
        for _ in range(3):
            program.beat(force=True)
    assert (app.folders.logs / "llamad.log").read_text().count("the state of llamad cannot be written") == 1


def test_the_state_of_a_program_that_was_killed(app: Application) -> None:
    with running("llamad", app, "CRITICAL"):
        state = state_of(app)
    gone = msgspec.structs.replace(state, ended=None, process_started=state.process_started - 1)
    write_state(gone, state_path(app.folders.logs, "llamad"))
    assert state_of(app).lives is False
    assert msgspec.structs.replace(gone, host="elsewhere").lives is None
    assert read_state(app.folders.logs / "none") is None


# ---------------------------------------------------------------------- the lock

HOLDS = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from llama.operate.sole import Sole, myself
sole = Sole(Path(sys.argv[1]), "llamad", myself("llamad", datetime.now(UTC)))
print("held", flush=True)
time.sleep(600)
"""


def holding(run: Path) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", HOLDS, run], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None and child.stdout.readline() == "held\n"
    return child


@pytest.mark.slow
def test_a_second_program_is_refused_with_the_pid_of_the_first_and_a_dead_one_holds_nothing(
    app: Application, run: Path
) -> None:
    first = holding(run)
    try:
        with (
            pytest.raises(
                AlreadyRunning, match=f"llamad works on {run} already: process {first.pid}, since"
            ) as caught,
            running("llamad", app, "CRITICAL", sole=run),
        ):
            pytest.fail("two of them")
        assert caught.value.pid == first.pid
        assert not app.folders.logs.exists(), "whoever is refused touches neither log nor state of the first"
        taken, holder = held(run, "llamad")
        assert taken and holder is not None and holder.pid == first.pid
        with running("gcn", app, "CRITICAL", sole=run):
            pass  # another kind of program
    finally:
        first.kill()
        first.communicate()
    assert held(run, "llamad") == (False, None)
    with running("llamad-run", app, "CRITICAL", sole=run, kind="llamad"):
        assert held(run, "llamad")[0]
    assert held(run, "llamad") == (False, None)


@pytest.mark.slow
def test_who_holds_it_is_not_made_up(app: Application, run: Path) -> None:
    first = holding(run)
    try:
        lock_path(run, "llamad").write_text("{")
        with (
            pytest.raises(AlreadyRunning, match="which one is not known"),
            running("x", app, "INFO", None, run, kind="llamad"),
        ):
            pytest.fail("two of them")
    finally:
        first.kill()
        first.communicate()


def test_a_folder_that_vanishes_and_comes_back_is_taken_again(app: Application, run: Path) -> None:
    with running("llamad", app, "CRITICAL", sole=run) as program:
        shutil.rmtree(run)
        program.beat(force=True)
        run.mkdir()
        assert not held(run, "llamad")[0]
        program.beat(force=True)
        assert held(run, "llamad")[0]


@pytest.mark.slow
def test_a_folder_that_came_back_and_belongs_to_another_ends_the_first(app: Application, run: Path) -> None:
    second = None
    try:
        with pytest.raises(AlreadyRunning), running("llamad", app, "CRITICAL", sole=run) as program:
            shutil.rmtree(run)
            run.mkdir()
            second = holding(run)
            program.beat(force=True)
    finally:
        assert second is not None
        second.kill()
        second.communicate()


# ---------------------------------------------------------------------- stopping


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_stop_in_good_order(app: Application, number: signal.Signals) -> None:
    told: list[str] = []
    before = signal.getsignal(number)
    with running("llamad", app, "CRITICAL") as program:
        program.on_stop(lambda: told.append("first"))
        assert not program.pause(0.0) and not program.stopping
        os.kill(os.getpid(), number)
        assert program.pause(60.0) and program.stopping
        program.on_stop(lambda: told.append("late"))
    assert (told, program.signal) == (["first", "late"], number)
    assert signal.getsignal(number) is before
    assert state_of(app).ending == f"stopped by {number.name}"


def test_in_a_thread_it_is_stopped_by_a_call(app: Application) -> None:
    programs: list[Program] = []
    up = threading.Event()

    def work() -> None:
        with running("llamad", app, "CRITICAL") as program:
            programs.append(program)
            up.set()
            program.pause(60.0)

    thread = threading.Thread(target=work)
    thread.start()
    assert up.wait(60)
    programs[0].stop()
    thread.join(60)
    assert not thread.is_alive()
    assert state_of(app).ending == "stopped"


def test_times_are_of_the_clock_it_was_given(app: Application) -> None:
    then = datetime(2019, 7, 28, 6, 45, 10, tzinfo=UTC)
    with running("llamad", app, "CRITICAL", clock=lambda: then):
        pass
    assert (state_of(app).started, state_of(app).ended) == (then, then)
