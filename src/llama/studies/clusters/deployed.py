"""A cluster that runs, whoever started it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
"""Bytes of freed memory that a worker keeps. Dask has it keep none: as our arrays come and go, that took 60 % more
processor time."""

QUIET_WORKERS: Mapping[str, object] = {
    "distributed.worker.profile.enabled": False,
    "distributed.worker.memory.monitor-interval": "500ms",
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.system-monitor.interval": "2s",
}
"""Dask's settings of workers: how often each looks at itself. As Dask has it, a worker is woken some hundred and
sixty times a second: of what sixteen of them do on two cores that and the scheduler are more than a third."""


def _as_it_is() -> None:
    """Ask for no workers: they are somebody else's."""


@dataclass(frozen=True)
class Deployed:
    """A cluster that runs.

    Attributes:
        target: its scheduler's address, or the object that Dask has for it.
        grow: asks for workers in place of those that are gone, a moment apart; ClusterError gives up.
        patience_s: how long there may be no worker at all; None for ever.
    """

    target: Any
    grow: Callable[[], None] = _as_it_is
    patience_s: float | None = None


def all_loopback(names: Sequence[str]) -> bool:
    """Whether all of these hosts are this machine, so that nobody else need reach what runs on them."""
    return all(map(_is_loopback, names))


def _is_loopback(name: str) -> bool:
    try:
        return name == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False
