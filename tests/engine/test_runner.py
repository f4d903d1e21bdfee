"""The runner: processes of their own, time limits, deaths, watching, stopping."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from toybench import HERE, Bench
from toys import BOTH, CHAIN, COUNT, SOURCE, UPPER

from llama.engine.folder.claim import process_start
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Claimed, Deferred, Made
from llama.engine.folder.run import Run
from llama.engine.graph.pipeline import Pipeline
from llama.engine.running.making import utc_now
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.watching import FolderChanges
from llama.flags import Flags

RUN = """
import logging, sys
from pathlib import Path
import toys
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker
from llama.engine.running.processes import Processes
from llama.engine.running.recipe import Recipe
from llama.engine.running.runner import Runner
from llama.engine.running.status import statuses
from llama.engine.folder.store import SharedDigests

def main(pipeline, *paths):
    world = toys.environment()
    maker = Maker(world.pipeline(pipeline), world, SharedDigests(world))
    if pipeline == "PATIENTS":
        logging.basicConfig(level=logging.INFO)
    executor = Processes(Recipe("toys:environment"), pipeline, 2, ["toys", "xmlrpc.client", "no.such.module"])
    print("missing", *executor.missing(["toys", "xmlrpc.client", "no.such.module", "llama.engine.running.worker"]))
    events = [Event(Path(path)) for path in paths]
    Runner(maker, executor).once(events)
    for event in events:
        for name, status in statuses(maker.pipeline, event.look(maker.pipeline, maker.shared), maker.clock()).items():
            print(name, status.kind, status.why)

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


def trouble(tmp_path: Path, *orders: str) -> list[Path]:
    """One event per order to the troublemaker."""
    return [
        Event.create(
            tmp_path / "run" / f"T{number}", {"source.txt": order.encode()}, Flags(), why="", now=utc_now()
        ).path
        for number, order in enumerate(orders)
    ]


@pytest.mark.slow
def test_steps_run_in_processes_of_their_own(bench: Bench, python: Callable) -> None:
    done = python(RUN, "CHAIN", bench.event.path)
    assert done.stderr == ""
    assert Event(bench.event.path).refresh().file("both.txt").digest
    assert bench.read(BOTH) == "HELLO: 5 letters"
    makers = {entry.pid for entry in bench.event.entries() if isinstance(entry, Claimed)}
    assert len(makers) == 4  # the runner, and one process for each of three


@pytest.mark.slow
def test_steps_are_made_though_the_folder_they_were_started_from_is_deleted(tmp_path: Path, python: Callable) -> None:
    (path,) = trouble(tmp_path, "fine")
    (here := tmp_path / "here").mkdir()
    leave = f"    import os; os.chdir({str(here)!r}); os.rmdir({str(here)!r})\n"
    done = python(RUN.replace("    Runner(maker", f"{leave}    Runner(maker"), "TROUBLES", path)
    assert "trouble.txt done" in done.stdout, done.stderr


@pytest.mark.slow
def test_children_inherit_what_was_preloaded_and_it_is_noticed_when_not(tmp_path: Path, python: Callable) -> None:
    (path,) = trouble(tmp_path, "modules xmlrpc.client toys imaplib")
    done = python(RUN, "TROUBLES", path)
    assert done.stdout.splitlines()[0] == "missing no.such.module"
    assert (path / "trouble.txt").read_text() == "xmlrpc.client toys"  # and not imaplib


@pytest.mark.slow
def test_overrunning_dying_failing_and_waiting_steps(tmp_path: Path, python: Callable) -> None:
    paths = trouble(tmp_path, "sleep 60", "die", "fail too bad", "wait for it", "fine")
    assert (
        "trouble.txt cooling failed: took longer than 1 s and was stopped" in python(RUN, "TROUBLES", paths[0]).stdout
    )
    done = python(RUN, "PATIENTS", *paths)
    lines = [line for line in done.stdout.splitlines() if line.startswith("trouble.txt")]
    assert lines[1].startswith(
        "trouble.txt cooling failed: its process was killed by SIGKILL (often for lack of memory)"
    )
    assert lines[2] == "trouble.txt cooling failed: ValueError: too bad"
    assert lines[3] == "trouble.txt waiting for it"
    assert lines[4].startswith("trouble.txt done")
    failed = [entry for entry in Event(paths[2]).entries() if type(entry).__name__ == "Failed"]
    assert "raise ValueError(argument)" in failed[0].traceback  # type: ignore[attr-defined]


