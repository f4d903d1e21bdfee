"""What should not happen and does: rotten objects, poisoned journals, vanished folders, steps that would spin."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import toys
from test_runner import RUN, Watching, eventually, shows, trouble
from toybench import HERE, Bench
from toys import BOTH, CHAIN, COUNT, SOURCE, TABLE, TEXT, UPPER

from llama.cli.selection import Downselection, select
from llama.engine.errors import JournalLost, NotYet, StorageError
from llama.engine.folder import care
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Claimed
from llama.engine.folder.run import Delivery, Run
from llama.engine.folder.store import SharedDigests
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Shared
from llama.engine.running.making import utc_now
from llama.engine.running.processes import Ended, Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind
from llama.engine.running.watching import FolderChanges
from llama.flags import Flags


def rot(bench: Bench, product: Product, text: str = "rot") -> Path:
    """Damage the kept copy of a product's content."""
    path = bench.event.store.path(str(bench.event.refresh().file(product.filename).digest))
    path.chmod(0o644)
    path.write_text(text)
    return path


# ---------------------------------------------------------------------- contents


def test_a_rotten_object_is_replaced_when_its_content_comes_again(bench: Bench) -> None:
    bench.make(UPPER)
    path = rot(bench, UPPER)
    (bench.event.path / "upper.txt").unlink()
    bench.event.remake(UPPER, why="", now=bench.now)
    bench.make(UPPER)
    assert (path.read_text(), bench.read(UPPER)) == ("HELLO", "HELLO")
    assert care.check(bench.event) == []


def test_a_rotten_object_is_never_put_in_view(bench: Bench) -> None:
    bench.make(UPPER)
    rot(bench, UPPER)
    (bench.event.path / "upper.txt").unlink()
    (said,) = care.repair(bench.event, now=bench.now)
    assert "is damaged, and no intact file in view is; receive it again, or `llama event remake` it" in said
    assert not (bench.event.path / "upper.txt").exists()


def test_a_large_file_edited_in_place_can_be_remade(bench: Bench) -> None:
    big = Product("BIG", "big.txt", TEXT, lambda step: step[SOURCE] * 400_000, inputs=(SOURCE,))
    bench.use(Pipeline("P", (SOURCE, big)))
    bench.make(big)
    view = bench.event.path / "big.txt"
    view.chmod(0o644)
    with open(view, "r+") as file:
        file.write("EDITED")
    assert bench.status(big).kind is Kind.HELD
    bench.event.remake(big, why="", now=bench.now)
    bench.make(big)
    assert bench.read(big).startswith("hellohello")
    assert care.check(bench.event) == []


def test_receiving_again_restores_a_lost_object(bench: Bench) -> None:
    bench.event.store.drop(list(bench.event.store))
    (bench.event.path / "source.txt").unlink()
    bench.receive(source="hello")
    care.repair(bench.event, now=bench.now)
    assert bench.read(SOURCE) == "hello"
    assert care.check(bench.event) == []


def test_objects_that_were_deleted_come_back_from_the_files_in_view(bench: Bench) -> None:
    bench.make(UPPER, COUNT, BOTH)
    bench.receive(source="more")
    bench.edit(COUNT, "mine")
    (bench.event.path / "both.txt").unlink()
    shutil.rmtree(bench.event.store.folder)
    found = care.check(bench.event)
    assert sum("the kept copy is missing" in line for line in found) == 4
    assert care.repair(bench.event, now=bench.now) == [
        "source.txt: kept copy restored from the file in view",
        "upper.txt: kept copy restored from the file in view",
        "count.txt: could not be restored: no kept copy is left, only an edit by hand is; "
        "`llama event adopt` the edit, or receive it again, or `llama event remake` it",
        "both.txt: could not be restored: no kept copy is left, and no intact file in view is; "
        "receive it again, or `llama event remake` it",
        "1 earlier versions have no kept copy (pruned, or lost); nothing present needs them",
    ]
    assert bench.read(COUNT) == "mine"
    for product in (COUNT, BOTH):
        bench.event.remake(product, why="", now=bench.now)
    bench.make(UPPER, COUNT, BOTH)
    assert care.check(bench.event) == []


