"""`llama run` as a daemon: up, listed, alone, started again, ended."""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from typed import EVENT_ID, LLAMA, contents, copied, environment, journal, typed

from llama.cli.main import parser_of
from llama.cli.run_order import Order
from llama.cli.selection import Downselection, Target

SKYMAP = "lvc_skymap.multiorder.fits"


def parsed(*words: str) -> argparse.Namespace:
    return parser_of(("run",)).parse_intermixed_args(list(words))


def handed_on(*words: str, run: Path = Path("/data/run"), pattern: str = "*") -> argparse.Namespace:
    """What a fresh process understands of the order that it is handed."""
    order = Order(parsed(*words), None, None, Target(run, pattern), Downselection())  # type: ignore[arg-type]
    command, *rest = order.words(foreground="-F" in words, relaunch="-r" in words)
    assert command == "run"
    return parsed(*rest)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["-F", "-r", "-n", "7", "-v", "debug", "-j", "3"],
        ["-p", "O2", "--downselect", "manual=any,limit=3", "-f", "NEUTRINOS", "P_ASTRO"],
        ["+f", "GW_SKYMAP", "P_ASTRO", "-l", "/logs/my.log"],
    ],
)
def test_a_fresh_process_is_handed_the_whole_order(words: list[str]) -> None:
    assert handed_on(*words) == parsed("/data/run/*", *words)


def test_a_fresh_process_needs_not_this_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = handed_on("-l", "my.log", run=tmp_path, pattern="S1*")
    assert (given.target, given.logfile) == (f"{tmp_path}/S1*", tmp_path / "my.log")


