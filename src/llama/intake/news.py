"""News for events that there are: what a message says of the time that one of their products asked about.

An event has its place in its journal for that, so nobody is called: who runs the event finds the product ready. An
event that comes after the message needs nothing, for its source finds the message in the archive. Only files of that
product are looked at, and each only once while it stays as it is; events are opened when a message is for them.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EngineError, StorageError
from llama.engine.folder import Event, Run, Stat
from llama.formats.errors import FormatError
from llama.messengers import Follower, Message, Subject

_LOG = logging.getLogger("llama.intake")
_BEING_MADE_S = 3600.0
"""A product that has no file yet may be in the making, if its event was touched within so many seconds."""


class News:
    """What there is to tell to the events of a run. Keep it for as long as messages come."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._asked: dict[str, tuple[Stat, Subject | None]] = {}

    def tell(self, follower: Follower, message: Message, heard: Path, *, now: datetime) -> list[Event]:
        """Let the products that asked about its time ask again; on disk when this returns, and only once a message.

        Raises FormatError for what the follower cannot read, StorageError for a disk that does not take it. An event
        that cannot be used is passed over: whoever works on it says why.
        """
        about = follower.about(message)
        if about is None:
            return []
        news, told = hashlib.sha256(message.data).hexdigest(), []
        for path in self._concerned(follower, about):
            try:
                event = Event.open(path)
                if event.notify(follower.filename, news, why=f"heard {heard.name}", now=now):
                    told.append(event)
            except StorageError:
                raise
            except EngineError as error:
                _LOG.warning("%s was not told of %s: %s", path.name, heard.name, error)
        for event in told:
            _LOG.info("%s: %s is to be made again, for %s", event.label, follower.filename, heard)
        return told

    def _concerned(self, follower: Follower, about: Subject) -> Iterator[Path]:
        """Folders of events that asked about this, or may be asking at this moment."""
        for name in _names(self._run.path):
            asked = self._subject(follower, os.path.join(self._run.path, name, follower.filename))  # noqa: PTH118 - many
            if asked is None:
                if _is_in_the_making(self._run.path / name, follower.filename):
                    yield self._run.path / name
            elif asked.meets(about):
                yield self._run.path / name

    def _subject(self, follower: Follower, path: str) -> Subject | None:
        try:
            seen = Stat.of(os.stat(path))  # noqa: PTH116 - as above: a Path for each costs more than all else
        except OSError:
            return None
        known = self._asked.get(path)
        if known is None or known[0] != seen:
            known = self._asked[path] = seen, _read(follower, Path(path))
        return known[1]


def _names(run: Path) -> list[str]:
    """Events, newest names last; those that are hidden are being built."""
    try:
        return sorted(entry.name for entry in os.scandir(run) if not entry.name.startswith("."))
    except FileNotFoundError:
        return []


def _read(follower: Follower, path: Path) -> Subject | None:
    try:
        return follower.asked(path.read_bytes())
    except (FormatError, OSError):
        return None  # edited by hand, or gone this moment: held, or made anew


def _is_in_the_making(folder: Path, filename: str) -> bool:
    """Whether the journal knows of a product that has no file yet. Only of late: later it asks for all anew."""
    try:
        touched = (folder / ".llama" / "journal.jsonl").stat().st_mtime
        return time.time() - touched < _BEING_MADE_S and filename in Event.open(folder).refresh().files
    except (OSError, EngineError):
        return False