def test_an_event_without_its_objects_goes_on(bench: Bench) -> None:
    bench.make(UPPER)
    shutil.rmtree(bench.event.store.folder)
    bench.receive(source="more")
    bench.make(UPPER)
    assert care.check(bench.event) == []


@pytest.mark.parametrize("torn", [b"", b'{"kind":"Flag'])
def test_an_emptied_journal_is_named_and_stops_no_other_event(bench: Bench, torn: bytes) -> None:
    emptied = Event.create(bench.event.path.with_name("S9"), {"source.txt": b"x"}, Flags(), why="", now=bench.now)
    emptied.journal.path.write_bytes(torn)
    run = Run(bench.event.path.parent)
    events = select(run.events(), Downselection(), CHAIN, now=bench.now)
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once(events)
    assert bench.read(BOTH) == "HELLO: 5 letters"
    (said,) = runner.troubles
    assert f"S9: the journal of {emptied.path} is empty" in said
    with pytest.raises(JournalLost, match="start the event again"):
        emptied.veto(None, why="", now=bench.now)
    assert emptied.journal.path.read_bytes() == torn


def test_shared_files_of_one_basename_are_not_mixed_up(bench: Bench, tmp_path: Path) -> None:
    first, second = Shared("a/table.txt", TEXT), Shared("b/table.txt", TEXT)
    for shared in (first, second):
        (tmp_path / "shared" / shared.name).parent.mkdir(parents=True)
        (tmp_path / "shared" / shared.name).write_text(f"of {shared.name}")
    product = Product(
        "ONE", "one.txt", TEXT, lambda step: f"{step[first]} {step[second]}", inputs=(SOURCE,), shared=(first, second)
    )
    bench.use(Pipeline("P", (SOURCE, product)), tmp_path / "shared")
    bench.make(product)
    assert bench.read(product) == "of a/table.txt of b/table.txt"


@pytest.mark.parametrize("point", ["stored", "prepared", "recorded"])
def test_an_edit_during_a_commit_is_not_overwritten(bench: Bench, point: str) -> None:
    bench.make(UPPER)
    bench.receive(source="more")
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.maker.make(
        bench.event,
        UPPER,
        claim,
        now=bench.now,
        witness=lambda at: bench.edit(UPPER, "MINE!") if at == point else None,
    )
    assert bench.read(UPPER) == "MINE!"
    assert bench.status(UPPER).kind is Kind.HELD


# ---------------------------------------------------------------------- the journal


def test_a_reader_notices_that_lines_it_read_were_cut_and_replaced(bench: Bench) -> None:
    reader = Event(bench.event.path)
    path = bench.event.folder / "journal.jsonl"
    size = path.stat().st_size
    bench.event.veto("upper.txt", why="a phantom: on disk for a moment, then the disk was full", now=bench.now)
    assert reader.refresh().vetoes
    os.truncate(path, size)  # as `append` does when the line cannot be finished
    Event(bench.event.path).lock("count.txt", why="x" * 500, now=bench.now)
    assert reader.refresh().vetoes == {}
    assert set(reader.refresh().locks) == {"count.txt"}


