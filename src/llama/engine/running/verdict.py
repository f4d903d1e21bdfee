"""What the runner found to be done with an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from llama.engine.folder import Stat
from llama.engine.graph import Product


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done with an event, as of one state of its journal.

    `aside`: nothing at all before `until`; `others`: a process that is not ours makes something of it now.
    """

    ready: tuple[tuple[Product[Any], Mapping[str, str]], ...] = ()
    until: datetime | None = None
    journal: Stat | None = None
    claimed: bool = False
    aside: bool = False
    others: bool = False
