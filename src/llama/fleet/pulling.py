"""Results from servers to here: `INTO/SERVER/…`, small files as one stream, large ones from where they were cut.

A file here that has the size and the time of change of the one there was checked when it came, as its time is set
last: typed again, a pull goes on where it was.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import queue
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from llama.fleet.errors import NotToBeDone, ServerFailed
from llama.fleet.remote import Remote
from llama.fleet.ssh import Link

_LARGE = 4 << 20
_BATCH_FILES, _BATCH_BYTES = 1000, 32 << 20
_AT_ONCE, _QUEUED = 1 << 18, 64
_MOST_LISTED = 1 << 30
_DISK_BLOCK = 4096


@dataclass(frozen=True)
class There:
    """A file on a server: its path below the study's folder, bytes, and time of change, ns."""

    path: str
    size: int
    changed_ns: int


@dataclass(frozen=True)
class Pulling:
    """What a server has, and what of it is not here yet."""

    every: Sequence[There]
    missing: Sequence[There]


async def listing(link: Link, remote: Remote, names: Sequence[str], into: Path) -> Pulling:
    """What there is below some names. ServerFailed for a path that leads out of the study's folder."""
    said = await remote.ask(link, "listing", *names, most=_MOST_LISTED)
    if said.status != 0:
        raise ServerFailed(f"its results cannot be listed: {said.err.decode('utf-8', 'replace').strip()[-200:]}")
    every = []
    for row in said.out.split(b"\0")[:-1]:
        size, time, path = os.fsdecode(row).split(" ", 2)
        seconds, _, rest = time.partition(".")
        every.append(There(_inside(path), int(size), int(seconds) * 10**9 + int(f"{rest:0<9.9}" or 0)))
    return Pulling(every, [one for one in every if not _is_here(into / one.path, one)])