@pytest.mark.parametrize("flags", [{"role": "rehearsal"}, {"upload": "perhaps"}])
def test_a_flag_value_nobody_here_knows_does_not_close_the_event(bench: Bench, flags: dict) -> None:
    bench.event.flag({"role": "observation", "upload": True}, why="", now=bench.now)
    line = {"kind": "Flagged", "v": 2, "at": "2026-01-02T03:04:05Z", "flags": flags}
    with open(bench.event.folder / "journal.jsonl", "a") as file:
        file.write(json.dumps(line) + "\n")
    bench.make(UPPER)
    (name,) = flags
    found = Flags.of(Event(bench.event.path).refresh().flags)
    assert found[name] == Flags()[name] and not found.upload  # the cautious values
    assert bench.event.look(bench.maker.pipeline, bench.maker.shared).read_flags == found


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=5))])
def test_times_are_written_in_utc_and_naive_ones_are_utc(bench: Bench, zone: timezone | None) -> None:
    def wait(step: object) -> str:
        raise NotYet("later", datetime(2026, 1, 2, 12, 0, 0, tzinfo=zone))

    late = Product("LATE", "late.txt", TEXT, wait, inputs=(SOURCE,))
    due = Product(
        "DUE",
        "due.txt",
        TEXT,
        lambda step: "x",
        inputs=(SOURCE,),
        due=lambda v, at: datetime(2026, 1, 2, 12, tzinfo=zone),
    )
    bench.use(Pipeline("P", (SOURCE, late, due)))
    bench.make(late, due)
    hour = 12 if zone is None else 7
    for product in (late, due):
        assert bench.status(product).until == datetime(2026, 1, 2, hour, tzinfo=UTC)
    text = (bench.event.folder / "journal.jsonl").read_text()
    assert text.count(f"T{hour:02}:00:00Z") == 2


def test_a_line_with_a_naive_time_does_not_close_the_event(bench: Bench) -> None:
    bench.make(UPPER)
    with open(bench.event.folder / "journal.jsonl", "a") as file:
        file.write('{"kind":"Vetoed","at":"2026-01-02T03:04:05","filename":"count.txt"}\n')
    assert bench.status(COUNT).kind is Kind.HELD
    wanted = Downselection(modafter=bench.now - timedelta(days=1))
    assert select([Event(bench.event.path)], wanted, CHAIN, now=bench.now)


def test_a_huge_message_of_a_failure_is_cut(bench: Bench) -> None:
    def fail(step: object) -> str:
        raise ValueError("x" * 5_000_000)

    bench.use(Pipeline("P", (SOURCE, product := Product("ONE", "one.txt", TEXT, fail, inputs=(SOURCE,)))))
    bench.make(product)
    assert (bench.event.folder / "journal.jsonl").stat().st_size < 50_000


# ---------------------------------------------------------------------- spinning


def watched(bench: Bench, seconds: float) -> int:
    """Entries the journal gains while a runner watches."""
    before = len(bench.event.entries())
    runner = Runner(bench.maker, Here(bench.maker))
    folder = bench.event.path.parent
    thread = threading.Thread(target=lambda: runner.watch(Run(folder).events, FolderChanges(folder)))
    thread.start()
    time.sleep(seconds)
    runner.stop()
    thread.join(20)
    return len(bench.event.entries()) - before


@pytest.mark.slow
def test_a_not_yet_in_the_past_does_not_spin(bench: Bench) -> None:
    def wait(step: object) -> str:
        raise NotYet("soon", toys.NOW)

    bench.use(Pipeline("P", (SOURCE, Product("ONE", "one.txt", TEXT, wait, inputs=(SOURCE,)))))
    bench.wait(1000)
    assert watched(bench, 1.0) <= 4


