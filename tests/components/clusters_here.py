"""Clusters that run on this machine, and a study that is drawn on them."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import LocalCluster

PATIENCE_S = 60.0


def until(true: Callable[[], bool]) -> None:
    """Wait for it."""
    end = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def processes_named(words: bytes) -> list[int]:
    """Other processes with these words in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            line = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if words in line and int(path.name) != os.getpid():
            found.append(int(path.name))
    return found


def python_with_tests(folder: Path) -> Path:
    """A Python that finds the tasks of tests, as workers need it that inherit nothing from here."""
    found = folder / "python-with-tests"
    root = Path(__file__).resolve().parents[2]
    found.write_text(f'#!/bin/sh\nPYTHONPATH="{root}" exec "{sys.executable}" "$@"\n')
    found.chmod(0o755)
    return found


@contextmanager
def local_cluster(workers: int, **more: Any) -> Iterator[LocalCluster]:
    """A scheduler of Dask with so many worker processes."""
    import dask
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
    # So long after a worker died Dask looks whether it is there again, at that moment; else it is gone for good
    patient = dask.config.set({"distributed.deploy.lost-worker-timeout": "1h"})
    with patient, LocalCluster(n_workers=workers, silence_logs=logging.CRITICAL, **{**options, **more}) as cluster:
        yield cluster
