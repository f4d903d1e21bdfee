"""A workforce from what was asked for, started and ended in one place."""

from __future__ import annotations

import functools
import logging
import platform
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from llama.sections_own import ClusterSettings
from llama.studies.blocks import processes
from llama.studies.clusters.alike import build
from llama.studies.clusters.asked import LOCAL, Cluster
from llama.studies.clusters.deployed import MEMORY, QUIET_WORKERS
from llama.studies.clusters.errors import ClusterError

Start = Callable[[], AbstractContextManager[Executor]]
"""Starts whoever draws the blocks of a study, once that is known to be possible."""

_NEEDS = {
    "scheduler": ("distributed", "studies"),
    "ssh": ("asyncssh", "studies,fleet"),
    "slurm": ("dask_jobqueue", "studies"),
    "htcondor": ("dask_jobqueue", "studies"),
}
_TALKATIVE = ("distributed", "distributed.client", "distributed.scheduler", "distributed.core", "tornado", "asyncssh")


def _nothing(text: str) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Workforce:
    """What is wanted.

    Attributes:
        workers: how many processes in all; over SSH at least one on each host; a scheduler has those it has.
        options: how they are started. tell: told what people should know while it runs.
        key, known_hosts: of SSH, where they are not those that `ssh` itself would take.
    """

    cluster: Cluster = LOCAL
    workers: int = 1
    options: ClusterSettings = field(default_factory=ClusterSettings)
    tell: Callable[[str], None] = _nothing
    key: Path | None = None
    known_hosts: tuple[Path, ...] = ()

    def __call__(self) -> AbstractContextManager[Executor]:
        """Start it, as `workforce` does."""
        return workforce(self)


def here(workers: int) -> Start:
    """So many processes of this machine."""
    return functools.partial(processes, workers)


@contextmanager
def workforce(wanted: Workforce) -> Iterator[Executor]:
    """Whoever draws, until the end of the block.

    ClusterError for a cluster that cannot be started or reached; FormatError where a process here was killed.
    """
    if wanted.cluster.kind == "local":
        with processes(wanted.workers) as executor:
            yield executor
        return
    _check_installed(wanted.cluster)
    with _quiet(), _connected(wanted) as executor:
        yield executor


def _check_installed(cluster: Cluster) -> None:
    module, extra = _NEEDS[cluster.kind]
    if missing := [name for name in ("distributed", module) if find_spec(name) is None]:
        raise ClusterError(
            f"{cluster} needs {missing[0]}, which is not installed: pip install 'llama-astro[{extra}]'"
        )


@contextmanager
def _connected(wanted: Workforce) -> Iterator[Executor]:
    import dask
    from distributed import Client

    from llama.studies.clusters.deployers import DEPLOYERS
    from llama.studies.clusters.executor import ClusterExecutor

    name = str(wanted.cluster)
    with dask.config.set(_CONFIG), DEPLOYERS[wanted.cluster.kind](wanted) as deployed:
        try:
            client = Client(deployed.target, timeout=wanted.options.timeout_s, set_as_default=False)
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"nobody answers at {name.removeprefix('the scheduler at ')}: {error}") from error
        with client:
            if dashboard := client.dashboard_link:
                wanted.tell(f"{name}: dashboard at {dashboard}")
            executor = ClusterExecutor(client, name, deployed.grow, deployed.patience_s, wanted.tell)
            try:
                yield executor
            finally:
                executor.shutdown()


def answers(wanted: Workforce, patience: int = 20) -> Counter[str]:
    """How many of some short blocks each machine did, once there are workers; ClusterError when there are none."""
    with workforce(wanted) as executor:
        return Counter(executor.map(_machine, range(patience * wanted.workers)))


def _machine(block: int) -> str:
    time.sleep(0.01)
    return f"{platform.node()} ({build()})"


def submit_file(wanted: Workforce) -> str:
    """What is submitted for each job; ClusterError for a cluster that has no jobs."""
    from llama.studies.clusters import queues

    if wanted.cluster.kind not in ("slurm", "htcondor"):
        raise ClusterError(f"nothing is submitted for {wanted.cluster}; slurm and htcondor have jobs")
    _check_installed(wanted.cluster)
    return queues.submit_file(wanted)


_CONFIG = {
    "distributed.admin.large-graph-warning-threshold": "1GB",  # the task travels once, however large
    **QUIET_WORKERS,
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in MEMORY.items()},
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Dask tells of a lost worker or scheduler in dozens of lines; ours is one."""
    import distributed  # noqa: F401 - it sets levels when it is loaded

    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [one.level for one in loggers]
    try:
        for one in loggers:
            one.setLevel(logging.CRITICAL + 1)
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", module="distributed"
            )  # of a port in use, in place of which it took another
            yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
