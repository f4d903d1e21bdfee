"""One event of toys, and something that makes them."""

from __future__ import annotations

from pathlib import Path

import toys

from llama import testing
from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import Product

HERE = Path(__file__).parent


class Bench(testing.Bench):
    """The public bench, with toys for an environment and text for files."""

    def __init__(self, path: Path, pipeline: Pipeline, files: dict[str, bytes], shared: Path) -> None:
        self.world = toys.World({pipeline.name: pipeline}, shared)
        super().__init__(path, pipeline, files, self.world)

    def use(self, pipeline: Pipeline, shared: Path | None = None) -> None:
        """Judge and make by another pipeline."""
        self.world = toys.World({pipeline.name: pipeline}, shared or self.world.shared)
        self.judge_by(pipeline, self.world)

    def receive(self, **files: str) -> None:
        self.event.receive({f"{name}.txt": text.encode() for name, text in files.items()}, why="test", now=self.now)

    def read(self, product: Product) -> str:
        return (self.event.path / product.filename).read_text()

    def edit(self, product: Product, text: str) -> None:
        (self.event.path / product.filename).write_text(text)
