"""The database that gravitational-wave candidates are kept in."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from llama.ports.service import Service


class GraceDB(Protocol):
    """The Gravitational-Wave Candidate Event Database, read side."""

    def superevent(self, graceid: str) -> dict[str, object]:
        """The superevent's record."""
        ...

    def file(self, graceid: str, filename: str, into: Path) -> None:
        """Download one of its files."""
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


GRACEDB: Service[GraceDB] = Service("gracedb")
