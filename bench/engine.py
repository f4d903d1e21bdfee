"""What the engine costs besides the work itself. Measured on toy products whose making takes no time.

Everything is measured on the disk that holds the system's temporary folder; the time of one `fsync` there is given,
since a commit waits for four.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from bench.figure import Figure
from llama.engine.folder import Event, Run, SharedDigests
from llama.engine.graph import Pipeline, Product, Shared, Step
from llama.engine.running import FolderChanges, Here, Maker, Processes, Recipe, Runner, statuses, utc_now
from llama.flags import RULES, Flags

_FINISHED = 5000
_IDLE_S = 10.0


class _Text:
    def write(self, value: str, path: Path) -> None:
        path.write_text(value)

    def read(self, path: Path) -> str:
        return path.read_text()


def _nothing(step: Step) -> str:
    return step.product.name


def _chain(name: str, length: int) -> Pipeline:
    """A source and `length` products, each made from the two before it."""
    products: list[Product[Any]] = [Product("SOURCE", "source.txt", _Text())]
    for number in range(length):
        inputs = tuple(products[-2:])
        products.append(Product(f"P{number}", f"p{number:02d}.txt", _Text(), _nothing, inputs=inputs))
    return Pipeline(name, products)


class World:
    """The environment of the benchmark's steps."""

    flags = RULES

    def pipeline(self, name: str) -> Pipeline:
        return _chain(name, int(name))

    def service(self, key: Any) -> Any:
        raise KeyError(key.name)

    def lacks(self, key: Any) -> str | None:
        return None

    def shared_path(self, shared: Shared[Any]) -> Path:
        return Path(shared.name)

    def hide(self, text: str) -> str:
        return text

    def close(self) -> None:
        """Nothing is open."""


def environment(settings: str = "") -> World:
    """Built by name in each step's process."""
    return World()


def figures() -> list[Figure]:
    """Every figure of the engine."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return [
            Figure("one fsync on this disk", _fsync_ms(root), "ms", None),
            Figure(
                "engine overhead per product, without its process", _overhead_ms(root, processes=False), "ms", 5.0
            ),
            Figure("engine overhead per product, with its process", _overhead_ms(root, processes=True), "ms", 25.0),
            Figure("statuses of 50 products", _statuses_ms(root), "ms", 1.0),
            *_finished(root),
        ]


def _fsync_ms(root: Path) -> float:
    times = []
    with open(root / "probe", "wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 500)
            start = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


def _overhead_ms(root: Path, *, processes: bool) -> float:
    """Median time from judging to judged again, per product, of a chain that must be made one after the other."""
    pipeline = _chain("8", 8)
    maker = _maker(pipeline)
    executor = Processes(Recipe("bench.engine:environment"), "8", 1, ["bench.engine"]) if processes else Here(maker)
    if isinstance(executor, Processes):
        executor.missing([])  # starts the server, as a runner does
    times = []
    for number in range(6):
        event = Event.create(root / f"o{processes}{number}", {"source.txt": b"x"}, Flags(), why="", now=utc_now())
        start = time.perf_counter()
        Runner(maker, executor).once([event])
        times.append((time.perf_counter() - start) / 8)
        assert event.refresh().file("p07.txt").digest
    return statistics.median(times) * 1e3


def _statuses_ms(root: Path) -> float:
    pipeline = _chain("50", 50)
    maker = _maker(pipeline)
    event = Event.create(root / "fifty", {"source.txt": b"x"}, Flags(), why="", now=utc_now())
    Runner(maker, Here(maker)).once([event])
    state, now = event.look(pipeline, maker.shared), utc_now()
    times = []
    for _ in range(200):
        start = time.perf_counter()
        statuses(pipeline, state, now)
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3


class _Told(FolderChanges):
    """Says when it is first asked what has changed: then the first round of judging is over."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked = threading.Event()

    def take(self) -> tuple[set[Path], bool]:
        self.asked.set()
        return super().take()


def _finished(root: Path) -> list[Figure]:
    """A run folder of finished events: judging it at the start, and watching it while nothing happens."""
    maker = _maker(_chain("15", 15))
    run = Run(root / "run")
    _fill(run, maker)
    start = time.perf_counter()
    Runner(maker, Here(maker)).once(run.events())
    judged_s = time.perf_counter() - start
    runner, changes, process = Runner(maker, Here(maker)), _Told(run.path), psutil.Process()
    used_s: list[float] = []

    def measure() -> None:
        changes.asked.wait()
        time.sleep(1.0)
        before = sum(process.cpu_times()[:2])
        time.sleep(_IDLE_S)
        used_s.append(sum(process.cpu_times()[:2]) - before)
        runner.stop()

    threading.Thread(target=measure).start()
    runner.watch(run.events, changes)
    return [
        Figure(f"{_FINISHED} finished events of 15 products judged at the start", judged_s, "s", 5.0),
        Figure("one core in use while they are watched and nothing happens", used_s[0] / _IDLE_S * 100, "%", 2.0),
    ]


def _fill(run: Run, maker: Maker) -> None:
    """One event that was made, and others with its journal and links to its files, so that those are as recorded.

    Files of their own would take longer to write and to remove than all there is to measure.
    """
    first = Event.create(
        run.path / "S00000", {"source.txt": b"x"}, Flags(), why="", now=datetime(2026, 1, 1, tzinfo=UTC)
    )
    Runner(maker, Here(maker)).once([first])
    journal = (first.path / ".llama" / "journal.jsonl").read_bytes()
    made = [path for path in first.path.iterdir() if path.is_file()]
    for number in range(1, _FINISHED):
        path = run.path / f"S{number:05d}"
        (path / ".llama" / "objects").mkdir(parents=True)
        (path / ".llama" / "lock").touch()
        (path / ".llama" / "journal.jsonl").write_bytes(journal)
        for file in made:
            (path / file.name).hardlink_to(file)


def _maker(pipeline: Pipeline) -> Maker:
    world = environment()
    return Maker(pipeline, world, SharedDigests(world))
