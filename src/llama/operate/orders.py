"""What an operator decides about an event, where it takes more than one entry."""

from __future__ import annotations

from datetime import datetime

from llama.engine.folder import Event
from llama.flags import Flags


def unveto(event: Event, filename: str | None, *, why: str, now: datetime, by: str | None = None) -> None:
    """Lift a veto; for the whole event also the flag."""
    event.unveto(filename, why=why, now=now, by=by)
    if filename is None and Flags.of(event.refresh().flags).vetoed:
        event.flag({"vetoed": False}, why=why, now=now, by=by)
