"""How an event comes to be: built in a hidden folder, shown by one rename, cleared away if its builder died."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from llama.engine.errors import EventExists
from llama.engine.folder.claim import Owner, process_start
from llama.engine.folder.filesystem import fsync_folder
from llama.engine.folder.journal import Entry, Flagged, Received, Stat, write_new
from llama.engine.folder.store import Store, place, settle
from llama.engine.graph import FlagValues

_HALF_BUILT = re.compile(r"\.new-(?P<pid>\d+)-(?P<started>\d+\.\d+)-[0-9a-f]{8}-")


def new_folder_name(event_id: str) -> str:
    """A hidden folder to build an event in; names its builder, so that leftovers can be told."""
    me = Owner.myself()
    return f".new-{me.pid}-{me.started:.6f}-{secrets.token_hex(4)}-{event_id}"


def build(hidden: Path, files: Mapping[str, bytes], flags: FlagValues, why: str, now: datetime) -> None:
    """Write a whole event into a hidden folder, and make sure of it on disk."""
    store = Store(hidden / ".llama" / "objects")
    store.folder.mkdir(parents=True)
    (hidden / ".llama" / "lock").touch()
    entries: list[Entry] = [Flagged(at=now, flags=dict(flags), why=why)]
    for filename, data in files.items():
        incoming = store.folder / "incoming"
        incoming.write_bytes(data)
        digest = settle(incoming)
        store.take(incoming, digest)
        view = hidden / filename
        place(store.path(digest), view)
        settle(view)
        entries.append(Received(at=now, filename=filename, digest=digest, seen=Stat.of(view.stat()), why=why))
    write_new(hidden / ".llama" / "journal.jsonl", entries)
    fsync_folder(hidden / ".llama")
    fsync_folder(hidden)


def rename_new(hidden: Path, path: Path) -> None:
    """Show what was built; raises EventExists and leaves the other alone."""
    if path.exists():
        raise EventExists(f"{path} exists already and is left as it is")
    try:
        hidden.rename(path)
    except OSError as error:
        if path.exists():
            raise EventExists(f"{path} exists already and is left as it is") from error
        raise
    fsync_folder(path.parent)


def clear_leftovers(folder: Path) -> None:
    """Remove half-built events whose builder is gone."""
    for path in folder.glob(".new-*"):
        builder = _HALF_BUILT.match(path.name)
        if builder and process_start(int(builder["pid"])) != float(builder["started"]):
            shutil.rmtree(path, ignore_errors=True)
