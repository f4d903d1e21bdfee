"""Which of GraceDB's notices a run has taken in: remembered in its folder, so that none is fetched twice.

Lines of `.llama/gracedb.jsonl`. It only saves work: when it is lost or torn, notices are fetched again, and each is
known by its identity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec

from llama.engine.folder import append_line, storage_errors

FILENAME = "gracedb.jsonl"


class Taken(msgspec.Struct, frozen=True):
    """One notice that was taken in: in which GraceDB, of which superevent, which file; what kind of alert it is, when
    it was written, and whether as JSON or as a VOEvent."""

    gracedb: str
    graceid: str
    file: str
    form: str = ""
    kind: str = ""
    written: str = ""


class Memory:
    """What was taken from one GraceDB into one run. Many processes may have their own."""

    def __init__(self, run: Path, gracedb: str) -> None:
        self._path = run.absolute() / ".llama" / FILENAME
        self._gracedb = gracedb
        self._of: defaultdict[str, dict[str, Taken]] = defaultdict(dict)
        for one in _read(self._path):
            if one.gracedb == gracedb:
                self._of[one.graceid][one.file] = one

    def of(self, graceid: str) -> Sequence[Taken]:
        """What was taken of a superevent."""
        return tuple(self._of[graceid].values()) if graceid in self._of else ()

    def has(self, graceid: str, file: str) -> bool:
        """Whether that notice was taken."""
        return graceid in self._of and file in self._of[graceid]

    def add(self, graceid: str, file: str, *, form: str, kind: str, written: str) -> None:
        """It was taken; on disk when this returns."""
        one = Taken(self._gracedb, graceid, file, form, kind, written)
        with storage_errors(self._path.parent):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            append_line(self._path, msgspec.json.encode(one))
        self._of[graceid][file] = one


def _read(path: Path) -> list[Taken]:
    if not path.exists():
        return []
    found = []
    for line in path.read_bytes().splitlines():
        try:
            found.append(msgspec.json.decode(line, type=Taken))
        except (msgspec.DecodeError, UnicodeDecodeError):  # torn: what it told of is fetched again
            continue
    return found
