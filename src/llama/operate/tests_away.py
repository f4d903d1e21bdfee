"""Test events that nobody needs any more go to a folder of their own, whole and one by one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EngineError, NotAnEvent
from llama.engine.folder import Event, Run, State, being_made, move
from llama.flags import Flags


@dataclass(frozen=True)
class Moved:
    """What became of an event: where it is now, or why it stayed."""

    event: Event
    where: Path | None = None
    why: str = ""


def tests_among(events: Iterable[Event]) -> Iterator[Event]:
    """Those whose flag says that they are tests, and those of which nothing can be read, to be told of."""
    for event in events:
        try:
            if not no_test(event.refresh()):
                yield event
        except NotAnEvent:  # moved away this moment
            continue
        except (EngineError, OSError):
            yield event


def no_test(state: State) -> str:
    """Why it is not to go; empty for a test."""
    role = Flags.of(state.flags).role
    return "" if role == "test" else f"it is no test (flag role={role})"


def put_away(events: Iterable[Event], into: Path, *, now: datetime, dry_run: bool = False) -> Iterator[Moved]:
    """Move tests into a folder, each in one step; what is worked on, or there already under its name, stays."""
    for event in events:
        try:
            if dry_run:
                yield _would(event, into, now)
            else:
                Run(event.path.parent).went(into)
                yield Moved(event, move(event, into, now=now, unless=no_test).path)
        except NotAnEvent:
            continue
        except (EngineError, OSError) as error:
            yield Moved(event, why=str(error))


def _would(event: Event, into: Path, now: datetime) -> Moved:
    state = event.refresh()
    if why := being_made(state, now) or no_test(state):
        return Moved(event, why=f"{event.path} would stay where it is: {why}")
    if (into / event.id).exists():
        return Moved(event, why=f"{event.path} would stay where it is: {into / event.id} is there already")
    return Moved(event, into / event.id)
