"""Processes of a batch: one that dies takes nothing along but what it was at."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.engine.toys import World

from llama.engine.folder import Event, SharedDigests
from llama.engine.graph import Pipeline, Product, Step
from llama.engine.running import Maker, Runner
from llama.formats.records import Raw
from llama.studies.batch.combination import InTime
from llama.studies.batch.crew import Crew


def squared(number: int) -> int:
    """Kills its process for 13."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def lost(number: int) -> int:
    return -number


@pytest.mark.slow
def test_a_block_that_kills_its_process_is_lost_and_no_other() -> None:
    found = list(Crew(squared, 2, lost).through(range(40)))
    assert sorted(found) == sorted(number * number if number != 13 else -13 for number in range(40))


def test_one_worker_works_here_and_stops_when_it_is_told() -> None:
    crew = Crew(lambda number: (number, os.getpid()), 1, lambda number: (number, 0))
    found = []
    for number, process in crew.through(range(10)):
        found.append(number)
        assert process == os.getpid()
        if number == 3:
            crew.stop()
    assert found == [0, 1, 2, 3]


def began(path: Path) -> str:
    path.touch()
    return path.name


@pytest.mark.slow
def test_what_is_begun_is_finished_and_nothing_more_is_begun(tmp_path: Path) -> None:
    crew = Crew(began, 2, lambda path: "lost")
    found, folder = [], tmp_path / "begun"
    folder.mkdir()
    for name in crew.through(folder / str(number) for number in range(100)):
        found.append(name)
        crew.stop()
    assert sorted(found) == sorted(path.name for path in folder.iterdir()) and len(found) < 10


def test_a_step_that_hangs_is_ended_and_the_event_says_so(tmp_path: Path) -> None:
    """Made as in a batch, on the toys of the engine."""
    signal.setitimer(signal.ITIMER_REAL, 600)

    def hangs(step: Step) -> bytes:
        time.sleep(60)
        return b""

    source: Product[bytes] = Product("SOURCE", "source.txt", Raw())
    slow: Product[bytes] = Product("SLOW", "slow.txt", Raw(), hangs, inputs=(source,), timeout_s=0.2)
    event = Event.create(tmp_path / "run" / "S1", {"source.txt": b"x"}, {}, why="", now=datetime.now(UTC))
    world = World({"P": Pipeline("P", (source, slow))}, tmp_path)
    maker = Maker(world.pipeline("P"), world, SharedDigests(world))
    runner = Runner(maker, InTime(maker))
    started = time.monotonic()
    runner.once([event])
    assert time.monotonic() - started < 10
    assert len(runner.failures) == 1 and "making slow.txt took longer than 0.2 s" in runner.failures[0]
    assert signal.getitimer(signal.ITIMER_REAL)[0] > 60, "the alarm that was set before goes on"