@pytest.mark.slow
def test_a_table_that_maker_and_runner_see_differently_does_not_spin(bench: Bench, tmp_path: Path) -> None:
    """As when the settings name another table since the runner started."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "table.txt").write_text(name)
    product = Product("ONE", "one.txt", TEXT, lambda step: step[TABLE], inputs=(SOURCE,), shared=(TABLE,))
    bench.use(Pipeline("P", (SOURCE, product)), tmp_path / "new")
    old = toys.World({}, tmp_path / "old")
    object.__setattr__(bench.maker, "shared", SharedDigests(old))
    assert watched(bench, 1.0) <= 4
    assert "start `llama run` again" in bench.status(product).why


def test_an_error_of_an_event_no_longer_followed_does_not_spin(bench: Bench) -> None:
    runner = Runner(bench.maker, Here(bench.maker))
    runner._after(Ended(bench.event, StorageError("full")))
    bench.wait(10_000)
    assert runner._patience(60.0) == 60.0


# ---------------------------------------------------------------------- folders that go


def test_an_event_that_is_moved_away_while_a_step_runs_does_not_end_the_runner(bench: Bench) -> None:
    def move(step: object) -> str:
        bench.event.path.rename(bench.event.path.with_name("moved"))
        return "x"

    bench.use(Pipeline("P", (SOURCE, Product("ONE", "one.txt", TEXT, move, inputs=(SOURCE,)))))
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once([bench.event])
    assert runner.troubles == []


@pytest.mark.slow
def test_an_event_that_is_moved_away_while_its_process_runs(tmp_path: Path) -> None:
    go = tmp_path / "go"
    gone, stays = trouble(tmp_path, f"until {go}", f"until {go}")
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            RUN.replace("for event in events:", "for event in events[1:]:"),
            "PATIENTS",
            gone,
            stays,
        ],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    eventually(lambda: len([1 for entry in Event(gone).entries() if isinstance(entry, Claimed)]) == 2)
    gone.rename(tmp_path / "archived")
    go.touch()
    out, err = child.communicate(timeout=600)
    assert child.returncode == 0, err
    assert "trouble.txt done" in out
    assert "Traceback" not in err


def test_an_event_that_vanishes_while_events_are_chosen_is_left_out(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    for name in ("S1", "S2"):
        run.accept(Delivery(name, {"source.txt": b"x"}))
    events = run.events()
    (run.path / "S1").rename(tmp_path / "S1")
    assert [event.id for event in select(events, Downselection(), CHAIN, now=utc_now())] == ["S2"]


def test_a_hidden_folder_of_another_name_does_not_stop_deliveries(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    for name in (".new-x", ".new-1-x-y-S1", ".new-S1"):
        (run.path / name).mkdir(parents=True)
    assert run.accept(Delivery("S1", {"source.txt": b"x"})).id == "S1"
    assert len(list(run.path.glob(".new-*"))) == 3


UNREADABLE = """
import os, sys
from pathlib import Path
import psutil
import toys
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.folder.run import Run
from llama.engine.running.runner import Runner
from llama.cli.selection import Downselection, select
from llama.engine.folder.store import SharedDigests

if os.geteuid() == 0:
    os.setuid(65534)
world = toys.environment()
maker = Maker(toys.CHAIN, world, SharedDigests(world))
events = select(Run(Path(sys.argv[1])).events(), Downselection(), toys.CHAIN, now=maker.clock())
runner = Runner(maker, Here(maker))
runner.once(events)
print(sorted(event.id for event in events), runner.troubles)
"""


@pytest.mark.slow
def test_a_folder_we_may_not_read_does_not_close_the_run(tmp_path: Path, python: Callable) -> None:
    run = Run(tmp_path / "run")
    for name in ("S1", "S2", "S3"):
        run.accept(Delivery(name, {"source.txt": b"x"}))
    for path in [run.path, tmp_path, *tmp_path.parents]:
        if "pytest" in str(path):  # all the folders that pytest made, also with several workers
            path.chmod(0o755)
    for path in run.path.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (run.path / "S1").chmod(0)
    (run.path / "S2" / ".llama" / "journal.jsonl").chmod(0)
    done = python(UNREADABLE, run.path)
    (run.path / "S1").chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("['S2', 'S3'] ")
    assert "S2: PermissionError" in done.stdout
    assert (run.path / "S3" / "both.txt").exists()


@pytest.mark.slow
def test_scratch_of_a_step_that_was_killed_is_removed(tmp_path: Path, python: Callable) -> None:
    paths = trouble(tmp_path, "sleep 60", "die")
    python(RUN, "TROUBLES", *paths)
    for path in paths:
        assert not list((path / ".llama" / "scratch").iterdir())


def test_scratch_of_a_dead_maker_is_removed_by_the_next(bench: Bench) -> None:
    gone = Owner(Owner.myself().host, "an earlier boot", 1, 1.0)
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=gone)
    assert claim is not None
    for name in (claim.claim, "of a maker that had committed"):
        (bench.event.folder / "scratch" / name).mkdir(parents=True)
    bench.make(UPPER)
    assert not list((bench.event.folder / "scratch").iterdir())


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_something_that_is_no_file_in_place_of_a_product(bench: Bench, kind: str) -> None:
    path = bench.event.path / "upper.txt"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    assert bench.status(UPPER).kind is Kind.HELD
    assert "not a file" in bench.status(UPPER).why
    path.rmdir() if kind == "folder" else path.unlink()
    bench.make(UPPER)


CLAIM = """
import sys
from pathlib import Path
import toys
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker, utc_now
from llama.engine.folder.store import SharedDigests

