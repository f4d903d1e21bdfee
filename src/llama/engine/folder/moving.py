"""Moving an event to another folder of events: whole, in one step, and only while nobody makes anything of it."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EventError, EventExists
from llama.engine.folder.claim import Owner, is_dead, is_expired
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import fsync_folder, require_local, storage_errors
from llama.engine.folder.journal import Claimed
from llama.engine.folder.state import State


def makers(state: State, now: datetime) -> list[Claimed]:
    """Who makes something of the event now, as far as can be known from here."""
    me = Owner.myself()
    return [claim for claim in state.claims.values() if not is_dead(claim, me) and not is_expired(claim, now)]


def being_made(state: State, now: datetime) -> str:
    """What is being made and by whom, in words; empty when nothing is."""
    found = makers(state, now)
    return f"{found[0].filename} is being made by process {found[0].pid} on {found[0].host}" if found else ""


def _nothing(state: State) -> str:
    return ""


def move(event: Event, into: Path, *, now: datetime, unless: Callable[[State], str] = _nothing) -> Event:
    """The event in another folder, under the name it has; there it is, or here, whenever anybody is killed.

    Raises EventError, and moves nothing, while something is being made, when `unless` gives a reason, when the event
    is only a link that would lead nowhere from there, when the folder is on another file system, and EventExists when
    there is something of its name already. Whoever wants to change the event meanwhile finds it gone.
    """
    if event.path.is_symlink() and not event.path.readlink().is_absolute():
        raise EventError(
            f"{event.path} stays where it is: it is a link, to {event.path.readlink()}; move that itself"
        )
    target = into.absolute() / event.id
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        require_local(target.parent)
        with event.writing() as state:
            if why := being_made(state, now) or unless(state):
                raise EventError(f"{event.path} stays where it is: {why}")
            if os.path.lexists(target):
                raise EventExists(f"{event.path} stays where it is: {target} is there already")
            try:
                event.path.rename(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                raise EventError(f"{event.path} stays where it is: {target.parent} is on another disk") from error
        fsync_folder(target.parent)
        fsync_folder(event.path.parent)
    return Event(target)
