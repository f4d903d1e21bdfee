"""Odd names, pipes, devices, files without end, garbage: one event's trouble, never the end of the runner."""

from __future__ import annotations

import dataclasses
import os
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_runner import Watching, eventually, shows
from toybench import Bench
from toys import BOTH, CHAIN, NOW, SOURCE, TEXT, UPPER

from llama.cli.selection import Downselection, select
from llama.engine.errors import EventError, NotAFile
from llama.engine.folder import care
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import MOST_BYTES
from llama.engine.folder.journal import Unknown
from llama.engine.folder.run import Run
from llama.engine.folder.state import State
from llama.engine.folder.store import digest_of
from llama.engine.graph.pipeline import Pipeline
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind
from llama.flags import Flags

NOT_TEXT = os.fsdecode(b"S9\xff")


def within(seconds: float, call: Callable[[], object]) -> None:
    """Whatever blocks would block for ever."""
    wrong: list[Exception] = []

    def run() -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - raised again where it is seen
            wrong.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), "it blocks"
    if wrong:
        raise wrong[0]


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def listening(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the path of a socket must be short
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


def in_a_circle(path: Path) -> None:
    path.symlink_to(path.name)


def huge(path: Path) -> None:
    path.touch()
    os.truncate(path, MOST_BYTES + 1)


def folder(path: Path) -> None:
    path.mkdir()


ODD = [pipe, endless, listening, in_a_circle, huge, folder]


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_read_as_a_file_holds_its_product_and_nothing_else(
    bench: Bench, odd: Callable[[Path], None]
) -> None:
    odd(bench.event.path / "count.txt")
    other = Event.create(bench.event.path.with_name("S2"), {"source.txt": b"x"}, Flags(), why="", now=bench.now)
    runner = Runner(bench.maker, Here(bench.maker))
    within(20, lambda: runner.once([bench.event, other]))
    assert (other.path / "both.txt").exists()
    assert bench.read(UPPER) == "HELLO"
    status = bench.statuses()["count.txt"]
    assert status.kind is Kind.HELD and status.stuck
    assert "is not a file of at most 2 GB that can be read: move it away" in status.why


@pytest.mark.parametrize("odd", ODD)
def test_what_cannot_be_read_as_a_file_in_place_of_one_that_was_received(
    bench: Bench, odd: Callable[[Path], None]
) -> None:
    (bench.event.path / "source.txt").unlink()
    odd(bench.event.path / "source.txt")
    assert bench.status(SOURCE).kind is Kind.HELD
    assert any("is not a file" in line for line in care.check(bench.event))
    within(20, lambda: care.repair(bench.event, now=bench.now))
    within(20, lambda: bench.receive(source="news"))
    assert bench.status(SOURCE).kind is Kind.HELD


@pytest.mark.parametrize("odd", ODD)
def test_adopting_what_is_no_file_says_what_it_is(bench: Bench, odd: Callable[[Path], None]) -> None:
    odd(bench.event.path / "upper.txt")
    before = bench.event.journal.path.read_bytes()
    with pytest.raises(EventError, match=r"move it away|there is no file"):
        bench.event.adopt("upper.txt", TEXT, why="", now=bench.now)
    assert bench.event.journal.path.read_bytes() == before
    assert not list(bench.event.folder.glob("scratch/*"))


def test_the_limit_is_said(bench: Bench) -> None:
    huge(bench.event.path / "upper.txt")
    with pytest.raises(
        NotAFile, match=r"upper\.txt holds 2\.0 GB, and a file of an event at most 2 GB: move it away"
    ):
        digest_of(bench.event.path / "upper.txt")


@pytest.mark.parametrize("name", ["journal.jsonl", "lock", "objects"])
@pytest.mark.parametrize("odd", [pipe, endless, in_a_circle])
def test_odd_things_among_an_event_s_own_files(bench: Bench, name: str, odd: Callable[[Path], None]) -> None:
    broken = Event.create(bench.event.path.with_name("S9"), {"source.txt": b"x"}, Flags(), why="", now=bench.now)
    path = broken.folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    odd(path)
    runner = Runner(bench.maker, Here(bench.maker))
    within(20, lambda: runner.once([broken, bench.event]))
    assert bench.read(BOTH) == "HELLO: 5 letters"


GARBAGE = [
    b"\xff\xfe\x00\n\n\r\n" * 50,
    b"[" * 100_000 + b"\n",
    b'{"kind":"New","x":' + b"[" * 100_000 + b"\n",
    b'{"kind":"Made","at":"0001-01-01T00:00:00+09:00","claim":"x","filename":"upper.txt","digest":"x","inputs":{}}\n',
    b'{"kind":"Received","at":"2026-01-02T03:04:05Z","filename":"../escaped.txt","digest":"x"}\n',
    b'{"kind":"Received","at":"2026-01-02T03:04:05Z","filename":"a\\u0000b","digest":"../../x"}\n',
]


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("whole", [True, False])
def test_garbage_in_a_journal_is_this_event_s_trouble_only(bench: Bench, garbage: bytes, whole: bool) -> None:
    spoilt = Event.create(bench.event.path.with_name("S9"), {"source.txt": b"x"}, Flags(), why="", now=bench.now)
    kept = b"" if whole else spoilt.journal.path.read_bytes()
    spoilt.journal.path.write_bytes(kept + garbage)
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once(select([Event(spoilt.path), bench.event], Downselection(), CHAIN, now=bench.now))
    assert bench.read(BOTH) == "HELLO: 5 letters"
    assert (spoilt.path / "source.txt").read_bytes() == b"x"
    assert not (spoilt.path.parent / "escaped.txt").exists()
    assert any(isinstance(entry, Unknown) for entry in Event(spoilt.path).entries())
    if not whole:
        assert (spoilt.path / "upper.txt").read_text() == "X"


@pytest.mark.parametrize("name", [NOT_TEXT, "S9\nS1: all is well", "S9\x1b[2J"])
def test_an_event_whose_name_is_no_text_is_named_and_left_alone(bench: Bench, name: str) -> None:
    shutil.copytree(bench.event.path, bench.event.path.with_name(name))
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once(select(Run(bench.event.path.parent).events(), Downselection(), CHAIN, now=bench.now))
    assert bench.read(BOTH) == "HELLO: 5 letters"
    (said,) = runner.troubles
    assert said.isprintable() and "readable text" in said and "rename" in said
    with pytest.raises(EventError, match="readable text"):
        Event.create(bench.event.path.with_name(f"{name}2"), {}, Flags(), why="", now=bench.now)


NAMED = """
import os, sys
from pathlib import Path
import toys
from llama.engine.running.making import Maker
from llama.engine.graph.pipeline import Pipeline
from llama.engine.running.processes import Here
from llama.engine.graph.product import Product
from llama.engine.folder.run import Run
from llama.engine.running.runner import Runner
from llama.engine.folder.store import SharedDigests

world = toys.environment()
product = Product("ID", "id.bin", toys.Text(), lambda step: ascii(step.event_id), inputs=(toys.SOURCE,))
maker = Maker(Pipeline("P", (toys.SOURCE, product)), world, SharedDigests(world))
runner = Runner(maker, Here(maker))
runner.once(Run(Path(os.fsdecode(os.fsencode(sys.argv[1])))).events())
print(runner.troubles)
"""


@pytest.mark.slow
def test_a_name_beyond_ascii_is_the_same_text_in_every_locale(tmp_path: Path, python: Callable) -> None:
    for number, locale in enumerate(
        ({"LC_ALL": "C.UTF-8"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"})
    ):
        run = tmp_path / str(number)
        Event.create(run / "événement ☄", {"source.txt": b"x"}, Flags(), why="", now=NOW)
        done = python(NAMED, run, **locale)
        assert done.stdout == "[]\n", done.stderr
        assert (run / "événement ☄" / "id.bin").read_text() == ascii("événement ☄")


@pytest.mark.slow
def test_a_name_that_is_no_text_does_not_end_the_watch(bench: Bench) -> None:
    run = bench.event.path.parent
    with Watching(bench):
        eventually(shows(run / "S1" / "both.txt", "HELLO: 5 letters"))
        shutil.copytree(bench.event.path, run / NOT_TEXT, ignore=shutil.ignore_patterns("scratch"))
        (run / NOT_TEXT / os.fsdecode(b"\xfe")).touch()
        (run / "S1" / os.fsdecode(b"odd\xfe")).touch()
        Event.create(run / "S2", {"source.txt": b"new"}, Flags(), why="", now=bench.now)
        eventually(shows(run / "S2" / "both.txt", "NEW: 3 letters"))
        (run / "S1" / "upper.txt").unlink()
        eventually(shows(run / "S1" / "upper.txt", "HELLO"))


def test_a_run_that_cannot_be_listed_for_a_while_does_not_end_the_watch(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llama.engine.running.runner._SWEEP_S", 0.2)
    run = bench.event.path.parent
    with Watching(bench):
        eventually(shows(run / "S1" / "both.txt", "HELLO: 5 letters"))
        run.rename(run.with_name("away"))
        run.symlink_to(run.name)  # a circle: not even its absence can be told
        (run.with_name("away") / "S1" / "upper.txt").unlink()
        run.unlink()
        run.with_name("away").rename(run)
        eventually(shows(run / "S1" / "upper.txt", "HELLO"))


def test_an_event_that_was_not_there_for_a_moment_is_looked_at_again_soon(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the run is looked at next, and not after the time that a disk in trouble is given."""
    monkeypatch.setattr("llama.engine.running.runner._SWEEP_S", 0.2)
    look, missed = Event.look, []

    def not_there_at_first(self: Event, *given: Any) -> State:
        if not missed:
            missed.append(self)
            raise FileNotFoundError(self.path)
        return look(self, *given)

    monkeypatch.setattr(Event, "look", not_there_at_first)
    with Watching(bench):
        eventually(shows(bench.event.path / "upper.txt", "HELLO"))
    assert missed


def test_what_is_no_text_in_a_message_of_failure_is_written_all_the_same(bench: Bench) -> None:
    def fail(step: object) -> str:
        raise ValueError(f"cannot read {NOT_TEXT}")

    product = dataclasses.replace(UPPER, make=fail)
    bench.use(Pipeline("P", (SOURCE, product)))
    bench.make(product)
    assert bench.status(product).why == r"failed: ValueError: cannot read S9\udcff"
