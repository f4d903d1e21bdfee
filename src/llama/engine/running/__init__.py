"""Keeping events up to date: what is to be done with each product (`statuses`, the first thing to read, the whole
policy), making one and committing it (`Maker`), the runner that does so for many events, and the processes that
steps run in.
"""

from __future__ import annotations

from llama.engine.running.making import Maker, utc_now
from llama.engine.running.processes import Executor, Here, Processes, default_workers
from llama.engine.running.recipe import Recipe
from llama.engine.running.runner import Runner
from llama.engine.running.status import Kind, Status, statuses, unfinished
from llama.engine.running.watching import FolderChanges

__all__ = [
    "Executor",
    "FolderChanges",
    "Here",
    "Kind",
    "Maker",
    "Processes",
    "Recipe",
    "Runner",
    "Status",
    "default_workers",
    "statuses",
    "unfinished",
    "utc_now",
]
