"""Events brought up to date, once."""

from __future__ import annotations

from collections.abc import Iterable

from llama.engine.folder import Event, SharedDigests
from llama.engine.graph import Environment, Pipeline
from llama.engine.running import Executor, Here, Maker, Runner


def bring_up_to_date(
    events: Iterable[Event], pipeline: Pipeline, environment: Environment, executor: Executor | None = None
) -> None:
    """Make everything of the pipeline that is ready, by the executor; without one all in this process."""
    maker = Maker(pipeline, environment, SharedDigests(environment))
    Runner(maker, executor or Here(maker)).once(events)
