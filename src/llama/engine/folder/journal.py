"""The journal: what happened to an event, one line each, append-only. Everything else is a query on it.

A line is a JSON object with a `kind`, a version `v` and `at` (UTC). Order is the position in the file; `at` is
for people and for waiting times. A kind nobody here knows is kept and ignored, so that an older program can
work beside a newer one. A last line without its newline was torn by a crash: it never happened.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import msgspec

from llama.engine.errors import NotAFile, NotAnEvent
from llama.engine.folder.aside import keep_bytes
from llama.engine.folder.filesystem import open_regular, storage_errors, write_whole
from llama.engine.folder.names import name_fault

_LOG = logging.getLogger("llama.engine")
Words = tuple[tuple[str, ...], ...]
"""Of commands that a message names; none are written where it names none, as earlier versions did."""


def utc(time: datetime) -> datetime:
    """The same time in UTC; one without a zone is UTC already."""
    return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)


class Stat(msgspec.Struct, frozen=True, array_like=True):
    """What tells an untouched file from a touched one without reading it."""

    size: int
    mtime_ns: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stat:
        return cls(status.st_size, status.st_mtime_ns, status.st_ino)


class Entry(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag=True):
    """One thing that happened; the class name is its `kind`."""

    at: datetime
    v: int = 1

    def __post_init__(self) -> None:
        for name in ("at", "due", "until", "expires"):
            time = getattr(self, name, None)
            if time is not None and time.tzinfo is not UTC:
                msgspec.structs.force_setattr(self, name, utc(time))
        if getattr(self, "advice", None) == ():
            msgspec.structs.force_setattr(self, "advice", msgspec.UNSET)
        filename = getattr(self, "filename", None)
        if filename is not None and (fault := name_fault(filename)):
            raise ValueError(f"names a file {filename!r}, which {fault}")


class _Given(Entry, frozen=True, kw_only=True):
    """A file's new content, not made here. `seen` is the view as it was put in place."""

    filename: str
    digest: str
    seen: Stat | None = None
    why: str = ""


class Received(_Given, frozen=True, kw_only=True, tag=True):
    """A file came from outside."""


class Adopted(_Given, frozen=True, kw_only=True, tag=True):
    """A file that somebody put or edited in the folder was declared right; counts as received."""

    by: str | msgspec.UnsetType = msgspec.UNSET


class Claimed(Entry, frozen=True, kw_only=True, tag=True):
    """Somebody started to make a product.

    A second entry with the same `claim` hands it to another process. `inputs` is what will be recorded with the
    result (by input key), `sources` the digests of the files given.
    """

    claim: str
    filename: str
    inputs: dict[str, str]
    sources: dict[str, str]
    host: str
    boot: str
    pid: int
    started: float
    expires: datetime


class Made(Entry, frozen=True, kw_only=True, tag=True):
    """A product was made. `seconds` is the time `make` took, `due` when it wants to be made again.

    `declared` are the keys of all that its product declared then; journals of early versions do not say.
    """

    claim: str
    filename: str
    digest: str
    inputs: dict[str, str]
    seen: Stat | None = None
    due: datetime | None = None
    seconds: float = 0.0
    software: str = ""
    declared: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class Sending(Entry, frozen=True, kw_only=True, tag=True):
    """A making got hold of a service that writes: from now on something of it may be out, whatever becomes of it."""

    claim: str
    filename: str


class Failed(Entry, frozen=True, kw_only=True, tag=True):
    """A making failed; `error` is one line for people, `advice` the words of each command that it names."""

    claim: str
    filename: str
    error: str
    traceback: str = ""
    advice: Words | msgspec.UnsetType = msgspec.UNSET


class Deferred(Entry, frozen=True, kw_only=True, tag=True):
    """A making gave its claim back without result or failure: data not there yet, or asked to stop.

    `until` says when to try again; None: when the inputs change.
    """

    claim: str
    filename: str
    why: str
    until: datetime | None
    advice: Words | msgspec.UnsetType = msgspec.UNSET