world = toys.environment()
maker = Maker(toys.CHAIN, world, SharedDigests(world))
print(maker.claim(Event(Path(sys.argv[1])), toys.UPPER, now=utc_now(), owner=Owner.myself()), flush=True)
sys.stdin.read()
"""


def test_a_maker_in_a_container_of_the_same_host_name_is_not_taken_for_dead(bench: Bench) -> None:
    inside = ["unshare", "--pid", "--fork", "--mount-proc"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("making a process namespace needs root")
    child = subprocess.Popen(
        [*inside, sys.executable, "-c", CLAIM, bench.event.path],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert b"upper.txt" in child.stdout.readline()
    bench.now = utc_now()
    assert bench.status(UPPER).kind is Kind.RUNNING
    child.communicate()


# ---------------------------------------------------------------------- watching


@pytest.mark.slow
def test_watching_notices_a_new_table(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llama.engine.running.runner._SWEEP_S", 0.2)
    product = Product("ONE", "one.txt", TEXT, lambda step: step[TABLE], inputs=(SOURCE,), shared=(TABLE,))
    pipeline = Pipeline("P", (SOURCE, product))
    bench.use(pipeline, tmp_path / "shared")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "table.txt").write_text("one")
    watching = Watching(bench)
    bench.use(pipeline, tmp_path / "shared")
    watching.runner = Runner(bench.maker, Here(bench.maker))
    with watching:
        eventually(shows(bench.event.path / "one.txt", "one"))
        time.sleep(1)  # until all that this has stirred up is settled
        (tmp_path / "shared" / "table.txt").write_text("two!")
        eventually(shows(bench.event.path / "one.txt", "two!"))


@pytest.mark.slow
def test_watching_notices_an_event_that_is_copied_in(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "llama.engine.running.runner._SWEEP_S", 86_400.0
    )  # so that nothing else than noticing finds it
    folder = bench.event.path.parent
    with Watching(bench):
        eventually(shows(folder / "S1" / "both.txt", "HELLO: 5 letters"))
        (folder / "S2" / ".llama" / "objects").mkdir(parents=True)
        time.sleep(0.5)
        source = bench.event.folder
        for path in source.joinpath("objects").iterdir():
            (folder / "S2" / ".llama" / "objects" / path.name).write_bytes(path.read_bytes())
        lines = (source / "journal.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "S2" / ".llama" / "journal.jsonl").write_bytes(b"".join(lines[:2]))
        eventually(shows(folder / "S2" / "both.txt", "HELLO: 5 letters"))


def test_one_poisoned_event_does_not_stop_the_others(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    poisoned = Event.create(bench.event.path.with_name("S9"), {"source.txt": b"x"}, Flags(), why="", now=bench.now)
    monkeypatch.setattr(poisoned, "look", lambda *_: 1 / 0)
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once([poisoned, bench.event])
    assert bench.read(BOTH) == "HELLO: 5 letters"
    assert "ZeroDivisionError" in runner.troubles[0]


def test_the_vetoed_flag_stops_a_running_step_like_a_veto(bench: Bench) -> None:
    claim = bench.maker.claim(bench.event, UPPER, now=bench.now, owner=Owner.myself())
    assert claim is not None
    bench.event.flag({"vetoed": True}, why="", now=bench.now)
    assert not bench.maker.make(bench.event, UPPER, claim, now=bench.now)
    assert not (bench.event.path / "upper.txt").exists()
