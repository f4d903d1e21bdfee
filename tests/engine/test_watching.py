"""A runner that watches: its order, what it says of itself, folders that go and come, clocks that err."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from test_runner import eventually, shows
from tests.engine.toys import SOURCE, TEXT
from toybench import Bench
from toys import CHAIN

from llama.engine.folder.event import Event
from llama.engine.folder.run import Run
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product
from llama.engine.running.making import utc_now
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.watching import FolderChanges
from llama.flags import Flags


@contextmanager
def watching(runner: Runner, find: Callable[[], list[Event]], folder: Path) -> Iterator[list[int]]:
    """In a thread; gives what the queue was each time round."""
    queues: list[int] = []
    changes = FolderChanges(folder)
    thread = threading.Thread(
        target=lambda: runner.watch(find, changes, lambda: queues.append(runner.queue)), name="watcher"
    )
    thread.start()
    try:
        yield queues
    finally:
        runner.stop()
        thread.join(20)
        assert not thread.is_alive()


def new_event(folder: Path, name: str, text: str = "new") -> Event:
    return Event.create(folder / name, {"source.txt": text.encode()}, Flags(), why="", now=utc_now())


def newest_first(run: Run) -> list[Event]:
    return sorted(run.events(), key=lambda event: event.id, reverse=True)


@pytest.mark.slow
def test_what_comes_while_many_are_looked_at_does_not_wait_for_all_of_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.use(CHAIN)
    folder = bench.event.path.parent
    for number in range(30):
        new_event(folder, f"S{number:02d}")
    order: list[str] = []
    runner = Runner(bench.maker, Here(bench.maker))
    judge = runner._verdict

    def slowly(event: Event) -> object:
        order.append(event.id)
        if len(order) == 3:
            new_event(folder, "T1")
        if event.id < "T":
            threading.Event().wait(0.06)  # longer than a slice
        return judge(event)

    monkeypatch.setattr(runner, "_verdict", slowly)
    with watching(runner, lambda: newest_first(Run(folder)), folder) as queues:
        eventually(shows(folder / "T1" / "both.txt", "NEW: 3 letters"))
        assert not (folder / "S00" / "upper.txt").exists(), "the oldest still waits"
    assert order[0] == "S29"
    assert max(queues) >= 30


def test_it_says_what_it_does_and_comes_round(bench: Bench) -> None:
    bench.use(CHAIN)
    runner = Runner(bench.maker, Here(bench.maker))
    run = Run(bench.event.path.parent)
    with watching(runner, run.events, run.path) as queues:
        eventually(lambda: runner.last == "S1: nothing more to make now")
        eventually(lambda: bool(queues) and queues[-1] == 0)
    assert queues[0] == 1, "first when there is all to do"


def test_it_comes_round_while_nothing_happens(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama.engine.running.runner._TURN_S", 0.01)
    bench.use(CHAIN)
    run = Run(bench.event.path.parent)
    with watching(Runner(bench.maker, Here(bench.maker)), run.events, run.path) as queues:
        eventually(lambda: queues[-5:] == [0] * 5)


@pytest.mark.slow
def test_a_folder_that_goes_away_and_comes_back_is_watched_again(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.use(CHAIN)
    folder, aside = bench.event.path.parent, bench.event.path.parent.with_name("aside")
    runner = Runner(bench.maker, Here(bench.maker))
    with caplog.at_level(logging.WARNING), watching(runner, Run(folder).events, folder):
        eventually(shows(folder / "S1" / "both.txt", "HELLO: 5 letters"))
        folder.rename(aside)
        eventually(lambda: f"{folder} is not there: waiting for it" in caplog.text)
        Event(aside / "S1").receive({"source.txt": b"more"}, why="", now=utc_now())
        aside.rename(folder)
        eventually(shows(folder / "S1" / "both.txt", "MORE: 4 letters"))
        new_event(folder, "S2")
        eventually(shows(folder / "S2" / "both.txt", "NEW: 3 letters"))
        folder.rename(folder.with_name("gone"))
        eventually(lambda: caplog.text.count("is not there: waiting") == 2)
        new_event(folder, "S3")
        eventually(shows(folder / "S3" / "both.txt", "NEW: 3 letters"))
    assert runner.troubles == []


@pytest.mark.slow
def test_another_folder_put_in_its_place_is_noticed(bench: Bench, tmp_path: Path) -> None:
    bench.use(CHAIN)
    folder = bench.event.path.parent
    other = tmp_path / "other"
    new_event(other, "S9")
    runner = Runner(bench.maker, Here(bench.maker))
    with watching(runner, Run(folder).events, folder):
        eventually(shows(folder / "S1" / "both.txt", "HELLO: 5 letters"))
        folder.rename(tmp_path / "old")
        other.rename(folder)
        eventually(shows(folder / "S9" / "both.txt", "NEW: 3 letters"))
        new_event(folder, "S10")
        eventually(shows(folder / "S10" / "both.txt", "NEW: 3 letters"))


def test_a_folder_that_comes_later(bench: Bench, tmp_path: Path) -> None:
    bench.use(CHAIN)
    later = tmp_path / "later"
    runner = Runner(bench.maker, Here(bench.maker))
    with watching(runner, Run(later).events, later):
        new_event(later, "S1")
        eventually(shows(later / "S1" / "both.txt", "NEW: 3 letters"))


def test_a_clock_that_is_set_back_makes_nobody_wait_for_the_time_it_was(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []

    def broken(step: object) -> str:
        calls.append("x")
        if len(calls) == 1:
            raise ValueError("no")
        return "x"

    product = Product("ONE", "one.txt", TEXT, broken, inputs=(SOURCE,), cooldown_s=60.0)
    bench.use(Pipeline("P", (SOURCE, product)))
    run = Run(bench.event.path.parent)
    runner = Runner(bench.maker, Here(bench.maker))
    with caplog.at_level(logging.WARNING), watching(runner, run.events, run.path):
        eventually(lambda: len(runner.failures) == 1)
        bench.now -= timedelta(days=1)
        (bench.event.path / "source.txt").touch()
        eventually(lambda: "the clock was set back by 86400 s" in caplog.text)
        eventually(shows(bench.event.path / "one.txt", "x"))
    assert runner.failures == []
