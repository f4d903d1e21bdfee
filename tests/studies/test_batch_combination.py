"""One combination of a batch: its steps end in time."""

from __future__ import annotations

import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.engine.toys import World

from llama.engine.folder import Event, SharedDigests
from llama.engine.graph import Pipeline, Product, Step
from llama.engine.running import Maker, Runner
from llama.formats.records import Raw
from llama.studies.batch.combination import InTime


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
