"""A program that is started again when it fails."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llama.operate.errors import NotUp
from llama.operate.launching import REFUSED, STOPPED, UP, Child, Inherited, Tidings, how_it_ended, launch
from llama.operate.programs import Program, running
from llama.operate.sole import held
from llama.operate.supervising import Relaunches, supervise
from llama.sections import Secret

AT_ONCE = Relaunches(0.0, 0.0, 600.0)


@dataclass
class Folders:
    logs: Path


@dataclass
class Application:
    folders: Folders
    secrets: tuple[Secret, ...] = ()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


@pytest.fixture
def program(tmp_path: Path, run: Path) -> Iterator[Program]:
    app = Application(Folders(tmp_path / "logs"))
    with running("llamad", app, "CRITICAL", sole=run, tells=False) as found:
        yield found


class Children:
    """Starts one after the other of these scripts, which find their pipe in FD."""

    def __init__(self, *scripts: str, lock: int | None = None) -> None:
        self.scripts = list(scripts)
        self.started: list[Child] = []
        self._lock = lock

    def __call__(self) -> Child:
        ours, theirs = os.pipe()
        fds = (theirs,) if self._lock is None else (theirs, self._lock)
        code = f"import os, signal, sys, time; FD = {theirs}\n{self.scripts.pop(0)}"
        process = subprocess.Popen([sys.executable, "-S", "-c", code], pass_fds=fds)
        os.close(theirs)
        self.started.append(Child(process, ours))
        return self.started[-1]


COMES_UP = f"os.write(FD, {UP!r})\n"
ENDS_WELL = f"os.write(FD, {STOPPED!r}); sys.exit(1)\n"
IS_KILLED = "os.kill(os.getpid(), signal.SIGKILL)\n"
WAITS = "signal.signal(signal.SIGTERM, lambda *_: (os.write(FD, b'stopped\\n'), os._exit(0)))\n"


def reported(report: int) -> bytes:
    os.set_blocking(report, False)
    try:
        return os.read(report, 100)
    except BlockingIOError:
        return b""


def test_what_is_killed_or_fails_is_started_again_and_what_was_stopped_is_not(
    program: Program, tmp_path: Path
) -> None:
    ours, theirs = os.pipe()
    children = Children(COMES_UP + IS_KILLED, COMES_UP + "sys.exit(3)", "sys.exit(4)", COMES_UP + ENDS_WELL)
    assert supervise(children, program, Tidings(theirs), AT_ONCE) == 1  # the status of the last one
    assert not children.scripts
    log = (tmp_path / "logs" / "llamad.log").read_text()
    assert (
        f"process {children.started[0].process.pid} was killed by SIGKILL; starting it again in 0 s, for the 1st"
        in log
    )
    assert "ended with exit status 3; starting it again in 0 s, for the 2nd time in a row" in log
    assert "ended with exit status 4; starting it again in 0 s, for the 3rd time in a row" in log
    assert reported(ours) == UP
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("script", ["sys.exit(3)", f"os.write(FD, {REFUSED!r}); sys.exit(1)"])
def test_what_never_worked_is_not_started_again(program: Program, script: str) -> None:
    children = Children(script)
    assert supervise(children, program, Tidings(None), AT_ONCE) == 1


def test_what_was_refused_later_is_not_started_again(program: Program) -> None:
    children = Children(COMES_UP + IS_KILLED, f"os.write(FD, {REFUSED!r}); sys.exit(1)")
    assert supervise(children, program, Tidings(None), AT_ONCE) == 1
    assert not children.scripts


def test_a_stop_is_passed_on(program: Program) -> None:
    children = Children(WAITS + COMES_UP + "time.sleep(600)")

    class Tells(Tidings):
        def say(self, word: bytes) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    assert supervise(children, program, Tells(None), AT_ONCE) == 0
    assert children.started[0].process.returncode == 0


def test_a_stop_while_it_waits_ends_it(program: Program) -> None:
    program.on_stop(lambda: None)
    children = Children(COMES_UP + f"os.kill({os.getpid()}, signal.SIGTERM); sys.exit(3)")
    assert supervise(children, program, Tidings(None), Relaunches(600.0)) in (0, 3)
    assert not children.scripts


def test_pauses_grow_and_end_somewhere() -> None:
    pauses = Relaunches(1.0, 300.0)
    assert [pauses.pause_s(count) for count in (1, 2, 3, 9, 10, 10_000)] == [1.0, 2.0, 4.0, 256.0, 300.0, 300.0]


ADOPTS = """
sys.path[:0] = {path!r}
from datetime import UTC, datetime
from pathlib import Path
from llama.operate.sole import Sole, myself
sole = Sole(Path({run!r}), "llamad", myself("llamad", datetime.now(UTC)), {lock})
os.write(FD, b"up\\n")
time.sleep(600)
"""


def test_a_lock_is_held_as_long_as_one_of_the_two_lives(tmp_path: Path, run: Path) -> None:
    app = Application(Folders(tmp_path / "logs"))
    with running("llamad", app, "CRITICAL", sole=run, tells=False) as program:
        assert program.lock is not None
        script = ADOPTS.format(path=sys.path, run=str(run), lock=program.lock.fileno())
        child = Children(script, lock=program.lock.fileno())()
        assert os.read(child.report, 10) == UP
        taken, holder = held(run, "llamad")
        assert taken and holder is not None and holder.pid == os.getpid(), "whoever is to be told to stop"
    assert held(run, "llamad")[0], "the child still holds it"
    child.process.kill()
    child.process.wait()
    child.close()
    assert not held(run, "llamad")[0]


def test_what_a_fresh_process_inherits_travels_as_text() -> None:
    for one in (Inherited(5), Inherited(5, 6)):
        assert Inherited.of(str(one)) == one
    with pytest.raises(ValueError):
        Inherited.of("five")


def test_how_it_ended() -> None:
    assert how_it_ended(-9) == "was killed by SIGKILL"
    assert how_it_ended(-1000) == "was killed by signal 1000"


def test_a_report_to_somebody_who_is_gone_is_no_error() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    Tidings(theirs).say(UP)
    os.close(theirs)
    Tidings(None).say(UP)


def test_one_that_does_not_come_up_is_told_in_its_own_words(tmp_path: Path) -> None:
    out = tmp_path / "logs" / "llamad.out.log"
    out.parent.mkdir()
    out.write_text("what stood there before\n")
    with pytest.raises(NotUp, match="no command 'nonsense") as caught:
        launch(["nonsense"], out)
    assert "before" not in str(caught.value)
    with pytest.raises(NotUp, match="ended with exit status 1 and said nothing"):
        launch(["nonsense"], Path("/dev/full"))
