"""Archives of files (tar, zip) become a folder: whole or not at all, and nothing in them leads out of it.

Only files and folders come out. A link is taken as a copy of what it links to in the archive, and refused where that
is not in it; devices and names that lead elsewhere are refused. What unpacks to far more than sky maps do is a bomb.
"""

from __future__ import annotations

import errno
import json
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from lzma import LZMAError
from pathlib import Path
from typing import IO

from llama.formats.limits import MAX_UNPACKED_BYTES
from llama.formats.manifest import split_name
from llama.formats.whole import put_whole
from llama.operate.errors import StoreError
from llama.operate.stores.transfers import digest, safe_below

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".zip")
_RATIO, _FREELY = 200, 256 * 1024 * 1024
_MOST_FILES = 10_000_000
_SPARE = 64 * 1024 * 1024
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Unpacked:
    """What came out: the archive's SHA-256, and how many files of how many bytes."""

    sha256: str
    files: int
    bytes: int


def is_archive(name: str) -> bool:
    """Whether a file of this name is one."""
    return name.lower().endswith(ENDINGS)


def folder_of(archive: Path) -> Path:
    """The folder that an archive becomes: `maps` of `maps.tar.gz`."""
    ending = next(one for one in sorted(ENDINGS, key=len, reverse=True) if archive.name.lower().endswith(one))
    return archive.with_name(archive.name[: -len(ending)] or split_name(archive.name)[0])


def receipt_of(archive: Path) -> Path:
    """Beside the folder: what it was unpacked from."""
    return archive.with_name(f".{archive.name}.unpacked.json")


def is_unpacked(archive: Path, sha256: str) -> bool:
    """Whether the folder is there with as many files and bytes as came out of this archive."""
    try:
        said = json.loads(receipt_of(archive).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if not isinstance(said, dict) or said.get("sha256") != sha256:
        return False
    sizes = [path.stat().st_size for path in folder_of(archive).rglob("*") if path.is_file()]
    return (said.get("files"), said.get("bytes")) == (len(sizes), sum(sizes))


def unpack_here(archive: Path, *, force: bool) -> Unpacked | None:
    """An archive becomes a folder, and goes: its receipt says what it was. None where it is gone already.

    Args:
        force: a folder that was unpacked before is replaced.
    """
    if not archive.is_file():
        return None
    if force and receipt_of(archive).is_file():
        shutil.rmtree(folder_of(archive), ignore_errors=True)
    elif receipt_of(archive).is_file() and is_unpacked(archive, digest(archive)):
        archive.unlink()  # it was killed when all but this was done
        return None
    done = unpack(archive)
    archive.unlink()
    return done


def unpack(archive: Path) -> Unpacked:
    """Make a folder of an archive beside it, with a receipt.

    Where all of it is in one folder of that name, that is the folder. Raises StoreError for a folder that is there,
    for what is damaged, leads out or is a bomb, OSError for a full disk; nothing is left of it then.
    """
    target = folder_of(archive)
    if target.exists():
        raise StoreError(f"{target} is there already; move it away to unpack {archive.name}")
    scratch = archive.with_name(f".{target.name}.unpacking")
    shutil.rmtree(scratch, ignore_errors=True)  # of one that was killed
    scratch.mkdir()
    try:
        files = size = 0
        with _Reading(archive):
            for name, stream in _members(archive):
                size += _write(stream, safe_below(scratch, name, str(archive)), archive, size)
                files += 1
        if not files:
            raise StoreError(f"{archive} holds no files")
        done = Unpacked(digest(archive), files, size)
        put_whole(receipt_of(archive), json.dumps(asdict(done)) + "\n")
        inner = scratch / target.name
        only = inner.is_dir() and len(list(scratch.iterdir())) == 1
        (inner if only else scratch).rename(target)
        return done
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Reading:
    """What goes wrong in reading an archive is one StoreError that names it."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive

    def __enter__(self) -> None:
        """Nothing is to be opened."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        damaged = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, LZMAError, NotImplementedError)
        if isinstance(error, damaged):
            raise StoreError(
                f"{self._archive} is damaged ({error}) and was so when it was put; make it again"
            ) from error


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Names and contents of all files in it."""
    yield from (_of_zip if archive.name.lower().endswith(".zip") else _of_tar)(archive)


def _of_tar(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(archive) as tar:
        for number, member in enumerate(tar):
            if number > _MOST_FILES:
                raise StoreError(f"{archive} holds more than {_MOST_FILES} files, as no archive of maps does")
            if member.isdir():
                continue
            if not (member.isfile() or member.islnk() or member.issym()):
                raise StoreError(f"{archive} holds {member.name}, which is a device or pipe; it was not unpacked")
            try:
                stream = tar.extractfile(member)
            except KeyError:
                stream = None
            if stream is None:
                raise StoreError(f"{archive} holds {member.name}, a link to {member.linkname}, which is not in it")
            yield member.name.removeprefix("./"), stream


def _of_zip(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as zipped:
        for member in zipped.infolist():
            if member.is_dir():
                continue
            if stat.S_ISLNK(member.external_attr >> 16):
                raise StoreError(f"{archive} holds {member.filename}, which is a link; it was not unpacked")
            if member.flag_bits & 1:
                raise StoreError(f"{archive} is locked with a password; unpack it by hand")
            with zipped.open(member) as stream:
                yield member.filename, stream


def _write(stream: IO[bytes], target: Path, archive: Path, before: int) -> int:
    """One file, as it comes; returns its bytes."""
    most = min(MAX_UNPACKED_BYTES, _FREELY + _RATIO * archive.stat().st_size - before)
    if target.exists():
        raise StoreError(f"{archive} holds {target.name} twice; it was not unpacked")
    target.parent.mkdir(parents=True, exist_ok=True)
    size = 0
    with open(target, "xb") as file:
        while chunk := stream.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise StoreError(
                    f"{archive} unpacks to far more than sky maps do (at {target.name}); it was not unpacked"
                )
            if shutil.disk_usage(target.parent).free < _SPARE:
                raise OSError(errno.ENOSPC, "No space left to unpack it on the disk of", str(archive))
            file.write(chunk)
    return size
