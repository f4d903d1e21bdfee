"""How each kind of cluster is started and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llama.studies.clusters.starting import Workforce


def _as_it_is() -> None:
    """Ask for no workers: they are somebody else's."""


@dataclass(frozen=True)
class Deployed:
    """A cluster that runs.

    Attributes:
        target: its scheduler's address, or the object that Dask has for it.
        grow: asks for workers in place of those that are gone.
        patience_s: how long there may be no worker at all; None for ever.
    """

    target: Any
    grow: Callable[[], None] = _as_it_is
    patience_s: float | None = None


@contextmanager
def at_address(wanted: Workforce) -> Iterator[Deployed]:
    """A scheduler that somebody else has started, with workers of its own."""
    yield Deployed(wanted.cluster.where[0], patience_s=wanted.options.patience_s)


DEPLOYERS: Mapping[str, Callable[[Workforce], AbstractContextManager[Deployed]]] = {"scheduler": at_address}