class Requested(Entry, frozen=True, kw_only=True, tag=True):
    """Somebody asked for a product to be made again; `set_aside` is the hand-made content it replaces."""

    filename: str
    why: str = ""
    set_aside: str | None = None
    by: str | msgspec.UnsetType = msgspec.UNSET


class Notified(Entry, frozen=True, kw_only=True, tag=True):
    """There is something new at the source of a product, which is to be made again. `news`: its digest, told once."""

    filename: str
    news: str
    why: str = ""


class Seen(Entry, frozen=True, kw_only=True, tag=True):
    """A view was hashed, or put back; spares the next reader the hashing."""

    filename: str
    digest: str
    seen: Stat


class _Order(Entry, frozen=True, kw_only=True):
    """What somebody decided for a file, or for the whole event (`filename` None).

    `by` says who, `user@host`; so it does in other entries that are orders. Journals of early versions do not say.
    """

    filename: str | None = None
    why: str = ""
    by: str | msgspec.UnsetType = msgspec.UNSET


class Vetoed(_Order, frozen=True, kw_only=True, tag=True):
    """Nothing more is to be made."""


class Unvetoed(_Order, frozen=True, kw_only=True, tag=True):
    """The veto is lifted."""


class Locked(_Order, frozen=True, kw_only=True, tag=True):
    """It is to stay as it is."""


class Unlocked(_Order, frozen=True, kw_only=True, tag=True):
    """The lock is lifted."""


class Flagged(Entry, frozen=True, kw_only=True, tag=True):
    """Flags were set; those not named stay."""

    flags: dict[str, str | bool]
    why: str = ""
    by: str | msgspec.UnsetType = msgspec.UNSET


class Unknown(msgspec.Struct, frozen=True):
    """A line that is kept and ignored. `why` is empty for a kind we do not know, else says what is wrong with it."""

    line: bytes
    why: str = ""


Item = Entry | Unknown
_KINDS = (
    Received | Adopted | Claimed | Sending | Made | Failed | Deferred | Requested | Notified
    | Seen | Vetoed | Unvetoed | Locked | Unlocked | Flagged
)  # fmt: skip
_NAMES = frozenset(kind.__name__ for kind in _KINDS.__args__)
_DECODER: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(_KINDS)
_ENCODER = msgspec.json.Encoder()
_TAIL_BYTES = 512
_UNREADABLE = (msgspec.MsgspecError, UnicodeError, RecursionError, OverflowError)


def parse(line: bytes) -> Item:
    """One line of a journal."""
    try:
        return _DECODER.decode(line)
    except _UNREADABLE as error:
        return Unknown(line, _complaint(line, error))


def _complaint(line: bytes, error: Exception) -> str:
    try:
        kind = msgspec.json.decode(line, type=dict[str, object]).get("kind")
    except _UNREADABLE:
        return "is not JSON"
    if isinstance(kind, str) and kind not in _NAMES:
        return ""
    return f"cannot be read: {error}"


