"""A full disk, a read-only folder, a network file system: one clear message, nothing lost."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from test_runner import eventually
from toybench import Bench
from toys import CHAIN, SOURCE, TEXT, UPPER

from llama.engine.errors import StorageError, UnsupportedFileSystem
from llama.engine.folder import care
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import require_local, storage_errors
from llama.engine.folder.run import Delivery, Run
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product, Step
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind
from llama.engine.running.watching import FolderChanges


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_when_receiving(bench: Bench, small_disk: Path) -> None:
    on_small = Bench(small_disk / "run" / "S1", CHAIN, {"source.txt": b"hello"}, small_disk)
    with pytest.raises(StorageError, match="disk is full; free some space and run again"):
        on_small.receive(source="x" * 500_000)
    assert on_small.read(SOURCE) == "hello"
    assert care.check(on_small.event) == []
    on_small.make(UPPER)
    assert on_small.read(UPPER) == "HELLO"


def test_a_full_disk_when_creating(small_disk: Path) -> None:
    with pytest.raises(StorageError, match="disk is full"):
        Run(small_disk / "run").accept(Delivery("S1", {"big.txt": b"x" * 500_000}))
    assert list((small_disk / "run").iterdir()) == []


def test_a_full_disk_when_making_and_after_space_was_freed(small_disk: Path) -> None:
    on_small = Bench(small_disk / "run" / "S1", CHAIN, {"source.txt": b"x" * 30_000}, small_disk)
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), open(filler, "wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    runner = Runner(on_small.maker, Here(on_small.maker))
    runner.once([on_small.event])
    assert any("disk is full" in line for line in runner.troubles)
    assert runner.failures == []  # the disk is at fault, not the product
    assert care.check(on_small.event) == []
    filler.unlink()
    Runner(on_small.maker, Here(on_small.maker)).once([Event(on_small.event.path)])
    assert on_small.kinds() == ["done"] * 4
    assert care.check(on_small.event) == []


def test_a_disk_that_fills_inside_a_make_is_not_the_product_s_fault(bench: Bench) -> None:
    def full(step: Step) -> str:
        try:
            raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            raise ValueError("the page could not be set") from error

    product = Product("FULL", "full.txt", TEXT, full, inputs=(SOURCE,))
    bench.use(Pipeline("P", (SOURCE, product)))
    runner = Runner(bench.maker, Here(bench.maker))
    runner.once([bench.event])
    (trouble,) = runner.troubles
    assert "the disk is full; free some space and run again" in trouble
    assert runner.failures == []
    status = bench.status(product)
    assert status.kind is Kind.READY and "the disk is full" in status.why


def test_a_claim_whose_end_a_full_disk_did_not_note_is_ended_by_its_own_runner(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process lives, so nobody else may: the product would wait for its time limit."""
    full = [True]

    def make(step: Step) -> str:
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return "made"

    def unnoted(*args: object, **more: object) -> None:
        raise StorageError("the disk is full")

    product = Product("FULL", "full.txt", TEXT, make, inputs=(SOURCE,))
    bench.use(Pipeline("P", (SOURCE, product)))
    runner = Runner(bench.maker, Here(bench.maker))
    with monkeypatch.context() as disk:
        disk.setattr("llama.engine.running.making.give_back", unnoted)
        runner.once([bench.event])
    assert any("the disk is full" in line for line in runner.troubles)
    assert [claim.filename for claim in bench.event.refresh().claims.values()] == ["full.txt"]
    full.clear()
    again = Runner(bench.maker, Here(bench.maker))
    again.once([bench.event])
    assert bench.read(product) == "made" and again.failures == again.troubles == []


@pytest.mark.slow
def test_watching_a_full_disk_does_not_spin_and_goes_on_when_space_is_freed(small_disk: Path) -> None:
    on_small = Bench(small_disk / "run" / "S1", CHAIN, {"source.txt": b"x" * 30_000}, small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 150_000)  # leaves room for the journal, not for the result
    runner = Runner(on_small.maker, Here(on_small.maker))
    folder = on_small.event.path.parent
    before = len(on_small.event.entries())
    thread = threading.Thread(target=lambda: runner.watch(Run(folder).events, FolderChanges(folder)))
    thread.start()
    try:
        eventually(lambda: any("disk is full" in line for line in runner.troubles))
        time.sleep(1)
        assert len(Event(on_small.event.path).entries()) - before == 2  # claimed, and given back
        filler.unlink()
        on_small.wait(31)
        (on_small.event.path / "touched").touch()
        eventually(lambda: on_small.kinds() == ["done"] * 4)
    finally:
        runner.stop()
        thread.join(20)
    assert runner.troubles == []


LIMITED = """
import resource, sys
from pathlib import Path
import toys
from llama.engine.errors import StorageError
from llama.engine.folder.event import Event

event = Event(Path(sys.argv[1]))
size = (event.folder / "journal.jsonl").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 40, size + 40))
try:
    event.veto("upper.txt", why="this line does not fit", now=toys.NOW)
except StorageError as error:
    print(error)
"""


def test_an_entry_that_does_not_fit_leaves_no_trace(bench: Bench, python: Callable) -> None:
    before = (bench.event.folder / "journal.jsonl").read_bytes()
    assert "nharmed" in python(LIMITED, bench.event.path).stdout
    assert (bench.event.folder / "journal.jsonl").read_bytes() == before


READ_ONLY = """
import os, sys
from pathlib import Path
import toys
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.engine.running.status import statuses
from llama.engine.folder.store import SharedDigests

if os.geteuid() == 0:
    os.setuid(65534)
world = toys.environment()
maker = Maker(toys.CHAIN, world, SharedDigests(world))
event = Event(Path(sys.argv[1]))
state = event.look(toys.CHAIN, maker.shared)
print([str(status.kind) for status in statuses(toys.CHAIN, state, maker.clock()).values()])
runner = Runner(maker, Here(maker))
runner.once([event])
print(runner.troubles)
"""


def test_a_read_only_folder_can_be_looked_at_and_says_why_nothing_is_made(bench: Bench, python: Callable) -> None:
    folders = [bench.event.path, *(path for path in bench.event.path.rglob("*"))]
    for path in [*bench.event.path.parents[:-1]]:
        if path != Path("/tmp") and path.stat().st_uid == os.geteuid():
            path.chmod(0o755)
    for path in folders:
        path.chmod(0o555 if path.is_dir() else 0o444)
    done = python(READ_ONLY, bench.event.path)
    assert done.stderr == "" or "no permission to write" in done.stderr
    first, second = done.stdout.splitlines()
    assert first == "['done', 'ready', 'waiting', 'waiting']"
    assert second.count("no permission to write") == 1
    for path in folders:
        path.chmod(0o755 if path.is_dir() else 0o644)
    bench.make(UPPER)


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table of mounts is the operating system's; only what stands in it is made up."""
    mounts = psutil.disk_partitions(all=True)
    remote = mounts[0]._replace(mountpoint=str(tmp_path), fstype="nfs4")
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [*mounts, remote])
    with pytest.raises(UnsupportedFileSystem, match="network file system"):
        Run(tmp_path / "run")
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: [*mounts, remote._replace(fstype="fuse.sshfs")])
    with pytest.raises(UnsupportedFileSystem):
        require_local(tmp_path)


def test_other_errors_of_the_system_are_not_explained_away(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        (tmp_path / "nothing").stat()
    with pytest.raises(StorageError, match="read-only"), storage_errors(tmp_path):
        raise OSError(errno.EROFS, "read-only", str(tmp_path))
