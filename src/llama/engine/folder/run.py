"""A run: a folder of events. Takes deliveries in, and picks events out."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from llama.engine.errors import EventExists
from llama.engine.flags import Flags
from llama.engine.folder.creation import clear_leftovers
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import fsync_folder, require_local, storage_errors
from llama.engine.folder.journal import Journal


@dataclass(frozen=True)
class Delivery:
    """Files that belong to one event, from outside.

    Attributes:
        event_id: the event's folder.
        files: content by file name.
        flags: the flags of a new event; an existing one keeps its own.
        why: where this comes from, for the history.
    """

    event_id: str
    files: Mapping[str, bytes]
    flags: Flags = field(default_factory=Flags)
    why: str = ""


class Numbered(msgspec.Struct, frozen=True):
    """One alert of a superevent got this number and event id, for good."""

    superevent: str
    serial: int
    event_id: str
    identity: str


class Run:
    """A folder of events. Hidden folders in it are none of ours to judge."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        require_local(self.path)

    def __repr__(self) -> str:
        return f"<Run {self.path}>"

    def events(self) -> list[Event]:
        """Every event, in order of name."""
        if not self.path.is_dir():
            return []
        names = sorted(entry.name for entry in os.scandir(self.path) if not entry.name.startswith("."))
        return [
            Event(self.path / name)
            for name in names
            if os.path.isfile(self.path / name / ".llama" / "journal.jsonl")  # noqa: PTH113 - false if it may not be read
        ]

    def accept(self, delivery: Delivery, *, now: datetime | None = None, update: bool = False) -> Event:
        """Make an event of a delivery; when this returns it is on disk.

        The same delivery again gives the same event and changes nothing. An existing event with other content is
        left alone and raises EventExists, unless `update`: then what is new is recorded as received.
        """
        now = now or datetime.now(UTC)
        path = self.path / delivery.event_id
        clear_leftovers(self.path)
        try:
            return Event.create(path, delivery.files, delivery.flags, why=delivery.why, now=now)
        except EventExists:
            event = Event.open(path)
            if not update and not _has(event, delivery.files):
                raise
        if update:
            event.receive(delivery.files, why=delivery.why, now=now)
        return event

    def number(self, superevent: str, alert_type: str, identity: str | bytes, *, serial: int | None = None) -> str:
        """The event id `SUPEREVENT-SERIAL-TYPE` of an alert; the same alert always gets the same.

        `identity` tells one alert from another (the alert itself, or what its brokers agree on, such as its time
        of creation). JSON alerts carry no serial: they are numbered in order of arrival, and never again. A
        `serial` known from GraceDB or a VOEvent wins, unless another alert has it already.
        """
        known = hashlib.sha256(identity if isinstance(identity, bytes) else identity.encode()).hexdigest()
        with self._locked():
            numbers = self._numbers()
            for entry in numbers:
                if (entry.superevent, entry.identity) == (superevent, known):
                    return entry.event_id
            taken = {entry.serial for entry in numbers if entry.superevent == superevent}
            taken |= self._serials_of_folders(superevent)
            if serial is None or serial in taken:
                serial = max(taken, default=0) + 1
            entry = Numbered(superevent, serial, f"{superevent}-{serial}-{alert_type}", known)
            self._keep(entry)
            return entry.event_id

    # ------------------------------------------------------------------ the run's own files

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with storage_errors(self.path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with Journal(self._folder).lock():
                yield

    @property
    def _folder(self) -> Path:
        return self.path / ".llama"

    def _numbers(self) -> list[Numbered]:
        try:
            lines = (self._folder / "numbers.jsonl").read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return []
        return [msgspec.json.decode(line, type=Numbered) for line in lines if line.endswith(b"\n")]

    def _keep(self, entry: Numbered) -> None:
        """Write the whole file anew and rename it: no line of it can be torn."""
        target, fresh = self._folder / "numbers.jsonl", self._folder / "numbers.new"
        lines = b"".join(msgspec.json.encode(item) + b"\n" for item in [*self._numbers(), entry])
        with open(fresh, "wb") as file:
            file.write(lines)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(target)
        fsync_folder(self._folder)

    def _serials_of_folders(self, superevent: str) -> set[int]:
        pattern = re.compile(re.escape(superevent) + r"-(\d+)(?:-|$)")
        matches = (pattern.match(entry.name) for entry in os.scandir(self.path))
        return {int(match[1]) for match in matches if match}


def _has(event: Event, files: Mapping[str, bytes]) -> bool:
    """Whether the event got all these contents at some time."""
    state = event.refresh()
    return all(state.file(name).knows(hashlib.sha256(data).hexdigest()) for name, data in files.items())
