"""What names something outside: a typed key."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

S = TypeVar("S")


@dataclass(frozen=True)
class Service(Generic[S]):
    """A typed key for something outside; `writes` when using it changes the outside."""

    name: str
    writes: bool = False
