"""Reading what comes from outside without end or measure: only regular files, only so much, packed or not.

A user may name a device, a pipe or a folder, and a broker may send a few megabytes that unpack to many gigabytes.
Each of them is one message here, before memory or time are spent.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import zipfile
import zlib
from pathlib import Path
from typing import IO, Protocol

from llama.formats.errors import InputError

MIB = 1 << 20
MAX_RECORD_BYTES = 64 * MIB
"""Of JSON, lists and texts: a record with the maps of a dozen bursts inside has a few MB."""
MAX_SETTINGS_BYTES = MIB
MAX_TABLES_BYTES = 512 * MIB
"""Of HDF5 files and of one table of an archive; the largest of ours has 20 MB, of IceCube's releases 100 MB."""
MAX_SKYMAP_BYTES = 1024 * MIB
"""Of a sky map's file: an unpacked flat map of NSIDE 1024 with distances has 400 MB."""
MAX_UNPACKED_BYTES = 2048 * MIB
"""Of a sky map's file unpacked, read as a stream: a flat map of NSIDE 2048 with distances has 1.6 GB."""
MAX_MULTI_ORDER_BYTES = 256 * MIB
"""Of a multi-order map unpacked: as many cells as a map may have, with distances, take 170 MB."""

_AT_ONCE = 16 * MIB
_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class Reads(Protocol):
    """What gives so many bytes, or fewer at its end."""

    def read(self, size: int, /) -> bytes: ...


def open_regular(path: Path) -> IO[bytes]:
    """The file, for reading. InputError for a folder, pipe, device or socket, on none of which it waits; OSError when
    it is not there or may not be read."""
    _refuse_irregular(path, path.stat().st_mode)  # first by name: opening a device can do things to it
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _refuse_irregular(path, os.fstat(descriptor).st_mode)
    except InputError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "rb")


def require_regular(path: Path) -> None:
    """InputError for what is there and no regular file; nothing for what is not there."""
    if path.exists():
        _refuse_irregular(path, path.stat().st_mode)


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a regular file. InputError when it has more than `limit`, as nothing of its kind (`what`) has."""
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise InputError(too_large(path.name, size, limit, what))
        return read_stream(file, limit, what, path.name, first=size + 1)


def read_text(path: Path, limit: int, what: str) -> str:
    """The same as text in UTF-8, with or without a byte order mark; UnicodeDecodeError when it is none."""
    return read_limited(path, limit, what).decode("utf-8-sig")


def read_stream(stream: Reads, limit: int, what: str, name: str, first: int = _AT_ONCE) -> bytes:
    """All that a stream gives, at most `limit` bytes; InputError for more, or where memory does not suffice."""
    parts: list[bytes] = []
    missing, size = limit + 1, first
    try:
        while missing and (part := stream.read(min(missing, size))):
            parts.append(part)
            missing, size = missing - len(part), _AT_ONCE
        if not missing:
            raise InputError(too_large(name, None, limit, what))
        return parts[0] if len(parts) == 1 else b"".join(parts)
    except MemoryError as error:
        raise InputError(f"{name}: there is not enough memory to read it") from error


def unpacked(data: bytes, limit: int, what: str) -> bytes:
    """What gzip packed, at most `limit` bytes, refused while it is unpacked. InputError, also for damage."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            return read_stream(stream, limit, what, f"{what}, unpacked")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"the gzip file is damaged ({error}); get it again from where it came") from error


def read_member(archive: zipfile.ZipFile, member: str, limit: int, what: str) -> bytes:
    """One file of a zip. InputError when it unpacks to more than `limit` bytes, whatever its entry claims."""
    size = archive.getinfo(member).file_size
    if size > limit:
        raise InputError(too_large(member, size, limit, what))
    with archive.open(member) as stream:
        return read_stream(stream, limit, what, member)


def too_large(name: str, size: int | None, limit: int, what: str) -> str:
    """The sentence for something larger than its kind."""
    has = f"has {_amount(size)}" if size is not None else f"has more than {_amount(limit)}"
    return f"{name} {has}; {what} has at most {_amount(limit)}, so this is none, or damaged: get it again"


def _refuse_irregular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        advice = "name a file in it" if stat.S_ISDIR(mode) else "save what it gives in a file and name that"
        raise InputError(f"{path} is {kind}, not a file; {advice}")


def _amount(size: int) -> str:
    return f"{size} bytes" if size < MIB else f"{size / MIB:.0f} MiB"
