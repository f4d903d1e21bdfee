"""Clusters that run on this machine, and a study that is drawn on them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import LocalCluster


@contextmanager
def local_cluster(workers: int, **more: Any) -> Iterator[LocalCluster]:
    """A scheduler of Dask with so many worker processes."""
    from distributed import LocalCluster

    options = {"threads_per_worker": 1, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "processes": True}
    with LocalCluster(n_workers=workers, silence_logs=logging.CRITICAL, **{**options, **more}) as cluster:
        yield cluster
