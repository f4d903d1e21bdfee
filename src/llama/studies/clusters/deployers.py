"""How each kind of cluster is started and ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from llama.studies.clusters.deployed import Deployed
from llama.studies.clusters.over_ssh import over_ssh
from llama.studies.clusters.queues import in_queue

if TYPE_CHECKING:
    from llama.studies.clusters.starting import Workforce


@contextmanager
def at_address(wanted: Workforce) -> Iterator[Deployed]:
    """A scheduler that somebody else has started, with workers of its own."""
    yield Deployed(wanted.cluster.where[0], patience_s=wanted.options.patience_s)


DEPLOYERS: Mapping[str, Callable[[Workforce], AbstractContextManager[Deployed]]] = {
    "scheduler": at_address,
    "ssh": over_ssh,
    "slurm": in_queue,
    "htcondor": in_queue,
}
