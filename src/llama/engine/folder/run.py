"""A run: a folder of events, and what one of them is made of."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from llama.engine.errors import EventExists
from llama.engine.folder.creation import clear_leftovers
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import append_line, fsync_folder, require_local, storage_errors
from llama.engine.graph import FlagValues

_ELSEWHERE = Path(".llama") / "elsewhere"


@dataclass(frozen=True)
class Delivery:
    """What one message or one operator brings for an event: the one record of it, by hand and from a broker.

    `llama.intake.deliver` takes it in.

    Attributes:
        event_id: the event's folder; with a `kind`, the name that the event's number and kind follow.
        files: content by file name.
        flags: those of a new event that are not as nobody set them; an existing one keeps its own.
        why: where this comes from, for the history.
        kind: of alert, `Preliminary`: the event is called `EVENT_ID-SERIAL-KIND`. Empty: `event_id` is all.
        serial: its number among the alerts of that name, where it carries one.
        identity: what all copies of the alert have in common and no other alert of that name has.
        takes_back: the files go to every event of that name, now or later, and make none.
        role: what it says of itself, test or observation; empty when it does not.
        internal: whether it is not public, known to members only.
        about: the content, for people.
        doubt: why a person should say whether it is meant; empty when nothing speaks against it.
        remark: what was odd and how it was read; empty for most.
    """

    event_id: str
    files: Mapping[str, bytes] = field(repr=False)
    flags: FlagValues = field(default_factory=dict)
    why: str = ""
    kind: str = ""
    serial: int | None = None
    identity: str = ""
    takes_back: bool = False
    role: str = ""
    internal: bool = False
    about: str = ""
    doubt: str = ""
    remark: str = ""


class Run:
    """A folder of events. Hidden folders in it are none of ours to judge."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._cleared = False
        require_local(self.path)

    def __repr__(self) -> str:
        return f"<Run {self.path}>"

    def events(self) -> list[Event]:
        """Every event, in order of name."""
        return [Event(self.path / name) for name in names_of(self.path) if is_event(self.path / name)]

    def went(self, folder: Path) -> None:
        """Remember a folder that events of this run are moved to; before the first of them is."""
        folder = folder.absolute()
        known = self._elsewhere()
        if folder in known or folder == self.path:
            return
        path = self.path / _ELSEWHERE
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            append_line(path, os.fsencode(folder))
            fsync_folder(path.parent)

    def moved(self) -> list[Event]:
        """Events of this run that were moved, where they are now, be it a disk on which nothing is changed."""
        places = (folder / name for folder in self._elsewhere() for name in names_of(folder))
        return [Event(place) for place in places if is_event(place)]

    def moved_to(self, event_id: str) -> Event | None:
        """Where an event is that was moved; None for one that is here, or never was."""
        paths = (folder / event_id for folder in self._elsewhere())
        if (self.path / event_id).exists():
            return None
        return next((Event(path) for path in paths if (path / ".llama" / "journal.jsonl").is_file()), None)

    def _elsewhere(self) -> list[Path]:
        try:
            lines = (self.path / _ELSEWHERE).read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        return list(dict.fromkeys(Path(os.fsdecode(line)) for line in lines if line.startswith(b"/")))

    def accept(self, delivery: Delivery, *, now: datetime | None = None, update: bool = False) -> Event:
        """Make an event of a delivery; when this returns it is on disk.

        The same delivery again gives the same event and changes nothing. An existing event with other content is
        left alone and raises EventExists, unless `update`: then what is new is recorded as received.
        """
        if delivery.kind or delivery.takes_back:
            raise ValueError("its event has no number yet, or it makes none: llama.intake.deliver takes it in")
        now = now or datetime.now(UTC)
        path = self.path / delivery.event_id
        if not self._cleared:  # once, since it lists the folder
            clear_leftovers(self.path)
            self._cleared = True
        try:
            return Event.create(path, delivery.files, delivery.flags, why=delivery.why, now=now)
        except EventExists:
            event = Event.open(path)
            if not update and not holds(event, delivery.files):
                raise
        if update:
            event.receive(delivery.files, why=delivery.why, now=now)
        return event


def names_of(run: Path) -> list[str]:
    """What is in a run and not hidden, in order of name; nothing when it is not there."""
    try:
        return sorted(name for name in os.listdir(run) if not name.startswith("."))  # noqa: PTH208 - of names, and fast
    except (FileNotFoundError, NotADirectoryError):
        return []


def is_event(path: Path) -> bool:
    """Whether there is an event; not when that may not be seen."""
    return os.path.isfile(path / ".llama" / "journal.jsonl")  # noqa: PTH113 - false if it may not be read


def holds(event: Event, files: Mapping[str, bytes]) -> bool:
    """Whether the event got all these contents at some time."""
    state = event.refresh()
    return all(state.file(name).knows(hashlib.sha256(data).hexdigest()) for name, data in files.items())
