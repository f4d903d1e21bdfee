"""Contents by digest, and copies of them where people and steps can see them."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llama.engine.errors import DamagedObject
from llama.engine.filesystem import fsync_folder
from llama.engine.journal import Stat
from llama.engine.product import Selection, Shared
from llama.engine.step import Environment

_LINK_OVER_BYTES = 1_000_000
_FICLONE = 0x40049409  # Linux: share the blocks, copy on write (btrfs, xfs, …)


class Store:
    """`objects/<sha256>`, each written once and read-only from then on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where this content is, or would be."""
        return self.folder / digest

    def __contains__(self, digest: str) -> bool:
        return self.path(digest).exists()

    def __iter__(self) -> Iterator[str]:
        return (entry.name for entry in (os.scandir(self.folder) if self.folder.is_dir() else ()))

    def take(self, source: Path, digest: str) -> Path:
        """Move a finished, fsynced file in; when this returns it is there to stay. A damaged one is replaced."""
        target = self.path(digest)
        if target.exists() and digest_of(target) == digest:
            source.unlink()
        else:
            source.chmod(0o444)
            self.folder.mkdir(exist_ok=True)  # somebody may have deleted it
            source.rename(target)
            fsync_folder(self.folder)
        return target

    def copy_in(self, source: Path, scratch: Path) -> str:
        """Keep a copy of a file that stays where it is; returns its digest."""
        copy = scratch / "incoming"
        shutil.copyfile(source, copy)
        digest = settle(copy)
        self.take(copy, digest)
        return digest

    def place(self, digest: str, target: Path) -> Path:
        """A copy at `target` (which does not exist) that can be changed without changing the object."""
        try:
            place(self.path(digest), target)
        except FileNotFoundError:
            raise DamagedObject(
                f"{self.path(digest)} is missing; receive or adopt that file again, or `llama event remake` it"
            ) from None
        return target

    def drop(self, digests: Iterable[str]) -> None:
        """Remove contents for good."""
        for digest in digests:
            self.path(digest).unlink(missing_ok=True)


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settle(path: Path) -> str:
    """Force a finished file to disk; returns its digest."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def place(source: Path, target: Path) -> None:
    """A reflink or a copy; a hard link for a large file that is read-only, so that nobody changes it by accident."""
    status = source.stat()
    if status.st_size > _LINK_OVER_BYTES and not status.st_mode & 0o222:
        try:
            os.link(source, target)
            return
        except OSError:  # another file system, or links not allowed: copy
            target.unlink(missing_ok=True)
    if not _reflink(source, target):
        shutil.copyfile(source, target)


def _reflink(source: Path, target: Path) -> bool:
    if sys.platform != "linux":
        return False
    with open(source, "rb") as old, open(target, "wb") as new:
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
            except (ValueError, OSError):
                self._known[key] = digest
        return self._known[key]


def read_json(path: Path) -> Mapping[str, Any]:
    """The JSON object in a file; ValueError when it holds none."""
    record = json.loads(path.read_bytes())
    if not isinstance(record, dict):
        raise ValueError(f"{path.name} is not a JSON object")
    return record


def canonical(record: Mapping[str, Any]) -> bytes:
    """The same bytes for the same JSON value, whatever its spacing and order of keys."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class SharedDigests:
    """Digests of the files that many events share, hashed again only when their size, time or inode changes."""

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
