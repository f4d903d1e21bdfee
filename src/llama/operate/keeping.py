"""Events kept up to date by a program that says how it stands."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from llama.engine.folder import Event, SharedDigests
from llama.engine.graph import Environment, Pipeline
from llama.engine.running import FolderChanges, Maker, Processes, Runner
from llama.operate.programs import Program

_LOG = logging.getLogger("llama.operate")


def open_runner(
    app: Environment,
    pipeline: Pipeline,
    processes: Processes,
    preload: Sequence[str],
    rested: Callable[[Event], None] | None = None,
) -> Runner:
    """What makes the products of a pipeline, each in a process of its own.

    Preloading fails silently, and without it every step takes seconds longer: it is said.
    """
    if missing := processes.missing(preload):
        _LOG.warning("steps will start slowly: %s could not be preloaded", ", ".join(missing))
    return Runner(Maker(pipeline, app, SharedDigests(app)), processes, rested)


def keep(
    program: Program,
    runner: Runner,
    find: Callable[[], Iterable[Event]],
    changes: FolderChanges,
    up: Callable[[], None],
) -> None:
    """Keep the events that `find` names up to date until the program is stopped; `up` is called once it works."""
    told = False

    def turned() -> None:
        nonlocal told
        failures = len(runner.failures) + len(runner.troubles)
        program.beat(queue=runner.queue, failures=failures, last_message=runner.last or None)
        if not told:
            told = True
            up()

    program.on_stop(runner.stop)
    runner.watch(find, changes, turned)
