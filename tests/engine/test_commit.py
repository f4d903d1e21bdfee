"""A commit that is interrupted anywhere, and eight processes that want the same."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from toybench import HERE, Bench
from toys import BOTH, COUNT, SOURCE, TEXT, UPPER

from llama.engine.errors import ClaimLost
from llama.engine.folder import care
from llama.engine.folder.claim import Owner, process_start
from llama.engine.folder.journal import Claimed, Made
from llama.engine.folder.store import digest_of
from llama.engine.running.making import POINTS, commit
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind

CRASH = """
import os, sys
from pathlib import Path
import toys
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker, utc_now
from llama.engine.folder.store import SharedDigests

path, point = sys.argv[1:]
world = toys.environment()
maker = Maker(toys.CHAIN, world, SharedDigests(world))
event = Event(Path(path))
claim = maker.claim(event, toys.UPPER, now=utc_now(), owner=Owner.myself())
maker.make(event, toys.UPPER, claim, now=utc_now(), witness=lambda passed: passed == point and os._exit(9))
os._exit(0)
"""


@pytest.mark.slow
@pytest.mark.parametrize("before", ["first", "again"])
@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_point_loses_nothing(bench: Bench, python: Callable, point: str, before: str) -> None:
    if before == "again":
        bench.make(UPPER, COUNT, BOTH)
        bench.receive(source="hello again")
    old = bench.read(UPPER) if before == "again" else None
    assert python(CRASH, bench.event.path, point).returncode == 9
    view = bench.event.path / "upper.txt"
    shown = view.read_text() if view.exists() else None
    wanted = bench.read(SOURCE).upper()
    assert shown == (wanted if point == "shown" else old)  # whole, or as it was
    recorded = POINTS.index(point) >= POINTS.index("recorded")
    assert bench.event.refresh().file("upper.txt").digest is not None or not recorded
    Runner(bench.maker, Here(bench.maker)).once([bench.event])
    assert bench.kinds() == ["done"] * 4
    assert bench.read(BOTH) == f"{wanted}: {len(wanted)} letters"
    made = [entry for entry in bench.event.entries() if isinstance(entry, Made) and entry.filename == "upper.txt"]
    assert len(made) == (2 if before == "again" else 1)
    assert care.check(bench.event) == []
    care.repair(bench.event, now=bench.now)
    assert not any((bench.event.folder / "scratch").iterdir())


@pytest.mark.slow
def test_repair_finishes_a_commit_by_itself(bench: Bench, python: Callable) -> None:
    python(CRASH, bench.event.path, "recorded")
    assert bench.status(UPPER).kind is Kind.DONE
    assert care.repair(bench.event, now=bench.now) == ["upper.txt: put in view (it was missing)"]
    assert bench.read(UPPER) == "HELLO"
    assert care.repair(bench.event, now=bench.now) == []


RACE = """
import sys
from pathlib import Path
import toys
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import statuses
from llama.engine.folder.store import SharedDigests

world = toys.environment()
maker = Maker(toys.CHAIN, world, SharedDigests(world))
event = Event(Path(sys.argv[1]))
print("at the line", flush=True)
sys.stdin.readline()
runner = Runner(maker, Here(maker))
def unfinished():
    state = event.look(toys.CHAIN, maker.shared)
    return any(status.kind != "done" for status in statuses(toys.CHAIN, state, maker.clock()).values())

while unfinished():
    runner.once([event])
"""


@pytest.mark.slow
def test_eight_processes_make_each_product_exactly_once(bench: Bench, tmp_path: Path) -> None:
    log = tmp_path / "calls"
    environment = {**os.environ, "PYTHONPATH": str(HERE), "LLAMA_TOY_LOG": str(log)}
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, bench.event.path],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "at the line\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    assert [racer.wait(60) for racer in racers] == [0] * 8
    entries = bench.event.entries()
    assert Counter(entry.filename for entry in entries if isinstance(entry, Made)) == {
        "upper.txt": 1,
        "count.txt": 1,
        "both.txt": 1,
    }
    assert sorted(log.read_text().split()) == ["BOTH", "COUNT", "S1", "S1"]
    assert care.check(bench.event) == []
    for racer in racers:
        assert racer.stdin is not None
        racer.communicate()


def test_a_claim_taken_over_cannot_commit(bench: Bench, tmp_path: Path) -> None:
    first = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert first is not None
    bench.wait(10_000)
    bench.make(UPPER)
    with bench.event.scratch() as scratch:
        (result := scratch / "upper.txt").write_text("LATE")
        made = Made(at=bench.now, claim=first.claim, filename="upper.txt", digest=digest_of(result), inputs={})
        with pytest.raises(ClaimLost):
            commit(bench.event, made, result, scratch, bench.world.flags)
    assert bench.read(UPPER) == "HELLO"


@pytest.mark.parametrize("meanwhile", ["veto", "lock", "receive", "adopt"])
def test_what_people_do_while_a_step_runs_wins(bench: Bench, meanwhile: str) -> None:
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    if meanwhile == "receive":
        bench.receive(upper="GIVEN")
    elif meanwhile == "adopt":
        bench.edit(UPPER, "GIVEN")
        bench.event.adopt("upper.txt", TEXT, why="", now=bench.now)
    else:
        getattr(bench.event, meanwhile)("upper.txt", why="", now=bench.now)
    assert not bench.maker.make(bench.event, UPPER, claim, now=bench.now)
    view = bench.event.path / "upper.txt"
    assert not view.exists() or view.read_text() == "GIVEN"


def test_an_edit_while_a_step_runs_is_not_overwritten(bench: Bench) -> None:
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.edit(UPPER, "PRECIOUS")
    bench.maker.make(bench.event, UPPER, claim, now=bench.now)
    assert bench.read(UPPER) == "PRECIOUS"
    assert bench.status(UPPER).kind is Kind.HELD


def test_what_is_recorded_is_what_was_given(bench: Bench) -> None:
    """The source changes after the claim: the result is that of the claimed source, and stale at once."""
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.receive(source="later")
    assert bench.maker.make(bench.event, UPPER, claim, now=bench.now)
    assert bench.read(UPPER) == "HELLO"
    assert bench.status(UPPER).why == "source.txt changed"


def test_a_request_while_a_step_runs_is_not_forgotten(bench: Bench) -> None:
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.event.remake(UPPER, why="again, please", now=bench.now)
    assert bench.maker.make(bench.event, UPPER, claim, now=bench.now)
    assert bench.status(UPPER).why == "again, please"


def test_a_killed_maker_is_replaced_at_once(bench: Bench) -> None:
    code = CRASH.replace("passed == point and os._exit(9)", "passed == point and (print(flush=True), input())")
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    child = subprocess.Popen(
        [sys.executable, "-c", code, bench.event.path, "made"],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    assert bench.status(UPPER).kind is Kind.RUNNING
    child.kill()
    child.wait()
    assert bench.status(UPPER).kind is Kind.READY
    bench.make(UPPER)
    assert len([entry for entry in bench.event.entries() if isinstance(entry, Claimed)]) == 2
    child.communicate()


def test_a_zombie_is_dead(bench: Bench) -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    while process_start(child.pid) is not None:
        time.sleep(0.01)
    assert child.wait() == 0
