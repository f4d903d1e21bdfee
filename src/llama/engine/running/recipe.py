"""What travels to a step's process, and nothing else does: names and text."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from llama.engine.graph import Environment
from llama.engine.running.making import utc_now


@dataclass(frozen=True)
class Recipe:
    """How another process builds what its runner has.

    Attributes:
        factory: `module:function`; given the settings, it builds the environment.
        settings: those of the runner, as text that the factory understands.
        log: `module:function`, and after a space the text that it is given with the environment, to write to the log
            of the runner; empty: the process logs as Python does by itself.
        clock: `module:function` that says the time (UTC, aware).
    """

    factory: str
    settings: str = ""
    log: str = ""
    clock: str = f"{utc_now.__module__}:{utc_now.__qualname__}"

    def environment(self) -> Environment:
        """The environment, logging as the runner does."""
        environment: Environment = named(self.factory)(self.settings)
        function, _, text = self.log.partition(" ")
        if function:
            named(function)(text, environment)
        return environment

    def now(self) -> datetime:
        """The time by the runner's clock."""
        time: datetime = named(self.clock)()
        return time


def named(name: str) -> Callable[..., Any]:
    """The function that is called `module:function`."""
    module, _, function = name.partition(":")
    found: Callable[..., Any] = attrgetter(function)(importlib.import_module(module))
    return found
