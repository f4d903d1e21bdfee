"""What can go wrong in the engine.

EngineError
├── PipelineError          a graph that cannot be: cycle, unknown input, two products of one name
│   └── UndeclaredInput    a step asked for what its product does not declare
├── DecodeError            a file does not hold what its codec expects
├── EventError             an event folder that cannot be used
│   ├── NotAnEvent         no journal there
│   ├── JournalLost        an event's journal was deleted or emptied
│   ├── EventExists        refusing to overwrite
│   ├── UnsupportedFileSystem
│   ├── DamagedObject      an object whose bytes no longer match its digest
│   ├── NotAFile           a pipe, device, folder, or something endless, under the name of a file
│   └── StorageError       the disk is full, read-only or failing; nothing was lost
├── ClaimLost              somebody else makes this product now
│   └── Overruled          flags vetoed the event meanwhile
└── NotYet                 the data are not there yet; not a failure
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from llama.advice import START, Reason


class EngineError(Exception):
    """Root of the engine's errors."""


class PipelineError(EngineError):
    """A graph that cannot be: a cycle, an unknown input, two products of one name."""


class UndeclaredInput(PipelineError):
    """A step asked for something its product does not declare."""


class DecodeError(EngineError):
    """A file does not hold what its codec expects; the message says which file and what to do."""


class EventError(EngineError):
    """An event folder that cannot be used."""


class NotAnEvent(EventError):
    """The folder has no journal."""


class JournalLost(EventError):
    """What was an event lost its journal, which is the truth: nothing here can say what was done."""

    def __init__(self, event: Path, what: str) -> None:
        super().__init__(
            f"the journal of {event} {what}: its history, flags, vetoes and locks are lost, the files in view are "
            "untouched. Put .llama/journal.jsonl back from a backup, or move the folder away and start the event "
            f"again from the alert file in it ({START})"
        )


class EventExists(EventError):
    """The event is there already and is not overwritten."""


class UnsupportedFileSystem(EventError):
    """Locks and renames are not reliable there (NFS, SMB, …)."""


class DamagedObject(EventError):
    """A stored object's bytes no longer match its digest."""


class NotAFile(EventError):
    """What has the name of a file is none that can be read to its end: a pipe, a device, far too large."""


class StorageError(EventError):
    """The disk is full, read-only or failing; the event is as it was, or `repair` finishes it."""


class ClaimLost(EngineError):
    """The claim expired or was taken over while the step ran; its result is thrown away."""


class Overruled(ClaimLost):
    """Flags vetoed the event while the step ran; its result is thrown away."""


class NotYet(EngineError):
    """Raised by a `make`: what it needs does not exist yet.

    `until` says when to look again; None when only another input can help, which is noticed at once.
    """

    def __init__(self, why: str | Reason, until: datetime | None = None) -> None:
        super().__init__(why)
        self.why = str(why)
        self.until = until
