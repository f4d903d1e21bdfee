"""Processes that die, processes that race: the next `llama run` ends with the bytes of an undisturbed one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from typed import LLAMA, contents, copied, environment, journal, typed

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(home: Path, fresh: Path) -> dict[str, bytes]:
    event = copied(fresh, home / "undisturbed")
    typed("run", "-o", event, home=home)
    return contents(event)


def started(event: Path, home: Path) -> subprocess.Popen[bytes]:
    """`llama run` on the event, leading a process group of its own."""
    return subprocess.Popen(
        [LLAMA, "run", "-o", event],
        env=environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def entries(event: Path, kind: str) -> int:
    return sum(entry["kind"] == kind for entry in journal(event))


def wait_for(event: Path, kind: str, count: int, running: subprocess.Popen[bytes]) -> None:
    """Until the journal has so many entries of a kind (or the run ended first, which is as good a moment)."""
    until = time.monotonic() + 600
    while entries(event, kind) < count and running.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.002)


def check_healed(event: Path, home: Path, undisturbed: dict[str, bytes]) -> None:
    """One more run, and everything is there, right, and tidy."""
    assert contents(event).items() <= undisturbed.items(), "what is there already is whole"
    typed("run", "-o", event, home=home)
    assert contents(event) == undisturbed
    assert "every byte is as recorded" in typed("event", event, "check", home=home)
    scratch = event / ".llama" / "scratch"
    assert not scratch.is_dir() or not list(scratch.iterdir())


@pytest.mark.parametrize(("kind", "count"), [("Claimed", 3), ("Made", 6), ("Claimed", 13)])
def test_killed_with_all_its_steps(
    home: Path, fresh: Path, undisturbed: dict[str, bytes], tmp_path: Path, kind: str, count: int
) -> None:
    event = copied(fresh, tmp_path / "run")
    running = started(event, home)
    wait_for(event, kind, count, running)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    check_healed(event, home, undisturbed)


@pytest.mark.parametrize("count", [7])
def test_killed_and_its_steps_left_behind(
    home: Path, fresh: Path, undisturbed: dict[str, bytes], tmp_path: Path, count: int
) -> None:
    event = copied(fresh, tmp_path / "run")
    running = started(event, home)
    wait_for(event, "Claimed", count, running)
    running.kill()
    running.wait()
    check_healed(event, home, undisturbed)


def killed_server(running: subprocess.Popen[str]) -> None:
    """Kill the process that forks the steps, as a machine short of memory does."""
    (server,) = [
        child for child in psutil.Process(running.pid).children() if "forkserver" in " ".join(child.cmdline())
    ]
    server.kill()


@pytest.mark.parametrize("count", [3, 13])
def test_a_run_whose_fork_server_is_killed_goes_on(
    home: Path, fresh: Path, undisturbed: dict[str, bytes], tmp_path: Path, count: int
) -> None:
    event = copied(fresh, tmp_path / "run")
    words = [LLAMA, "run", "-o", event]
    running = subprocess.Popen(
        words, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wait_for(event, "Claimed", count, running)
    killed_server(running)
    said, _ = running.communicate(timeout=600)
    assert "Traceback" not in said
    assert running.returncode == 0, said
    assert contents(event) == undisturbed
    assert entries(event, "Failed") == 0
    assert "every byte is as recorded" in typed("event", event, "check", home=home)


def test_a_run_killed_while_it_checks_what_is_preloaded_says_nothing_odd(
    home: Path, fresh: Path, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    event = copied(fresh, tmp_path / "run")
    log = tmp_path / "said"
    with open(log, "w") as said:
        running = subprocess.Popen([LLAMA, "run", "-o", event], env=environment(home), stdout=said, stderr=said)
        until = time.monotonic() + 600
        while running.poll() is None and not psutil.Process(running.pid).children() and time.monotonic() < until:
            time.sleep(0.01)
        servers = psutil.Process(running.pid).children(recursive=True)
        running.kill()
        running.wait()
        psutil.wait_procs(servers, timeout=600)
    assert "Traceback" not in log.read_text()
    check_healed(event, home, undisturbed)


@pytest.mark.parametrize("count", [2, 8])
def test_many_runs_of_one_event_make_each_product_once(
    home: Path, fresh: Path, undisturbed: dict[str, bytes], tmp_path: Path, count: int
) -> None:
    event = copied(fresh, tmp_path / "run")
    for running in [started(event, home) for _ in range(count)]:
        assert running.wait(600) == 0
    assert contents(event) == undisturbed
    made = Counter(entry["filename"] for entry in journal(event) if entry["kind"] == "Made")
    assert set(made.values()) == {1}
    assert "every byte is as recorded" in typed("event", event, "check", home=home)
