"""Events brought up to date, once."""

from __future__ import annotations

from collections.abc import Iterable

from llama.engine.environment import Environment
from llama.engine.event import Event
from llama.engine.making import Maker
from llama.engine.pipeline import Pipeline
from llama.engine.processes import Executor, Here
from llama.engine.runner import Runner
from llama.engine.store import SharedDigests


def bring_up_to_date(
    events: Iterable[Event], pipeline: Pipeline, environment: Environment, executor: Executor | None = None
) -> None:
    """Make everything of the pipeline that is ready, by the executor; without one all in this process."""
    maker = Maker(pipeline, environment, SharedDigests(environment))
    Runner(maker, executor or Here(maker)).once(events)