def _inside(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or not parts:
        raise ServerFailed(f"it names a file {path!r}, which is not in the study's folder")
    return str(PurePosixPath(path))


def _is_here(path: Path, there: There) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return (found.st_size, found.st_mtime_ns) == (there.size, there.changed_ns)


def require_room(into: Path, files: Sequence[There]) -> None:
    """NotToBeDone when the disk has no room for all of them."""
    need = sum(-(-one.size // _DISK_BLOCK) * _DISK_BLOCK for one in files)
    disk = os.statvfs(next(path for path in (into.absolute(), *into.absolute().parents) if path.exists()))
    free = disk.f_bavail * disk.f_frsize
    if need > free:
        raise NotToBeDone(f"they do not fit: {_size(free)} are free in {into.absolute()}; free some, or -o another")
    if disk.f_files and len(files) > disk.f_favail:
        raise NotToBeDone(
            f"the disk of {into.absolute()} has no room for so many files: {disk.f_favail} more at most"
        )


def told(files: Sequence[There]) -> str:
    """How many, and how large."""
    return f"{len(files)} file{'' if len(files) == 1 else 's'}, {_size(sum(one.size for one in files))}"


def _size(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


async def fetch(link: Link, remote: Remote, files: Sequence[There], into: Path, came: Callable[[There], None]) -> int:
    """Bring files here; how many. `came` hears of each that is here and was checked.

    ServerFailed when some did not come as they are there: they may be changing.
    """
    arrived = 0
    again: list[There] = []
    for batch in _batches([one for one in files if one.size < _LARGE]):
        here = await _fetch_small(link, remote, batch, into)
        for one in batch:
            if one.path in here:
                came(one)
        again += [one for one in batch if one.path not in here]
        arrived += len(here)
    for one in files:
        if one.size >= _LARGE:
            if await _fetch_large(link, remote, one, into):
                came(one)
                arrived += 1
            else:
                again.append(one)
    if again:
        raise ServerFailed(
            f"{len(again)} files changed while they came, {again[0].path} for one; {arrived} are here: pull goes on"
        )
    return arrived


def _batches(files: Sequence[There]) -> Iterator[list[There]]:
    batch: list[There] = []
    size = 0
    for one in files:
        batch.append(one)
        size += one.size
        if len(batch) >= _BATCH_FILES or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def digests(link: Link, remote: Remote, paths: Sequence[str], folder: str = "") -> Mapping[str, str]:
    """SHA-256 of files there by path; those that are not there are left out."""
    given = b"".join(os.fsencode(f"./{path}") + b"\0" for path in paths)
    said = await remote.ask(link, "digests", folder, given=given, most=_MOST_LISTED)
    rows = (os.fsdecode(row) for row in said.out.split(b"\0")[:-1])
    return {row[66:].removeprefix("./"): row[:64] for row in rows}


async def _fetch_small(link: Link, remote: Remote, batch: Sequence[There], into: Path) -> set[str]:
    """The paths that are here now, checked."""
    right = await digests(link, remote, [one.path for one in batch])
    feed = _Feed()
    unpacking = asyncio.ensure_future(asyncio.to_thread(_unpack, feed, {one.path: one for one in batch}, right, into))
    try:
        async with link.process(remote.command("pack")) as process:
            process.stdin.write(b"".join(os.fsencode(f"./{one.path}") + b"\0" for one in batch))
            await _end_of(process.stdin)
            while data := await process.stdout.read(_AT_ONCE):
                feed.put(data)
                while feed.full and not unpacking.done():
                    await asyncio.sleep(0.002)
    finally:
        feed.put(b"")
    return await unpacking


async def _end_of(stdin: Any) -> None:
    await stdin.drain()
    stdin.write_eof()


class _Feed:
    """What comes from a server, as a file that another thread reads."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._over = False

    @property
    def full(self) -> bool:
        """Whether whoever fills it should wait."""
        return self._queue.qsize() > _QUEUED

    def put(self, data: bytes) -> None:
        """Nothing is the end."""
        self._queue.put(data)

    def read(self, size: int) -> bytes:
        """So many bytes, fewer only at the end."""
        parts, have = [self._rest], len(self._rest)
        while have < size and not self._over:
            data = self._queue.get()
            self._over = not data
            parts.append(data)
            have += len(data)
        every = b"".join(parts)
        self._rest = every[size:]
        return every[:size]


def _unpack(feed: _Feed, wanted: Mapping[str, There], right: Mapping[str, str], into: Path) -> set[str]:
    """Put files of a tar in their places that are what they should be; their paths."""
    here: set[str] = set()
    folders: set[Path] = set()
    try:
        with tarfile.open(fileobj=feed, mode="r|", bufsize=1 << 16) as tar:  # type: ignore[call-overload]
            for member in tar:
                path = member.name.removeprefix("./")
                one, content = wanted.get(path), tar.extractfile(member)
                if one is None or content is None:
                    continue
                data = content.read()
                if len(data) != one.size or hashlib.sha256(data).hexdigest() != right.get(path):
                    continue
                place = into / path
                if place.parent not in folders:
                    place.parent.mkdir(parents=True, exist_ok=True)
                    folders.add(place.parent)
                partial = place.with_name(f".{place.name}.partial")
                partial.write_bytes(data)
                os.utime(partial, ns=(one.changed_ns, one.changed_ns))
                partial.replace(place)
                here.add(path)
    except tarfile.ReadError:
        return here  # cut short; what came is here
    except OSError as error:
        raise _no_room(error, into) from error
    return here


def _no_room(error: OSError, into: Path) -> NotToBeDone:
    return NotToBeDone(f"{error.filename or into} cannot be written: {error.strerror}; what came is here")


async def _fetch_large(link: Link, remote: Remote, one: There, into: Path) -> bool:
    """A file from where it was cut; whether it is here and right."""
    right = (await digests(link, remote, [one.path])).get(one.path)
    place = into / one.path
    partial = place.with_name(f".{place.name}.{one.changed_ns}.partial")
    for _ in range(2):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            digest = await _append(link, remote, one, partial)
        except OSError as error:
            raise _no_room(error, into) from error
        if digest == right is not None:
            os.utime(partial, ns=(one.changed_ns, one.changed_ns))
            partial.replace(place)
            return True
        partial.unlink()  # what was there before may have been of another file: once more, from its beginning
    return False


async def _append(link: Link, remote: Remote, one: There, partial: Path) -> str:
    """The rest of a file to what there is of it; the digest of all of it."""
    found = hashlib.sha256()
    with partial.open("ab+") as file:
        file.seek(0)
        while data := file.read(_AT_ONCE):
            found.update(data)
        async with link.process(remote.command("rest", one.path, str(file.tell()))) as process:
            while data := await process.stdout.read(_AT_ONCE):
                file.write(data)
                found.update(data)
    return found.hexdigest()