def running(paths: list[Path]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, "PATIENTS", *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_server(runner: subprocess.Popen[str]) -> None:
    children = psutil.Process(runner.pid).children()
    (server,) = [
        one for one in children if one.status() != psutil.STATUS_ZOMBIE and "forkserver" in " ".join(one.cmdline())
    ]
    server.kill()


@pytest.mark.slow
def test_a_fork_server_that_is_killed_twice_is_named(tmp_path: Path) -> None:
    (path,) = paths = trouble(tmp_path, f"until {tmp_path / 'never'}")
    child = running(paths)
    for count in (2, 3):  # the runner's claim and its process's; then that of the process that took over
        eventually(lambda count=count: claims(path) == count)  # type: ignore[misc]
        kill_server(child)
    out, err = child.communicate(timeout=30)
    assert "its process was lost twice, because the server that starts processes was killed" in out + err
    assert "exit code 255" not in out + err


@pytest.mark.slow
def test_the_steps_of_a_fork_server_that_is_killed_start_again(tmp_path: Path) -> None:
    go = tmp_path / "go"
    paths = trouble(tmp_path, f"until {go}", f"until {go}")
    child = running(paths)
    eventually(lambda: all(claims(path) == 2 for path in paths))  # the runner's, and its process's
    kill_server(child)
    eventually(lambda: all(claims(path) == 3 for path in paths))
    go.touch()
    out, err = child.communicate(timeout=30)
    assert child.returncode == 0, err
    assert out.count("trouble.txt done") == 2
    assert "Traceback" not in err
    for path in paths:
        assert [claims(path), made(path)] == [3, 1]
        assert not list((path / ".llama" / "scratch").iterdir())


DIES_UNTOLD = """
import multiprocessing.forkserver as server, os, pathlib, time
told = server.write_signed
pids = []
def write_signed(fd, number):
    if number > 1:  # a process it forked, not one's exit code
        pids.append(number)
        if len(pids) == 2 and not SEEN.exists():  # the first is the probe of what is preloaded
            SEEN.touch()
            time.sleep(0.3)
            os._exit(1)
    told(fd, number)
server.write_signed = write_signed
"""


@pytest.mark.slow
def test_what_a_dying_fork_server_forked_and_did_not_tell_does_nothing(tmp_path: Path, python: Callable) -> None:
    seen = tmp_path / "seen"
    (tmp_path / "dies_untold.py").write_text(DIES_UNTOLD.replace("SEEN", f"pathlib.Path({str(seen)!r})"))
    (path,) = trouble(tmp_path, "sleep 0.5")
    script = RUN.replace('["toys", "xmlrpc.client", "no.such.module"])\n', '["toys", "dies_untold"])\n')
    done = python(script, "PATIENTS", path, PYTHONPATH=f"{HERE}:{tmp_path}")
    assert seen.exists()
    assert "trouble.txt done" in done.stdout, done.stderr
    assert [claims(path), made(path)] == [2, 1]  # the runner's, and its process's


def claims(path: Path) -> int:
    return sum(isinstance(entry, Claimed) for entry in Event(path).entries())


def made(path: Path) -> int:
    return sum(isinstance(entry, Made) for entry in Event(path).entries())


def test_only_what_still_fails_counts(bench: Bench) -> None:
    calls: list[str] = []

    def once_broken(step: object) -> str:
        calls.append("x")
        if len(calls) == 1:
            raise ValueError("no")
        return "x"

    bench.use(Pipeline("P", (SOURCE, dataclasses.replace(UPPER, make=once_broken, cooldown_s=0.0))))
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once([bench.event])
    assert len(runner.failures) == 1
    bench.receive(source="more")
    runner.once([bench.event])
    assert (calls, runner.failures, runner.troubles) == (["x", "x"], [], [])


@pytest.mark.slow
def test_a_broken_environment_is_a_failure_that_says_so(bench: Bench, python: Callable) -> None:
    done = python(RUN.replace('"toys:environment"', '"toys:nothing_there"'), "CHAIN", bench.event.path)
    assert "could not start: AttributeError" in done.stdout


def test_once_tries_nothing_twice(bench: Bench) -> None:
    calls: list[str] = []

    def broken(step: object) -> str:
        calls.append("x")
        raise ValueError("no")

    product = dataclasses.replace(UPPER, make=broken, cooldown_s=0.0)
    bench.use(Pipeline("P", (SOURCE, product)))
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once([bench.event])
    assert calls == ["x"]
    assert "ValueError: no" in runner.failures[0]


def test_once_finishes_what_was_interrupted(bench: Bench) -> None:
    bench.make(UPPER)
    (bench.event.path / "upper.txt").unlink()
    Runner(bench.maker, Here(bench.maker)).once([bench.event])
    assert bench.read(UPPER) == "HELLO"


def test_only_what_was_asked_for_is_made(bench: Bench) -> None:
    bench.use(CHAIN.only(["Both"], ancestors=False))
    Runner(bench.maker, Here(bench.maker)).once([bench.event])
    assert not (bench.event.path / "upper.txt").exists()
    bench.use(CHAIN.only(["COUNT"], ancestors=True))
    Runner(bench.maker, Here(bench.maker)).once([bench.event])
    assert (bench.event.path / "count.txt").exists()
    assert not (bench.event.path / "both.txt").exists()


class Watching:
    """A runner that watches a run in a thread."""

    def __init__(self, bench: Bench) -> None:
        bench.use(CHAIN)
        self.bench = bench
        self.run = Run(bench.event.path.parent)
        self.runner = Runner(bench.maker, Here(bench.maker))
        self.thread = threading.Thread(
            target=lambda: self.runner.watch(self.run.events, FolderChanges(self.run.path))
        )

    def __enter__(self) -> Watching:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.stop()
        self.thread.join(20)
        assert not self.thread.is_alive()


def eventually(truth: Callable[[], bool]) -> None:
    for _ in range(1000):
        if truth():
            return
        time.sleep(0.02)
    pytest.fail("did not happen within 20 s")


def shows(path: Path, text: str) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text() == text


@pytest.mark.slow
def test_watching_notices_files_events_and_operators(bench: Bench) -> None:
    folder = bench.event.path.parent
    with Watching(bench):
        eventually(shows(folder / "S1" / "both.txt", "HELLO: 5 letters"))
        bench.receive(source="more")
        eventually(shows(folder / "S1" / "both.txt", "MORE: 4 letters"))
        Event.create(folder / "S2", {"source.txt": b"new"}, Flags(), why="", now=utc_now())
        eventually(shows(folder / "S2" / "both.txt", "NEW: 3 letters"))
        second = Event(folder / "S2")
        second.receive({"source.txt": b"newer"}, why="", now=utc_now())
        eventually(shows(folder / "S2" / "both.txt", "NEWER: 5 letters"))
        (folder / "S1" / "upper.txt").unlink()
        eventually(shows(folder / "S1" / "upper.txt", "MORE"))


def test_watching_one_event_folder(bench: Bench) -> None:
    runner = Runner(bench.maker, Here(bench.maker))
    changes = FolderChanges(bench.event.path, depth=0)
    thread = threading.Thread(target=lambda: runner.watch(lambda: [bench.event], changes))
    thread.start()
    try:
        eventually(shows(bench.event.path / "both.txt", "HELLO: 5 letters"))
        Event(bench.event.path).receive({"source.txt": b"more"}, why="", now=utc_now())
        eventually(shows(bench.event.path / "both.txt", "MORE: 4 letters"))
    finally:
        runner.stop()
        thread.join(20)


@pytest.mark.slow
def test_stopping_lets_steps_go_and_gives_claims_back(tmp_path: Path) -> None:
    (path,) = trouble(tmp_path, f"until {tmp_path / 'never'}")
    code = RUN.replace(
        "    Runner(maker, executor).once(events)",
        "    runner = Runner(maker, executor)\n"
        "    import dataclasses, signal, llama.engine.running.runner as module\n"
        "    module._STOP_PATIENCE_S = 0.2\n"
        "    signal.signal(signal.SIGTERM, lambda *_: runner.stop())\n"
        "    runner.once(events)",
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code, "PATIENTS", str(path)], env={**os.environ, "PYTHONPATH": str(HERE)}
    )
    eventually(lambda: any(isinstance(entry, Claimed) for entry in Event(path).entries()))
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 0
    assert isinstance(Event(path).entries()[-1], Deferred)
    assert Event(path).refresh().file("trouble.txt").failure is None


