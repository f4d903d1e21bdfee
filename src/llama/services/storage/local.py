"""Folders of this machine."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llama.formats.whole import whole
from llama.ports import NoSuchObject, StoredObject, TransferRefused


class Local:
    """Files by their paths, `/a/b`, `a/b`, `~/b` or `file:///a/b`."""

    def list(self, url: str, *, recursive: bool = True, prefix: bool = False) -> Iterator[StoredObject]:
        path = path_of(url)
        top, begin = (path.parent, path.name) if prefix and not url.endswith("/") else (path, "")
        if not top.is_dir():
            raise NoSuchObject(f"there is no folder {top}")
        if not recursive:
            found = ((one, one.is_dir()) for one in sorted(top.iterdir()) if one.name.startswith(begin))
            yield from (StoredObject(f"{one}/", 0, folder=True) if inner else _stored(one) for one, inner in found)
            return
        for folder, folders, names in os.walk(top):
            if Path(folder) == top:
                folders[:] = [name for name in folders if name.startswith(begin)]
                names = [name for name in names if name.startswith(begin)]
            folders.sort()
            yield from (_stored(Path(folder, name)) for name in sorted(names))

    def find(self, url: str) -> StoredObject | None:
        path = path_of(url)
        return _stored(path) if path.is_file() else None

    def digest(self, url: str) -> str | None:
        path = path_of(url)
        if not path.is_file():
            return None
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def get(self, url: str, target: Path) -> None:
        source = path_of(url)
        if not source.is_file():
            raise NoSuchObject(f"there is no file {source}")
        _copy(source, target)

    def put(self, source: Path, url: str, *, public: bool = False) -> None:
        target = path_of(url)
        if target.is_dir():
            raise TransferRefused(f"{target} is a folder; say what the file is to be called in it")
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(source, target)
        if public:
            target.chmod(target.stat().st_mode | 0o444)

    def close(self) -> None:
        """Nothing is open."""


def path_of(url: str) -> Path:
    """The path that an address is; TransferRefused for a file of another machine."""
    if not url.lower().startswith("file://"):
        return Path(url).expanduser()
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost"):
        raise TransferRefused(f"{url} is a file of another machine; write file:/// and its path here")
    return Path(unquote(parts.path))


def _stored(path: Path) -> StoredObject:
    found = path.stat()
    modified = datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return StoredObject(str(path), found.st_size, modified)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as given, whole(target) as file:
        shutil.copyfileobj(given, file, 1 << 20)
