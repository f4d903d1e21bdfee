"""What the engine asks of the application: the one seam to everything that is not in an event."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, TypeVar

from llama.engine.graph.pipeline import Pipeline
from llama.engine.graph.product import ServiceKey, Shared
from llama.engine.graph.rules import FlagRules

S = TypeVar("S")


class Environment(Protocol):
    """What a maker needs that is not in the event: pipelines, services, shared files. Built by the application."""

    @property
    def flags(self) -> FlagRules:
        """How flags of events are read, and which veto an event."""
        ...

    def pipeline(self, name: str) -> Pipeline:
        """The pipeline of that name; raises PipelineError naming those there are."""
        ...

    def service(self, key: ServiceKey[S]) -> S:
        """The adapter behind a service key."""
        ...

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        """Why the service cannot be used here, and what to set; None when it can."""
        ...

    def shared_path(self, shared: Shared[Any]) -> Path:
        """Where the shared file is on this machine."""
        ...

    def hide(self, text: str) -> str:
        """The text with every secret of this environment hidden, before it is written down."""
        ...

    def close(self) -> None:
        """Let go of the services that were asked for."""
