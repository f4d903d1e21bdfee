"""The end of a run: its events go to a folder of their own among the past runs, one by one, after each was checked.

What is to be moved is written down before the first event moves (`.llama/roll.json` of the past run), so that a roll
that was killed goes on where it stopped, and events that came since stay. Every event is here or there at any moment.

The numbers that alerts were given, and retractions that wait for their events, are copied: the past run keeps what
belongs to it, and the new one goes on counting where it was, for the superevents that go on.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import msgspec

from llama.engine.errors import EngineError, EventError, EventExists, NotAnEvent
from llama.engine.folder import Event, Run, being_made, check, fsync_folder, move, name_fault, storage_errors
from llama.intake import copy_memory

_MARK = Path(".llama") / "roll.json"


class _Plan(msgspec.Struct, frozen=True):
    """What a roll moves, and whence. `ended` is None until all is done."""

    source: str
    begun: datetime
    events: tuple[str, ...]
    ended: datetime | None = None


@dataclass(frozen=True)
class Problem:
    """What stands against moving an event; `busy` when that passes by itself."""

    event: Event
    why: str
    busy: bool = False


class Roll:
    """One run on its way to its place among the past ones. Raises EventError for a place that is taken."""

    def __init__(self, run: Path, past: Path) -> None:
        self.run = Run(run)
        self.past = past.absolute()
        if fault := name_fault(self.past.name):
            raise EventError(f"a run cannot be called {self.past.name!r}: it {fault}")
        self._plan = self._read()

    @property
    def resumed(self) -> bool:
        """Whether it was begun before."""
        return self._plan is not None

    def events(self) -> list[Event]:
        """Those still to be moved."""
        wanted = None if self._plan is None else set(self._plan.events)
        return [event for event in self.run.events() if wanted is None or event.id in wanted]

    def left(self) -> list[str]:
        """What is in the run's folder and is no event, so that it stays."""
        names = {event.id for event in self.run.events()}
        found = os.scandir(self.run.path) if self.run.path.is_dir() else ()
        return sorted(entry.name for entry in found if entry.name not in names and not entry.name.startswith("."))

    def problems(self, now: datetime) -> Iterator[Problem]:
        """All that is wrong with any of the events: every byte is read, which takes a while."""
        for event in self.events():
            try:
                if busy := being_made(event.refresh(), now):
                    yield Problem(event, busy, busy=True)
                for line in check(event):
                    yield Problem(event, line)
                event.forget()  # thousands would be remembered else
            except NotAnEvent:
                continue
            except (EngineError, OSError) as error:
                yield Problem(event, str(error))

    def begin(self, now: datetime) -> None:
        """Write down what is to be moved, which makes the place this roll's. Nothing when it was begun before."""
        if self._plan is None:
            names = tuple(event.id for event in self.events())
            if not names:
                raise EventError(f"there is no event in {self.run.path}, so there is nothing to roll")
            self._plan = _Plan(str(self.run.path), now, names)
            _claim_place(self.past, self._plan)

    def go(self, now: datetime) -> Iterator[Event | Problem]:
        """Move what is left of it; an event that cannot go now is told, and stays for the next time."""
        self.run.went(self.past)
        for event in self.events():
            try:
                yield move(event, self.past, now=now)
            except NotAnEvent:
                continue
            except EngineError as error:
                yield Problem(event, str(error))

    def end(self, now: datetime) -> None:
        """Copy what was remembered of alerts, and write down that all is there. Raises EventError when it is not."""
        assert self._plan is not None, "begin comes first"
        if here := self.events():
            raise EventError(f"{len(here)} events are still in {self.run.path}, {here[0].id} among them")
        copy_memory(self.run, self.past)
        _write(self.past / _MARK, msgspec.structs.replace(self._plan, ended=now))

    def _read(self) -> _Plan | None:
        """The plan of a roll that has not ended; None where there is nothing."""
        path = self.past / _MARK
        try:
            plan = msgspec.json.decode(path.read_bytes(), type=_Plan)
        except FileNotFoundError:
            if not os.path.lexists(self.past):
                return None
            raise EventExists(
                f"{self.past} is there already and is left as it is; give the run another name"
            ) from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EventError(f"{path} cannot be read ({error}), so what was to be moved is not known") from None
        if plan.ended is not None:
            raise EventExists(f"{self.past} is there already, since {plan.ended:%Y-%m-%d}; give the run another name")
        if plan.source != str(self.run.path):
            raise EventExists(f"{self.past} is where {plan.source} is being moved to; give the run another name")
        return plan


def _claim_place(past: Path, plan: _Plan) -> None:
    """The place with its plan, all at once."""
    hidden = past.parent / f".roll-{secrets.token_hex(8)}"
    with storage_errors(past):
        past.parent.mkdir(parents=True, exist_ok=True)
        try:
            (hidden / _MARK).parent.mkdir(parents=True)
            _write(hidden / _MARK, plan)
            hidden.rename(past)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
        fsync_folder(past.parent)


def _write(path: Path, plan: _Plan) -> None:
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    with storage_errors(path):
        try:
            with open(temporary, "xb") as file:
                file.write(msgspec.json.encode(plan))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        fsync_folder(path.parent)
