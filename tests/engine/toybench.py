"""One event, something that makes toys of it, and a clock that stands still until told."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import toys

from llama.engine.flags import Flags
from llama.engine.folder.claim import Owner
from llama.engine.folder.event import Event
from llama.engine.folder.store import SharedDigests
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product
from llama.engine.running.making import Maker
from llama.engine.running.status import Status, statuses

HERE = Path(__file__).parent


class Bench:
    """One event, one pipeline, and a clock that stands still until told."""

    def __init__(self, path: Path, pipeline: Pipeline, files: dict[str, bytes], shared: Path) -> None:
        self.now: datetime = toys.NOW
        self.event = Event.create(path, files, Flags(), why="test", now=self.now)
        self.use(pipeline, shared)

    def use(self, pipeline: Pipeline, shared: Path | None = None) -> None:
        """Judge and make by another pipeline."""
        world = toys.World({pipeline.name: pipeline}, shared or self.world.shared)
        self.world = world
        self.maker = Maker(pipeline, world, SharedDigests(world), lambda: self.now)

    def status(self, product: Product | None = None) -> Status:
        return self.statuses()[(product or self.maker.pipeline.products[-1]).filename]

    def statuses(self) -> dict[str, Status]:
        fresh = Event(self.event.path)
        return statuses(self.maker.pipeline, fresh.look(self.maker.pipeline, self.maker.shared), self.now)

    def kinds(self) -> list[str]:
        return [str(status.kind) for status in self.statuses().values()]

    def make(self, *products: Product) -> None:
        """Make these, in order; each must be ready."""
        for product in products:
            claim = self.maker.claim(self.event, product, now=self.now, owner=Owner.myself())
            assert claim is not None, f"{product.name} is not ready: {self.statuses()[product.filename]}"
            self.maker.make(self.event, product, claim, now=self.now)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def receive(self, **files: str) -> None:
        self.event.receive({f"{name}.txt": text.encode() for name, text in files.items()}, why="test", now=self.now)

    def read(self, product: Product) -> str:
        return (self.event.path / product.filename).read_text()

    def edit(self, product: Product, text: str) -> None:
        (self.event.path / product.filename).write_text(text)
