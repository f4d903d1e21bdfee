"""Studies that are killed, whole or in part, go on to what they would have been, byte for byte."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment, typed

pytestmark = pytest.mark.component

PATIENCE_S = 120.0


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def children(pid: int) -> list[int]:
    """Processes of a pool that this one started, by their command lines."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and b"spawn_main" in words:
            found.append(int(path.name))
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def files(folder: Path) -> dict[str, bytes]:
    names = ("trials", "signal-events")
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for name in names
        for path in (folder / name).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def words(data: Path, tmp_path: Path) -> tuple[str, ...]:
    maps = data / "skymaps/mock_and_sim/local_bayestar"
    listing = tmp_path / "maps.csv"
    listing.write_text("".join(f"{(maps / f'{i}.fits').resolve()}\n" for i in range(3)))
    size = ("--depth", "pipeline", "-n", "36", "--per-map", "6", "--own-lists", "20", "-j", "2")
    return ("dev", "trials", "signal", str(listing), "-p", "bns", *size)


def start(words: tuple[str, ...], folder: Path, home: Path) -> subprocess.Popen[str]:
    command = [LLAMA, *words, "-d", str(folder)]
    quiet = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "start_new_session": True}
    return subprocess.Popen(command, env=environment(home), text=True, **quiet)  # type: ignore[call-overload,no-any-return]


def test_what_was_killed_goes_on(words: tuple[str, ...], tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    typed(*words, "-d", whole, home=tmp_path)

    study = start(words, cut, tmp_path)
    until(lambda: len(children(study.pid)) == 2)
    os.killpg(study.pid, signal.SIGINT)
    said, _ = study.communicate(timeout=PATIENCE_S)
    assert study.returncode == 130 and "Traceback" not in said

    study = start(words, cut, tmp_path)
    until(lambda: len(list((cut / "signal-events").glob("injection-*"))) >= 3)
    workers = children(study.pid)
    assert len(workers) == 2
    os.kill(study.pid, signal.SIGKILL)
    study.communicate(timeout=PATIENCE_S)
    until(lambda: not any(map(alive, workers)))

    study = start(words, cut, tmp_path)
    until(lambda: len(children(study.pid)) == 2)
    os.kill(children(study.pid)[0], signal.SIGKILL)
    said, _ = study.communicate(timeout=PATIENCE_S)
    assert study.returncode == 1
    assert "ended from outside" in said and "Traceback" not in said

    assert "36 signal trials" in typed(*words, "-d", cut, home=tmp_path)
    assert files(cut) == files(whole)
