"""An event on disk: the folder (`Event`, the first thing to read), its journal, the state that the journal adds up
to, kept contents, the files in view, the claims of makers, and looking after it all (`check`, `repair`,
`prune`). A run is a folder of events.
"""

from __future__ import annotations

from llama.engine.folder import journal
from llama.engine.folder.aside import keep_bytes
from llama.engine.folder.care import (
    check,
    get_version,
    mend_objects,
    needs_repair,
    prune,
    repair,
    version_name,
    versions,
)
from llama.engine.folder.claim import Owner, is_expired, is_mine, lives, process_start
from llama.engine.folder.event import Event, Surroundings
from llama.engine.folder.filesystem import append_line, fsync_folder, full_disk, storage_errors, write_whole
from llama.engine.folder.journal import Claimed, Deferred, Failed, Item, Journal, Made, Sending, Stat, utc
from llama.engine.folder.moving import being_made, move
from llama.engine.folder.names import name_fault
from llama.engine.folder.run import Delivery, Run, holds, is_event, names_of
from llama.engine.folder.state import NOT_A_FILE, FileState, Origin, State, flag_inputs, tables_among
from llama.engine.folder.store import SharedDigests, canonical, digest_of, place, read_json, settle
from llama.engine.folder.taking_in import Taking, files_in, take_in, take_in_copy
from llama.engine.folder.views import by_hand, oddity

__all__ = [
    "NOT_A_FILE",
    "Claimed",
    "Deferred",
    "Delivery",
    "Event",
    "Failed",
    "FileState",
    "Item",
    "Journal",
    "Made",
    "Origin",
    "Owner",
    "Run",
    "Sending",
    "SharedDigests",
    "Stat",
    "State",
    "Surroundings",
    "Taking",
    "append_line",
    "being_made",
    "by_hand",
    "canonical",
    "check",
    "digest_of",
    "files_in",
    "flag_inputs",
    "fsync_folder",
    "full_disk",
    "get_version",
    "holds",
    "is_event",
    "is_expired",
    "is_mine",
    "journal",
    "keep_bytes",
    "lives",
    "mend_objects",
    "move",
    "name_fault",
    "names_of",
    "needs_repair",
    "oddity",
    "place",
    "process_start",
    "prune",
    "read_json",
    "repair",
    "settle",
    "storage_errors",
    "tables_among",
    "take_in",
    "take_in_copy",
    "utc",
    "version_name",
    "versions",
    "write_whole",
]
