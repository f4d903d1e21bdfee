"""Many files to a store or from one: several at once, each whole or not at all, none of them twice.

What fails for now is tried again after all others; what fails for good is told, and stops no other. A store that
lets us do nothing, and a disk that is full, end all of it: every other file would meet the same.
"""

from __future__ import annotations

import errno
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from queue import Empty, SimpleQueue

from llama.operate.errors import StoreError
from llama.ports import NoSuchObject, Storage, StoredObject, TransferError, TransferRefused

AT_ONCE = 8
_ROUNDS = 5
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class FileTransfer:
    """A file here and its address there.

    Attributes:
        size: bytes. stored: what is there, where that is known.
    """

    here: Path
    there: str
    size: int
    stored: StoredObject | None = None


@dataclass(frozen=True)
class Carried:
    """What became of one.

    Attributes:
        moved: whether it went over the line; False when it was there, or failed.
        why: it failed; empty otherwise.
    """

    transfer: FileTransfer
    moved: bool = False
    why: str = ""


def carry(
    transfers: Iterable[FileTransfer], one: Callable[[FileTransfer], bool], at_once: int = AT_ONCE
) -> Iterator[Carried]:
    """Carry all of them, each told as it is done; `one` says whether it had to go over the line.

    Raises TransferRefused where a store lets us do nothing, OSError for a disk that is full.
    """
    left: Sequence[FileTransfer] | Iterable[FileTransfer] = transfers
    for number in range(1, _ROUNDS + 1):
        again: list[FileTransfer] = []
        for transfer, moved, error in _round(left, one, at_once):
            if error is None:
                yield Carried(transfer, moved)
            elif isinstance(error, TransferError) and not isinstance(error, TransferRefused) and number < _ROUNDS:
                again.append(transfer)
            else:
                yield Carried(transfer, why=_told(transfer, error))
        if not again:
            return
        left = again


def _round(
    transfers: Iterable[FileTransfer], one: Callable[[FileTransfer], bool], at_once: int
) -> Iterator[tuple[FileTransfer, bool, Exception | None]]:
    """Threads that end with the program: whoever presses Ctrl-C does not wait for eight large files."""
    given: SimpleQueue[FileTransfer | None] = SimpleQueue()
    done: SimpleQueue[tuple[FileTransfer, bool, BaseException | None]] = SimpleQueue()
    for number in range(at_once):
        threading.Thread(target=_work, args=(given, done, one), name=f"llama store {number}", daemon=True).start()
    going, waiting = 0, iter(transfers)
    try:
        while True:
            for transfer in islice(waiting, 2 * at_once - going):
                given.put(transfer)
                going += 1
            if not going:
                return
            transfer, moved, error = done.get()
            going -= 1
            if error is not None and not _is_of_one_file(error):
                raise error
            yield transfer, moved, error if isinstance(error, Exception) else None
    finally:
        with suppress(Empty):
            while True:
                given.get_nowait()
        for _ in range(at_once):
            given.put(None)


def _work(
    given: SimpleQueue[FileTransfer | None],
    done: SimpleQueue[tuple[FileTransfer, bool, BaseException | None]],
    one: Callable[[FileTransfer], bool],
) -> None:
    while (transfer := given.get()) is not None:
        try:
            done.put((transfer, one(transfer), None))
        except BaseException as error:  # noqa: BLE001 - whoever waits for the answer raises it
            done.put((transfer, False, error))


def _is_of_one_file(error: BaseException) -> bool:
    """Whether other files may fare better."""
    if isinstance(error, TransferRefused):
        return isinstance(error, NoSuchObject)
    return isinstance(error, TransferError | StoreError) or (isinstance(error, OSError) and error.errno not in _FULL)


def _told(transfer: FileTransfer, error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename or transfer.here}: {error.strerror or error}"
    return str(error)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """Of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(algorithm, usedforsecurity=False)).hexdigest()


def is_same(here: Path, stored: StoredObject, storage: Storage) -> bool:
    """Whether a file here is what is there, by size and digest; False where the store states no digest."""
    if not here.is_file() or here.stat().st_size != stored.size:
        return False
    if stored.md5 is not None and stored.sha256 is None:
        return digest(here, "md5") == stored.md5
    said = stored.sha256 or storage.digest(stored.url)
    return said is not None and digest(here) == said


def safe_below(folder: Path, name: str, source: str) -> Path:
    """The path of a name below a folder; StoreError for one that leads out of it, or that no file can have."""
    parts = PurePosixPath(name).parts
    if not name or name.startswith("/") or ".." in parts or "\x00" in name or name.endswith("/"):
        raise StoreError(f"{source} names {name!r}, which would lead out of {folder}; nothing was fetched")
    return folder.joinpath(*parts)


def find_file(storage: Storage, url: str) -> StoredObject | None:
    """The file under an address; None where that is a folder, a bucket, or nothing."""
    only_bucket = url.startswith("s3://") and "/" not in url.removeprefix("s3://")
    return None if url.endswith("/") or only_bucket else storage.find(url)