# ---------------------------------------------------------------------- real ones


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A data folder of its own, in which no daemon is left."""
    yield tmp_path
    for path in (tmp_path / "logs").glob("*.state.json"):
        typed("run", "-k", json.loads(path.read_text())["about"]["run"] + "/", home=tmp_path)


def eventually(truth: Callable[[], bool]) -> None:
    until = time.monotonic() + 240
    while not truth():
        assert time.monotonic() < until, "did not happen"
        time.sleep(0.02)


def state(home: Path, name: str = "llamad") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / "logs" / f"{name}.state.json").read_text())
    return found


def made(event: Path) -> Counter[str]:
    return Counter(entry["filename"] for entry in journal(event) if entry["kind"] == "Made")


def is_made(event: Path, filename: str) -> bool:
    return filename in made(event)


@pytest.mark.component
def test_a_daemon_is_up_when_the_command_ends_and_says_how_it_stands(place: Path, fresh: Path) -> None:
    run = place / "current_run"
    said = typed("run", "+f", "GW_SKYMAP", home=place)
    pid = int(re.search(r"process (\d+) keeps events \* in", said)[1])  # type: ignore[index]
    assert f"its log is {place / 'logs' / 'llamad.log'}" in said
    assert (state(place)["pid"], state(place)["about"]["run"]) == (pid, str(run))
    assert os.getsid(pid) == pid, "it is away from this terminal"
    listed = typed("run", "-R", home=place).splitlines()
    assert listed[1].split()[0] == str(pid) and listed[1].endswith(f"GW_NEUTRINO  {run}/*")

    refused = typed("run", home=place, status=1)
    assert f"llamad works on {run} already: process {pid}, since" in refused
    assert str(pid) in typed("run", "-F", home=place, status=1)

    event = copied(fresh, run)
    eventually(lambda: is_made(event, SKYMAP))
    eventually(lambda: state(place)["last_message"] == f"{EVENT_ID}: nothing more to make now")
    second = copied(fresh, run, "S2")
    typed("run", "-o", second, "+f", "GW_SKYMAP", home=place)  # by hand beside it

    assert f"process {pid} on {run} has ended" in typed("run", "-k", home=place)
    assert (state(place)["ending"], state(place)["queue"], state(place)["failures"]) == ("stopped by SIGTERM", 0, 0)
    assert "no daemon is running" in typed("run", "-R", home=place)
    assert "no daemon works on" in typed("run", "-k", home=place)
    assert set(made(event).values()) | set(made(second).values()) == {1}
    log = (place / "logs" / "llamad.log").read_text()
    assert re.match(rf".* INFO llamad [^ ]+ starts: process {pid}, run ", log)
    assert "products up to date" in log
    assert (place / "logs" / "llamad.out.log").read_text() == ""


@pytest.mark.component
def test_one_that_cannot_come_up_says_why(place: Path) -> None:
    said = typed("run", "-l", "/dev/null/log", home=place, status=1)
    assert "llama: it did not come up: File exists: /dev/null" in said
    assert "File exists: /dev/null" in typed("run", "-r", "-l", "/dev/null/log", home=place, status=1)
    assert "there is no event S9" in typed("run", "S9", home=place, status=1)
    assert "no daemon is running" in typed("run", "-R", home=place)


@pytest.mark.component
def test_one_takes_the_place_of_another_and_of_two_runs_each_has_its_own(place: Path, tmp_path: Path) -> None:
    typed("run", home=place)
    first = state(place)["pid"]
    typed("run", f"{tmp_path}/past_runs/o2/", home=place)
    assert len(typed("run", "-R", home=place).splitlines()) == 3
    said = typed("run", "-K", home=place)
    assert f"process {first} on {place / 'current_run'} has ended" in said
    assert state(place)["pid"] != first
    assert state(place, "llamad-o2")["ended"] is None


@pytest.mark.component
def test_killed_while_events_come_it_is_started_again_and_makes_each_once(place: Path, fresh: Path) -> None:
    """The process that works, its fork server, a step, and at last the supervisor."""
    run = place / "current_run"
    said = typed("run", "-r", "-f", "GW_SKYMAP", home=place)
    supervisor = int(re.search(r"process (\d+)", said)[1])  # type: ignore[index]
    events = []

    def another() -> Path:
        events.append(copied(fresh, run, f"S{len(events)}"))
        return events[-1]

    for kill in (kill_worker, kill_server, kill_steps):
        event = another()
        eventually(lambda event=event: "Claimed" in {e["kind"] for e in journal(event)[-2:]})  # type: ignore[misc]
        kill(state(place)["pid"])
        eventually(lambda event=event: done(event))  # type: ignore[misc]
    os.kill(supervisor, signal.SIGKILL)
    eventually(lambda: not psutil.pid_exists(supervisor) or psutil.Process(supervisor).status() == "zombie")
    event = another()
    eventually(lambda: done(event))
    eventually(lambda: str(state(place)["pid"]) in typed("run", "-R", home=place))
    # The one that works holds the run now, and says so at its next beat
    eventually(lambda: str(state(place)["pid"]) in typed("run", home=place, status=1))
    typed("run", "-k", home=place)
    assert state(place)["ending"] == "stopped by SIGTERM"
    for event in events:
        assert "every byte is as recorded" in typed("event", event, "check", home=place)
    assert "was killed by SIGKILL; starting it again" in (place / "logs" / "llamad.log").read_text()


def done(event: Path) -> bool:
    """Whether it is there and was made once."""
    return made(event)[SKYMAP] == 1


def kill_worker(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def kill_server(pid: int) -> None:
    for child in psutil.Process(pid).children():
        if "forkserver" in " ".join(child.cmdline()):
            child.kill()


def kill_steps(pid: int) -> None:
    for child in psutil.Process(pid).children():
        for step in child.children():
            step.kill()


@pytest.mark.component
def test_in_the_foreground_it_is_started_again_too_until_it_is_stopped(place: Path, fresh: Path) -> None:
    words = [LLAMA, "run", "-F", "-r", "+f", "GW_SKYMAP"]
    running = subprocess.Popen(words, env=environment(place), stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    assert "stop with Ctrl-C" in running.stdout.readline()
    os.kill(state(place)["pid"], signal.SIGKILL)
    assert "stop with Ctrl-C" in running.stdout.readline()
    event = copied(fresh, place / "current_run")
    assert re.fullmatch(rf"{EVENT_ID}: ([0-9]) of \1 products up to date\n", running.stdout.readline())
    running.send_signal(signal.SIGINT)
    assert running.wait(120) == 0
    assert SKYMAP in contents(event)
