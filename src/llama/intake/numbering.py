"""Which number an alert has among those of its superevent: given once, in order of arrival, and never again.

The numbers of a run are lines of `.llama/numbers.jsonl` in its folder, appended under the run's lock. What was read
is remembered, and the folder is listed only when nothing is: the last of many alerts costs what the first did.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from llama.engine.folder import Journal, fsync_folder, keep_bytes, storage_errors, write_whole

_LOG = logging.getLogger("llama.intake")
_NUMBERED = re.compile(r"(?P<superevent>.+)-(?P<serial>[0-9]+)(?:-(?P<kind>[^-]+))?")
FILENAME = "numbers.jsonl"


class Numbered(msgspec.Struct, frozen=True):
    """One alert of a superevent got this number and event id, for good."""

    superevent: str
    serial: int
    event_id: str
    identity: str


@dataclass
class _Known:
    """What was read of the file, up to `length`, and of the names in the run's folder."""

    inode: int = 0
    length: int = 0
    given: dict[tuple[str, str], str] = field(default_factory=dict)
    taken: defaultdict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    highest: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    kinds: set[str] = field(default_factory=set)

    def take(self, superevent: str, serial: int, kind: str) -> None:
        self.taken[superevent].add(serial)
        self.highest[superevent] = max(serial, self.highest[superevent])
        if kind:
            self.kinds.add(kind)


class Numbers:
    """The numbers of one run. Keep it for as long as alerts come; many processes may have their own."""

    def __init__(self, run: Path) -> None:
        self._run = run.absolute()
        self._folder = self._run / ".llama"
        self._path = self._folder / FILENAME
        self._known: _Known | None = None

    def number(self, superevent: str, kind: str, identity: str | bytes, *, serial: int | None = None) -> str:
        """The event id `SUPEREVENT-SERIAL-KIND` of an alert; the same alert always gets the same.

        `identity` tells one alert of a superevent from another (what its brokers agree on, such as when it was
        written). JSON alerts carry no serial: they are numbered in order of arrival. A `serial` known from GraceDB
        or a VOEvent wins, unless another alert has it already.
        """
        digest = hashlib.sha256(identity if isinstance(identity, bytes) else identity.encode()).hexdigest()
        with self._locked():
            known = self._read()
            if (given := known.given.get((superevent, digest))) is not None:
                return given
            if serial is None or self._is_taken(known, superevent, serial, kind):
                serial = known.highest[superevent] + 1
                while self._is_taken(known, superevent, serial, kind):
                    serial += 1
            entry = Numbered(superevent, serial, f"{superevent}-{serial}-{kind}", digest)
            self._append(known, entry)
            return entry.event_id

    def numbered(self) -> dict[str, list[str]]:
        """The ids of events that were numbered, by superevent."""
        if not self._folder.is_dir():
            return {}
        found: defaultdict[str, list[str]] = defaultdict(list)
        with self._locked():
            given = dict(self._read().given)
        for (superevent, _), event_id in given.items():
            found[superevent].append(event_id)
        return dict(found)

    def _is_taken(self, known: _Known, superevent: str, serial: int, kind: str) -> bool:
        """By an alert, or by a folder somebody put there since: asked for by each name it could have."""
        if serial in known.taken[superevent]:
            return True
        names = (f"{superevent}-{serial}-{each}" for each in known.kinds | {kind})
        return any((self._run / name).exists() for name in names)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with storage_errors(self._run):
            self._folder.mkdir(parents=True, exist_ok=True)
            with Journal(self._folder).lock():
                yield

    def _read(self) -> _Known:
        """What is known, with the lines that others wrote since. Anew when the file is another or was cut."""
        try:
            status = self._path.stat()
            inode, size = status.st_ino, status.st_size
        except FileNotFoundError:
            inode, size = 0, 0
        known = self._known
        if known is None or inode != known.inode or size < known.length:
            known = self._known = self._listed()
            known.inode = inode
        if size > known.length:
            self._read_on(known)
        return known

    def _listed(self) -> _Known:
        """What the names of the events say, in case the file was lost."""
        known = _Known()
        for entry in os.scandir(self._run):
            if found := _NUMBERED.fullmatch(entry.name):
                known.take(found["superevent"], int(found["serial"]), found["kind"] or "")
        return known

    def _read_on(self, known: _Known) -> None:
        with open(self._path, "rb") as file:
            file.seek(known.length)
            for line in file:
                if not line.endswith(b"\n"):
                    self._cut_torn_line(known.length, line)
                    return
                known.length += len(line)
                self._remember(known, line)

    def _remember(self, known: _Known, line: bytes) -> None:
        try:
            entry = msgspec.json.decode(line, type=Numbered)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            end = f"the line of {self._path} that ends at byte {known.length} cannot be read ({error})"
            _LOG.warning("%s; it is passed over, and no number of an event that is there is given again", end)
            return
        known.given[entry.superevent, entry.identity] = entry.event_id
        known.take(entry.superevent, entry.serial, entry.event_id.removeprefix(f"{entry.superevent}-{entry.serial}-"))

    def _cut_torn_line(self, start: int, torn: bytes) -> None:
        """Remove what a crash left unfinished; its bytes are kept aside. Nobody was told that number."""
        kept = keep_bytes(self._folder, f"numbers-from-{start}", io.BytesIO(torn))
        os.truncate(self._path, start)
        _LOG.warning("a line of %s that was never finished was cut; its bytes are kept as %s", self._path, kept)

    def _append(self, known: _Known, entry: Numbered) -> None:
        """On disk when this returns."""
        line, new = msgspec.json.encode(entry) + b"\n", not known.inode
        try:
            with open(self._path, "ab", buffering=0) as file:
                write_whole(file.fileno(), line)
                os.fsync(file.fileno())
                known.inode = os.fstat(file.fileno()).st_ino
        except OSError:
            self._known = None  # how much of it is there is found out at the next look
            raise
        if new:
            fsync_folder(self._folder)
        known.length += len(line)
        self._remember(known, line)
