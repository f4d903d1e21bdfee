"""What was put into a store, file by file: JSON, one file a line, so that what changed between two of them shows.

    {"form": "llama manifest 1", "at": "s3://llama", "count": 1, "bytes": 685366, "files": [
     {"path": "bns-o3/1.fits.gz", "bytes": 685366, "sha256": "0f…", "key": "objects/1-0f….fits.gz"}]}

`count` and `bytes` are of all files: one that was cut or had lines taken out is known by them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llama.formats.errors import FormatError
from llama.formats.limits import MAX_TABLES_BYTES, read_text

FORM = "llama manifest 1"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_EXTENSION = re.compile(r"((?:\.[A-Za-z][A-Za-z0-9]{0,11}){1,3})$")
_AGAIN = "get it again from where it came"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file: its path below the folder, how many bytes it has, their SHA-256, and its key below `at`."""

    path: str
    size: int
    sha256: str
    key: str


@dataclass(frozen=True)
class Manifest:
    """All files of a folder. `at`: the address, or folder, that keys are below."""

    at: str
    files: tuple[ManifestFile, ...]

    @property
    def size(self) -> int:
        """Bytes of all."""
        return sum(one.size for one in self.files)

    def text(self) -> str:
        """As it is written and printed."""
        head = {"form": FORM, "at": self.at, "count": len(self.files), "bytes": self.size}
        rows = [
            json.dumps(
                {"path": one.path, "bytes": one.size, "sha256": one.sha256, "key": one.key}, ensure_ascii=False
            )
            for one in self.files
        ]
        return f'{json.dumps(head)[:-1]}, "files": [\n ' + ",\n ".join(rows) + "]}\n"


def split_name(name: str) -> tuple[str, str]:
    """Title and extension, all of it: `1` and `.fits.gz`, `lvc_skymap` and `.multiorder.fits`."""
    found = _EXTENSION.search(name, 1)
    return (name[: found.start()], found[1]) if found else (name, "")


def key_of(name: str, sha256: str, prefix: str) -> str:
    """The key of a content: title and extension of the file's name stay, for people who look."""
    title, extension = split_name(name)
    return "/".join(filter(None, (prefix.strip("/"), f"{title}-{sha256}{extension}")))


def read_manifest(path: Path, source: str) -> Manifest:
    """A manifest; FormatError, which names `source`, for one that is damaged, or would lead out of its folder."""
    try:
        content = json.loads(read_text(path, MAX_TABLES_BYTES, "a manifest"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{source} is damaged, or no manifest ({error}); {_AGAIN}") from error
    if not isinstance(content, dict) or content.get("form") != FORM:
        raise FormatError(f"{source} is no manifest; one begins with {json.dumps({'form': FORM})[:-1]}")
    files, at = content.get("files"), content.get("at")
    if not isinstance(files, list) or not isinstance(at, str):
        raise FormatError(f"{source} is damaged: it has no files, or does not say where they are; {_AGAIN}")
    found = Manifest(at, tuple(_file(one, number, source) for number, one in enumerate(files, 1)))
    if (content.get("count"), content.get("bytes")) != (len(found.files), found.size):
        raise FormatError(
            f"{source} is damaged: it lists {len(found.files)} files of {found.size} bytes, and says that there are "
            f"{content.get('count')} of {content.get('bytes')}; {_AGAIN}"
        )
    seen: dict[str, str] = {}
    for one in found.files:
        if one.path in seen:
            raise FormatError(f"{source} is damaged: it lists {one.path} twice; {_AGAIN}")
        seen[one.path] = one.sha256
    return found


def _file(row: Any, number: int, source: str) -> ManifestFile:
    names: Mapping[str, type] = {"path": str, "bytes": int, "sha256": str, "key": str}
    if not isinstance(row, dict) or any(type(row.get(name)) is not kind for name, kind in names.items()):
        raise FormatError(f"{source} is damaged: file {number} lacks one of {', '.join(names)}; {_AGAIN}")
    path, sha256 = row["path"], row["sha256"]
    parts = PurePosixPath(path).parts
    if not path or path.startswith("/") or path.endswith("/") or ".." in parts or not path.isprintable():
        raise FormatError(f"{source}: file {number} is {path!r}, which leads out of the folder; nothing was fetched")
    if row["bytes"] < 0 or not _SHA256.fullmatch(sha256) or not row["key"]:
        raise FormatError(f"{source} is damaged: size, digest or key of {path} is none; {_AGAIN}")
    return ManifestFile(path, row["bytes"], sha256, row["key"])