def worker_of(path: Path) -> int:
    """The process that has taken the claim over from the runner."""
    eventually(lambda: claims(path) == 2)
    return [entry.pid for entry in Event(path).entries() if isinstance(entry, Claimed)][-1]


@pytest.mark.slow
def test_steps_die_with_the_runner_that_started_them_and_the_next_makes_them(
    tmp_path: Path, python: Callable
) -> None:
    go = tmp_path / "go"
    (path,) = paths = trouble(tmp_path, f"until {go}")
    child = running(paths)
    step = worker_of(path)
    child.kill()
    child.communicate()
    eventually(lambda: process_start(step) is None)
    go.touch()
    assert "trouble.txt done" in python(RUN, "PATIENTS", path).stdout
    assert made(path) == 1
    assert not list((path / ".llama" / "scratch").iterdir())


@pytest.mark.slow
def test_once_waits_for_what_another_run_makes(tmp_path: Path) -> None:
    go = tmp_path / "go"
    (path,) = paths = trouble(tmp_path, f"until {go}")
    first = running(paths)
    step = worker_of(path)
    second = running(paths)
    assert second.stderr is not None
    assert f"trouble.txt is being made by process {step}" in second.stderr.readline()
    go.touch()
    out, _ = second.communicate(timeout=60)
    first.communicate(timeout=60)
    assert "trouble.txt done" in out
    assert made(path) == 1


