"""Contents by digest, and copies of them where people and steps can see them."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llama.advice import REMAKE, REPAIR
from llama.engine.errors import DamagedObject, NotAFile
from llama.engine.folder.aside import keep_bytes
from llama.engine.folder.filesystem import copy_regular, fsync_folder, open_regular
from llama.engine.folder.journal import Stat
from llama.engine.graph import Environment, FlagRules, Selection, ServiceKey, Shared

_LOG = logging.getLogger("llama.engine")
_FICLONE = 0x40049409  # Linux: share the blocks, copy on write (btrfs, xfs, …)
_DIGEST = re.compile("[0-9a-f]{64}")


class Store:
    """`objects/<sha256>`, each written once and read-only from then on.

    No other name leads to an object's bytes: a file in view or in scratch that shared them would destroy the kept
    copy when somebody edits it in place.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._intact: dict[str, Stat] = {}

    def path(self, digest: str) -> Path:
        """Where this content is, or would be."""
        return self.folder / digest

    def __contains__(self, digest: str) -> bool:
        return self.path(digest).exists()

    def __iter__(self) -> Iterator[str]:
        found = (entry.name for entry in (os.scandir(self.folder) if self.folder.is_dir() else ()))
        return (name for name in found if _DIGEST.fullmatch(name))

    def intact(self, digest: str) -> bool:
        """Whether the content is kept, and its bytes are those of its name; hashed when it was touched since."""
        path = self.path(digest)
        try:
            seen = Stat.of(path.stat())
            if self._intact.get(digest) != seen:
                if digest_of(path) != digest:
                    return False
                self._intact[digest] = seen
        except (OSError, NotAFile):
            return False
        return True

    def take(self, source: Path, digest: str) -> Path:
        """Move a finished, fsynced file in; when this returns it is there to stay.

        A damaged one makes way for it and is kept aside.
        """
        target = self.path(digest)
        if os.path.lexists(target):
            if not target.is_symlink() and _digest_or_none(target) == digest:
                source.unlink()
                return target
            _LOG.warning("%s", self.set_aside(digest))
        self.folder.mkdir(exist_ok=True)  # somebody may have deleted it
        if source.is_symlink() or source.stat().st_nlink > 1:  # other names lead to it
            source = self._copied(source, source.with_name(f".own-{secrets.token_hex(8)}"))
        source.chmod(0o444)
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copied(source, self.folder / f".incoming-{secrets.token_hex(8)}").rename(target)  # on another disk
        fsync_folder(self.folder)
        return target

    def _copied(self, source: Path, target: Path) -> Path:
        copy_regular(source, target)
        settle(target)
        target.chmod(0o444)
        return target

    def copy_in(self, source: Path, scratch: Path) -> str:
        """Keep a copy of a file that stays where it is; returns its digest. Raises NotAFile."""
        copy = scratch / f"incoming-{secrets.token_hex(8)}"
        copy_regular(source, copy)
        digest = settle(copy)
        self.take(copy, digest)
        return digest

    def place(self, digest: str, target: Path) -> Path:
        """A copy at `target` (which does not exist) that can be changed without changing the object.

        Raises DamagedObject, and leaves nothing there, when the object is missing or not what its name says.
        """
        advice = f"{REPAIR} restores it if the file in view is intact; else receive or adopt that file again"
        try:
            place(self.path(digest), target)
        except (FileNotFoundError, NotAFile):
            raise DamagedObject(f"{self.path(digest)} is missing; {advice}, or {REMAKE} it") from None
        if digest_of(target) != digest:
            target.unlink()
            raise DamagedObject(f"{self.path(digest)} is damaged; {advice}, or {REMAKE} it")
        return target

    def set_aside(self, digest: str) -> str:
        """Take a damaged object out of the way; says where its bytes are kept."""
        path = self.path(digest)
        if not path.is_file():  # no bytes to lose: a pipe, a folder, a link to nowhere
            kept = path.with_name(f".no-file-{digest[:12]}-{secrets.token_hex(4)}")
            path.rename(kept)
        else:
            with open_regular(path, None) as file:
                kept = keep_bytes(self.folder.parent, f"object-{digest[:12]}", file)
            path.unlink()
        return f"the damaged bytes of object {digest} are kept aside, as {kept}"

    def own(self, digest: str, scratch: Path) -> str:
        """Make the object a file to which no other name leads; says what became of it.

        Earlier versions linked large files. The other name keeps the bytes it has: whoever is writing to it goes on
        with a file of his own.
        """
        copy = self._copied(self.path(digest), scratch / f".own-{secrets.token_hex(8)}")
        if digest_of(copy) != digest:  # it was edited in place through its other name
            copy.unlink()
            return self.set_aside(digest)
        copy.rename(self.path(digest))
        fsync_folder(self.folder)
        return "each has its own now"

    def drop(self, digests: Iterable[str]) -> None:
        """Remove contents for good."""
        for digest in digests:
            self.path(digest).unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex. Raises NotAFile for what is none, or has no end."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_or_none(path: Path) -> str | None:
    try:
        return digest_of(path)
    except (OSError, NotAFile):
        return None


def settle(path: Path) -> str:
    """Force a finished file to disk; returns its digest. Raises NotAFile."""
    with open_regular(path) as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def place(source: Path, target: Path) -> None:
    """A copy that shares no bytes with its source, or only until one of them is written to (a reflink).

    Never a hard link: its mode protects nothing from an editor that may do anything, or that changes the mode first.
    """
    if not _reflink(source, target):
        target.unlink(missing_ok=True)
        copy_regular(source, target)


def _reflink(source: Path, target: Path) -> bool:
    if sys.platform != "linux":
        return False
    with open_regular(source) as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:  # this file system cannot
            return False
    return True


class Parts:
    """Digests of selected parts of JSON files, remembered by the file's digest."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[tuple[str, str], str] = {}

    def digest(self, selection: Selection[Any], digest: str) -> str:
        """The digest of what `selection` picks from the object `digest`.

        An object that is no JSON answers with itself, so that the step runs, and says what is wrong with the file.
        """
        key = (digest, selection.key)
        if key not in self._known:
            try:
                text = canonical(selection.pick(read_json(self._store.path(digest))))
                self._known[key] = hashlib.sha256(text).hexdigest()
            except (ValueError, OSError, NotAFile):
                self._known[key] = digest
        return self._known[key]


def read_json(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file; ValueError when it holds none."""
    with open_regular(path) as file:
        record = json.loads(file.read())
    if not isinstance(record, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return record


def canonical(record: Mapping[str, Any]) -> bytes:
    """The same bytes for the same JSON value, whatever its spacing and order of keys."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class SharedDigests:
    """What is to be known of the world outside an event to judge it: which services cannot be used here, and the
    digests of the files that many events share, hashed again only when their size, time or inode changes.
    """

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._known: dict[str, tuple[Stat, str]] = {}

    def __call__(self, shared: Shared[Any]) -> str | None:
        """The digest of the shared file; None when it is not there."""
        path = self._environment.shared_path(shared)
        try:
            seen = Stat.of(path.stat())
            known = self._known.get(shared.key)
            if known is None or known[0] != seen:
                known = self._known[shared.key] = (seen, digest_of(path))
        except FileNotFoundError:
            return None
        return known[1]

    @property
    def flags(self) -> FlagRules:
        """How flags of events are read, and which veto an event."""
        return self._environment.flags

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        """Why the service cannot be used here, and what to set; None when it can."""
        return self._environment.lacks(key)
