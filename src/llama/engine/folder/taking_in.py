"""An event of a folder that never had a journal: what lies in it is recorded as it is, and no byte of it changes.

The journal is built beside the files in a hidden folder and put in place by one rename, so that the folder is no
event, or a whole one, whenever anybody is killed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from llama.engine.errors import EventError, EventExists, NotAFile
from llama.engine.folder.claim import person
from llama.engine.folder.creation import clear_leftovers, new_folder_name, rename_new
from llama.engine.folder.event import Event
from llama.engine.folder.filesystem import fsync_folder, require_local, storage_errors
from llama.engine.folder.journal import Adopted, Entry, Flagged, Received, Stat, write_new
from llama.engine.folder.names import name_fault
from llama.engine.folder.store import Store, digest_of
from llama.engine.graph import FlagValues


@dataclass(frozen=True)
class Taking:
    """How a folder is taken in.

    Attributes:
        flags: of the event.
        made: names of files that products of ours make; these are adopted, the others received.
        why: where it comes from, for the history.
        now: for what has no time of its own.
    """

    flags: FlagValues
    why: str
    now: datetime
    made: Collection[str] = field(default=())


def take_in(folder: Path, taking: Taking) -> Event:
    """Make a folder of files an event where it is. One that is an event stays as it is.

    Each file counts as having come when it was last changed, so that what is old stays old. Links count as what they
    lead to; folders, hidden files and what is no file stay beside the event and are none of its files. Raises
    EventError for a name that no event may have, and for files that change while they are read.
    """
    folder = folder.absolute()
    if fault := name_fault(folder.name):
        raise EventError(f"{folder}: its name {fault}; rename it")
    if not folder.is_dir():
        raise EventError(f"there is no folder {folder}")
    if not files_in(folder)[0]:
        raise EventError(f"there are no files in {folder}, so it is no event of the past")
    with storage_errors(folder):
        require_local(folder)
        clear_leftovers(folder)
        if not (folder / ".llama").exists():
            hidden = folder / new_folder_name(folder.name)
            try:
                _build(folder, hidden, taking)
                _show(hidden, folder / ".llama")
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
    return Event.open(folder)


def take_in_copy(folder: Path, run: Path, taking: Taking) -> Event:
    """The same of a copy in a run's folder. The same again changes nothing; EventExists for another of its name."""
    target = run.absolute() / folder.absolute().name
    if os.path.lexists(target):
        event = Event.open(target) if (target / ".llama").is_dir() else None
        if event is None or not _holds(event, folder):
            raise EventExists(f"{target} exists already and is left as it is")
        return event
    hidden = target.parent / new_folder_name(target.name)
    with storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        require_local(target.parent)
        clear_leftovers(target.parent)
        try:
            (hidden / "copy").mkdir(parents=True)
            copy = hidden / "copy" / target.name
            shutil.copytree(folder, copy, symlinks=True)
            for path in files_in(folder)[0]:
                if path.is_symlink():  # it may lead nowhere from there
                    (copy / path.name).unlink()
                    shutil.copy2(path, copy / path.name)
            copy.chmod(copy.stat().st_mode | 0o700)
            take_in(copy, taking)
            rename_new(copy, target)
        finally:
            shutil.rmtree(hidden, ignore_errors=True)
    return Event.open(target)


def files_in(folder: Path) -> tuple[list[Path], dict[str, str]]:
    """The files that an event of this folder would have, and what else is there, with the reason why not."""
    files: list[Path] = []
    left: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".llama") or path.name.startswith(".new-"):
            continue
        if fault := name_fault(path.name):
            left[path.name] = f"its name {fault}"
        elif not path.is_file():
            left[path.name] = "it is no file"
        else:
            files.append(path)
    return files, left


def _holds(event: Event, folder: Path) -> bool:
    """Whether the event got every file of the folder at some time."""
    state = event.refresh()
    return all(state.file(path.name).knows(digest_of(path)) for path in files_in(folder)[0])


def _build(folder: Path, hidden: Path, taking: Taking) -> None:
    store = Store(hidden / "objects")
    store.folder.mkdir(parents=True)
    (hidden / "lock").touch()
    entries = sorted((_taken(path, store, taking) for path in files_in(folder)[0]), key=lambda entry: entry.at)
    since = min((entry.at for entry in entries), default=taking.now)
    flagged = Flagged(at=since, flags=dict(taking.flags), why=taking.why, by=person())
    write_new(hidden / "journal.jsonl", [flagged, *entries])
    fsync_folder(hidden)


def _taken(path: Path, store: Store, taking: Taking) -> Entry:
    """One file: its copy among the objects, and the entry that tells of it."""
    before = path.stat()
    try:
        digest = store.copy_in(path, store.folder)
    except NotAFile as error:
        raise EventError(f"{error}; nothing was recorded") from error
    if Stat.of(path.stat()) != Stat.of(before):
        raise EventError(f"{path} changed while it was read, so nothing was recorded; do it again when it is at rest")
    at = min(datetime.fromtimestamp(before.st_mtime, UTC), taking.now)
    kind: Callable[..., Entry] = Received
    if path.name in taking.made:
        kind = _adopted
    return kind(at=at, filename=path.name, digest=digest, seen=Stat.of(before), why=taking.why)


def _adopted(*, at: datetime, filename: str, digest: str, seen: Stat, why: str) -> Entry:
    return Adopted(at=at, filename=filename, digest=digest, seen=seen, why=why, by=person())


def _show(hidden: Path, place: Path) -> None:
    """Put it in place; somebody may have been faster, whose journal says the same."""
    try:
        hidden.rename(place)
    except OSError:
        if not place.is_dir():
            raise
    fsync_folder(place.parent)