class Journal:
    """The journal of one event. Reading needs no lock; appending does.

    Keeps its place, so that looking again costs what is new.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "journal.jsonl"
        self._lock = folder / "lock"
        self.cut: list[str] = []
        """What `append` cut off, and where it is kept; one line each."""
        self.rewind()

    def stat(self) -> Stat:
        """Changes whenever something was appended. Raises FileNotFoundError when there is no journal."""
        return Stat.of(self.path.stat())

    def rewind(self) -> None:
        """Read from the beginning next time."""
        self._offset = self._inode = 0
        self._tail = b""  # the last that was read: tells whether it is still there

    def first(self) -> Item | None:
        """The first entry; None when there is none (any more), or none that may be read."""
        try:
            with open_regular(self.path, None) as file:
                line = file.readline()
        except (OSError, NotAFile):
            return None
        return parse(line) if line.endswith(b"\n") else None

    def news(self) -> tuple[bool, list[Item]]:
        """What was appended since the last call, and whether that starts again from the beginning."""
        with open_regular(self.path, None) as file:
            status = os.fstat(file.fileno())
            again = status.st_ino != self._inode or not self._still_there(file)
            if again:
                self.rewind()
                self._inode = status.st_ino
            if status.st_size == self._offset:
                return again, []
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._tail = (self._tail + whole)[-_TAIL_BYTES:]
        return again, [parse(line) for line in whole.splitlines()]

    def _still_there(self, file: BinaryIO) -> bool:
        """Whether what was read is still what the file holds: a writer may have cut a line it could not finish."""
        file.seek(self._offset - len(self._tail))
        return file.read(len(self._tail)) == self._tail

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Holds the event's lock; not re-entrant. Raises NotAnEvent when the folder is gone."""
        try:
            with storage_errors(self._lock):
                fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            raise NotAnEvent(f"{self._lock.parent.parent} is not there (any more)") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    def append(self, entries: Iterable[Entry], *, durable: bool = True) -> None:
        """Append under `lock`, in one write; on disk when this returns, if `durable`.

        Claims need not be durable: if the machine stops, so do the claimants.
        """
        data = b"".join(_encoded(entry) + b"\n" for entry in entries)
        with storage_errors(self.path):
            fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
            try:
                size = self._cut_torn_line(fd)
                try:
                    _write(fd, data, durable)
                except OSError:
                    os.ftruncate(fd, size)  # a line that cannot be finished never happened
                    raise
                if durable:
                    self._note_length(size + len(data))
            finally:
                os.close(fd)

    def cut_off(self) -> int:
        """How many bytes at its end the journal had once and has no longer: it was cut, or an old copy put in place.

        Only whole lines matter here, and only those that were on disk: a machine that stops loses none of them.
        """
        try:
            with open_regular(self._lock) as file:
                noted = int(file.read() or 0)
        except (OSError, NotAFile, ValueError):  # no note, no answer
            return 0
        return max(0, noted - self.path.stat().st_size)

    def _cut_torn_line(self, fd: int) -> int:
        """Remove what follows the last newline, of which a copy is kept aside; returns the size then."""
        size, end = os.fstat(fd).st_size, _end_of_lines(fd)
        if end != size:
            with open_regular(self.path, None) as file:
                file.seek(end)
                kept = keep_bytes(self.path.parent, f"journal-from-{end}", file)
            os.ftruncate(fd, end)
            self.cut.append(f"a line of the journal that was never finished was cut; its bytes are kept as {kept}")
            _LOG.warning("%s", self.cut[-1])
        return end

    def _note_length(self, length: int) -> None:
        """In the lock file, which is there anyway. The entries count without it, so a full disk is no error."""
        with suppress(OSError), open(self._lock, "r+b", buffering=0) as file:
            file.write(b"%020d" % length)


def write_new(path: Path, entries: Iterable[Entry]) -> None:
    """The first lines of a new journal."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        _write(fd, b"".join(_encoded(entry) + b"\n" for entry in entries), durable=True)
    finally:
        os.close(fd)


def _write(fd: int, data: bytes, durable: bool) -> None:
    write_whole(fd, data)
    if durable:
        os.fsync(fd)


def _encoded(entry: Entry) -> bytes:
    """The line of an entry; what is not UTF-8 in its texts (from a file's name, say) is written as `\\udcff`."""
    try:
        return _ENCODER.encode(entry)
    except UnicodeEncodeError:
        texts = {name: text for name in entry.__struct_fields__ if isinstance(text := getattr(entry, name), str)}
        plain = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()}
        return _ENCODER.encode(msgspec.structs.replace(entry, **plain))


def _end_of_lines(fd: int) -> int:
    """Where the last line that was finished ends."""
    end = os.fstat(fd).st_size
    while end:
        start = max(0, end - 65536)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
