"""`llama listen gcn` as a program: hears a real broker, is stopped and killed, and comes back to its place."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llama.engine.folder import Run
from llama.testing import Tansu, demo_alert

pytestmark = pytest.mark.component


class Program:
    """`llama listen gcn` in a process of its own."""

    def __init__(self, folder: Path, kafka: Tansu, *words: str) -> None:
        self.folder = folder
        settings = {"CLIENT_ID": "x", "CLIENT_SECRET": "y" * 20, "BOOTSTRAP": kafka.address, "GROUP": "ours"}
        environ = {f"LLAMA_GCN_{name}": value for name, value in settings.items()}
        environ |= {"LLAMA_DATA_DIR": str(folder)}
        command = [sys.executable, "-m", "llama.cli.main", "listen", "gcn", *words]
        self.process = subprocess.Popen(
            command, env=os.environ | environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def events(self) -> list[str]:
        return events(self.folder)

    def end(self, number: int) -> str:
        self.process.send_signal(number)
        return "".join(self.process.communicate(timeout=60))


def events(folder: Path) -> list[str]:
    run = folder / "current_run"
    return sorted(event.id for event in Run(run).events()) if run.exists() else []


def wait_for(what: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not come to it"
        time.sleep(0.05)


def test_it_hears_until_it_is_stopped_and_says_how_it_does(kafka: Tansu, tmp_path: Path) -> None:
    kafka.send("igwn.gwalert", [demo_alert().data])
    kafka.send("gcn.heartbeat", [b'{"alert_datetime": "now"}'])
    program = Program(tmp_path, kafka, "--err-alert")
    wait_for(lambda: program.events() == ["MS120130a-1-Preliminary"])
    second = Program(tmp_path, kafka)
    assert second.process.wait(60) == 1
    assert str(program.process.pid) in second.process.communicate()[1]
    said = program.end(signal.SIGTERM)
    assert program.process.returncode == 0, said
    assert "--err-alert comes with publishing" in said
    state = json.loads((tmp_path / "logs" / "gcn.state.json").read_bytes())
    assert state["last_message"].startswith("igwn.gwalert-0-0 at ") and state["pid"] == program.process.pid
    assert (tmp_path / "logs" / "gcn.log").stat().st_size > 0
    flags = Run(tmp_path / "current_run").events()[0].refresh().flags
    assert flags["role"] == "test" and flags["blinded_neutrinos"] is True


def test_killed_at_any_moment_it_loses_nothing_and_makes_nothing_twice(kafka: Tansu, tmp_path: Path) -> None:
    alerts = [demo_alert(f"MS1201{day:02d}{letter}") for day in range(1, 11) for letter in "abc"]
    kafka.send("igwn.gwalert", [one.data for one in alerts])
    draw, expected = random.Random(13), sorted(f"{_name(one.data)}-1-Preliminary" for one in alerts)
    for _ in range(4):
        before = len(events(tmp_path))
        program = Program(tmp_path, kafka)
        wait_for(lambda: len(events(tmp_path)) > before or len(events(tmp_path)) == 30)  # noqa: B023
        time.sleep(draw.uniform(0.0, 0.4))
        program.end(signal.SIGKILL)
    last = Program(tmp_path, kafka, "--once")
    said = "".join(last.process.communicate(timeout=120))
    assert last.process.returncode == 0, said
    assert events(tmp_path) == expected
    for event in Run(tmp_path / "current_run").events():
        assert [type(one).__name__ for one in event.entries()].count("Received") == 1
    kept = list((tmp_path / "gcn").glob("2*/*/*.json"))
    assert len(kept) == 30 and sorted(path.read_bytes() for path in kept) == sorted(one.data for one in alerts)


def _name(data: bytes) -> str:
    return str(json.loads(data)["superevent_id"])
