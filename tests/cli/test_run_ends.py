"""How `llama run` ends: what its exit status says, and what may not end it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from test_kill import started, wait_for
from typed import EVENT_ID, LLAMA, contents, copied, environment, journal, typed

pytestmark = pytest.mark.slow

LAST = "summary_lvc-I3.pdf"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stopped_before_all_was_made(home: Path, fresh: Path, tmp_path: Path, number: signal.Signals) -> None:
    event = copied(fresh, tmp_path / "run")
    running = started(event, home)
    wait_for(event, "Claimed", 3, running)
    running.send_signal(number)
    assert running.wait(60) == 128 + number
    assert not (event / LAST).exists()


def test_beside_another_run_it_ends_when_all_is_made(home: Path, fresh: Path, tmp_path: Path) -> None:
    event = copied(fresh, tmp_path / "run")
    first = started(event, home)
    wait_for(event, "Claimed", 3, first)
    typed("run", "-o", event, home=home)
    assert LAST in contents(event)
    assert first.wait(60) == 0
    made = [entry["filename"] for entry in journal(event) if entry["kind"] == "Made"]
    assert len(made) == len(set(made))


@pytest.mark.parametrize("kind", ["Claimed", "Made"])
def test_after_the_run_alone_was_killed_the_next_makes_the_rest(
    home: Path, fresh: Path, tmp_path: Path, kind: str
) -> None:
    event = copied(fresh, tmp_path / "run")
    running = started(event, home)
    wait_for(event, kind, 4, running)
    running.kill()
    running.wait()
    typed("run", "-o", event, home=home)
    assert LAST in contents(event)


def test_an_edit_that_holds_things_up_is_told_by_the_exit_status(home: Path, fresh: Path, tmp_path: Path) -> None:
    event = copied(fresh, tmp_path / "run")
    typed("run", "-o", event, home=home)
    (event / "p_astro.json").write_text("{}")
    said = typed("run", "-o", event, home=home, status=1)
    assert "p_astro.json is held: edited by hand" in said
    typed("event", event, "veto", home=home)
    (event / "p_astro.json").unlink()
    typed("run", "-o", event, home=home)  # nothing is to be made, and so nothing is missing


def test_odd_neighbours_do_not_end_a_watcher_whatever_the_terminal(home: Path, fresh: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(fresh, run / os.fsdecode(b"S\xff"), copy_function=shutil.copy2)
    (run / "circle").symlink_to("circle")
    shutil.copytree(fresh, run / "piped", copy_function=shutil.copy2)
    (run / "piped" / ".llama" / "journal.jsonl").unlink()
    os.mkfifo(run / "piped" / ".llama" / "journal.jsonl")
    words = [LLAMA, "run", "-F", f"{run}/", "+f", "P_ASTRO"]
    more = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    said = tmp_path / "said"
    with open(said, "wb") as out:
        running = subprocess.Popen(words, env=environment(home, **more), stdout=subprocess.PIPE, stderr=out)
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()  # nobody listens any more
        event = copied(fresh, run)
        wait_for(event, "Made", 2, running)
        until = time.monotonic() + 120
        while b"must be readable text" not in said.read_bytes() and time.monotonic() < until:
            time.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        status = running.wait(60)
    text = said.read_bytes().decode("ascii", "backslashreplace")
    assert status == 1, text  # one event cannot be worked on
    assert (run / EVENT_ID / "p_astro.json").exists()
    assert "Traceback" not in text
    assert r"the folder's name must be readable text" in text


def test_a_log_on_a_full_disk_is_said_once_and_the_run_goes_on(home: Path, fresh: Path, tmp_path: Path) -> None:
    event = copied(fresh, tmp_path / "run")
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    said = typed("run", "-o", event, "+f", "GW_SKYMAP", "-l", "/dev/full", home=home)
    assert said.count("the log /dev/full cannot be written: [Errno 28] No space left on device") == 1
    assert (event / "lvc_skymap.multiorder.fits").exists()