@pytest.mark.slow
def test_once_makes_what_another_run_that_died_was_making(tmp_path: Path) -> None:
    go = tmp_path / "go"
    (path,) = paths = trouble(tmp_path, f"until {go}")
    first = running(paths)
    step = worker_of(path)
    second = running(paths)
    assert second.stderr is not None
    assert f"trouble.txt is being made by process {step}" in second.stderr.readline()
    first.kill()
    first.communicate()
    eventually(lambda: claims(path) == 4)
    go.touch()
    assert "trouble.txt done" in second.communicate(timeout=60)[0]
    assert made(path) == 1


@pytest.mark.slow
def test_running_out_of_memory_is_a_failure_that_says_so(tmp_path: Path, python: Callable) -> None:
    hoards, fine = paths = trouble(tmp_path, "hoard", "fine")
    python(RUN, "PATIENTS", *paths)
    assert (fine / "trouble.txt").read_text() == "fine"
    failure = Event(hoards).refresh().file("trouble.txt").failure
    assert failure is not None and str(failure.error).startswith("ran out of memory: end other programs")


def test_the_order_is_the_pipelines(bench: Bench) -> None:
    Runner(bench.maker, Here(bench.maker)).once([bench.event])
    made = [entry.filename for entry in bench.event.entries() if type(entry).__name__ == "Made"]  # type: ignore[union-attr]
    assert made == [product.filename for product in (UPPER, COUNT, BOTH)]
