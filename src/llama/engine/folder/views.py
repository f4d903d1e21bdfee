"""The files of an event that people see: copies of kept contents, and whatever else somebody put in their place.

`Views` looks at them and puts them there; the functions below it say what is odd about one, and what can be done.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from llama.advice import ADOPT, REMAKE, REPAIR, RUN, Reason
from llama.engine.errors import NotAFile
from llama.engine.folder.filesystem import MOST_BYTES, copy_regular, objection
from llama.engine.folder.journal import Stat
from llama.engine.folder.state import NOT_A_FILE, FileState, State
from llama.engine.folder.store import Store, digest_of, settle

NO_FILE = f"what has its name is not a file of at most {MOST_BYTES / 1e9:g} GB that can be read: move it away"


@dataclass(frozen=True, slots=True)
class View:
    """A copy ready to be put in view; `temporary` is None when the file in view stays as it is.

    `replaces` is what lay there when that was decided: if something else does by then, the view is left alone.
    """

    filename: str
    temporary: Path | None
    seen: Stat | None
    replaces: Stat | None = None


class Views:
    """The visible files of one event folder; hashes one only when it was touched since it was last seen.

    Attributes:
        entangled: at the last `observe`, the files that lead to the bytes of a kept copy, and of which.
    """

    def __init__(self, path: Path, store: Store) -> None:
        self.path = path
        self.entangled: dict[str, str] = {}
        self._store = store
        self._hashed: dict[str, tuple[Stat, str]] = {}

    @property
    def strangers(self) -> set[str]:
        """Files that had to be hashed at the last look, because the journal does not know their looks."""
        return set(self._hashed)

    def digest(self, filename: str, file: FileState) -> str | None:
        """Digest of the file in view, None when there is none, NOT_A_FILE when it cannot be read as one."""
        try:
            status = (self.path / filename).stat()
        except FileNotFoundError:
            return None
        except OSError:  # a link to itself, or into a folder we may not enter
            return NOT_A_FILE
        return self._digest(filename, file, status)

    def _digest(self, filename: str, file: FileState, status: os.stat_result) -> str | None:
        if objection(status):
            return NOT_A_FILE
        seen = Stat.of(status)
        for digest, known in file.seen.items():
            if known == seen:
                self._hashed.pop(filename, None)
                return digest
        cached = self._hashed.get(filename)
        if cached is None or cached[0] != seen:
            try:
                cached = self._hashed[filename] = (seen, digest_of(self.path / filename))
            except FileNotFoundError:  # taken away this moment
                return None
            except (OSError, NotAFile):
                return NOT_A_FILE
        return cached[1]

    def observe(self, names: Iterable[str], state: State) -> dict[str, str | None]:
        """What lies in view under these names; one reading of the folder for all."""
        views: dict[str, str | None] = dict.fromkeys(names)
        many: dict[str, int] = {}
        with os.scandir(self.path) as folder:
            for entry in folder:
                if entry.name not in views:
                    continue
                try:
                    status = entry.stat()
                except FileNotFoundError:  # taken away this moment, or a link to nowhere
                    continue
                except OSError:
                    views[entry.name] = NOT_A_FILE
                    continue
                views[entry.name] = self._digest(entry.name, state.file(entry.name), status)
                if status.st_nlink > 1 or entry.is_symlink():
                    many[entry.name] = status.st_ino
        self.entangled = self._leading_to_objects(many) if many else {}
        return views

    def _leading_to_objects(self, inodes: dict[str, int]) -> dict[str, str]:
        if not self._store.folder.is_dir():
            return {}
        with os.scandir(self._store.folder) as folder:
            objects = {entry.inode(): entry.name for entry in folder}
        near = {name: objects[inode] for name, inode in inodes.items() if inode in objects}
        return {name: digest for name, digest in near.items() if self._same(name, digest)}

    def _same(self, filename: str, digest: str) -> bool:
        try:
            return (self.path / filename).samefile(self._store.path(digest))
        except OSError:
            return False

    def lost(self, views: dict[str, str | None], state: State) -> frozenset[str]:
        """Files of which neither the one in view nor the kept copy is what the journal says."""
        return frozenset(
            name
            for name, file in state.files.items()
            if file.digest is not None and views.get(name) != file.digest and not self._store.intact(file.digest)
        )

    def disentangle(self, filename: str, digest: str, scratch: Path) -> str:
        """Give the file in view and the kept copy each bytes of their own; says what was done."""
        view = self.path / filename
        if view.is_symlink():
            copy = scratch / f".own-{filename}"
            copy_regular(view, copy)
            settle(copy)
            copy.rename(view)
            return f"{filename}: was a link to its kept copy, and is a file of its own now"
        return f"{filename}: shared its bytes with its kept copy; {self._store.own(digest, scratch)}"

    def looks(self, filename: str) -> Stat | None:
        """What lies there now, without reading it."""
        try:
            return Stat.of((self.path / filename).stat())
        except FileNotFoundError:
            return None

    def prepare(self, filename: str, digest: str, file: FileState, scratch: Path, *, replaces: str | None) -> View:
        """Copy an object to where one rename puts it in view; raises DamagedObject when its bytes are not its own.

        A file edited by hand is not replaced, unless its content is `replaces`, of which there is a copy. Of any that
        is, an intact copy is kept first.
        """
        present = self.digest(filename, file)
        if present == NOT_A_FILE:
            return View(filename, None, None)
        looks = self.looks(filename)
        if present == digest:
            return View(filename, None, looks)
        if present is not None:
            if present != replaces and not file.knows(present):
                return View(filename, None, None)
            if not self._store.intact(present):
                self._store.copy_in(self.path / filename, scratch)
        temporary = self._store.place(digest, scratch / f".view-{filename}")
        settle(temporary)
        return View(filename, temporary, Stat.of(temporary.stat()), looks)

    def show(self, views: Iterable[View]) -> None:
        """Put prepared views in place, each by one rename.

        The renames need not outlive a power cut: a view that is missing or old is put back from the journal.
        """
        for view in views:
            if view.temporary is not None and self.looks(view.filename) == view.replaces:
                view.temporary.rename(self.path / view.filename)


def by_hand(filename: str, state: State) -> Reason | None:
    """Why the file in view, as it was observed, is none of ours; None when it is."""
    digest, file = state.observed.views.get(filename), state.file(filename)
    if digest is None or file.knows(digest):
        return None
    if digest == NOT_A_FILE:
        return Reason(NO_FILE)
    if not file.versions:
        return Reason("put there by hand: ", ADOPT, " to use it")
    return Reason("edited by hand: ", ways_on_from_an_edit(file, lost=filename in state.observed.lost))


def oddity(filename: str, state: State) -> Reason | None:
    """What is to be known of the file in view when it is not the present content; the runner mends that."""
    file = state.file(filename)
    present = state.observed.views.get(filename, file.digest)
    if present == file.digest:
        return None
    if filename in state.observed.lost:
        what = "its file is missing" if present is None else "an older version is in view"
        return Reason(f"{what} and ", ways_on_from_a_loss(file))
    if present is None:
        return Reason("its file is missing: ", RUN, " or ", REPAIR, " puts it back")
    puts = ("an older version is in view: ", RUN, " or ", REPAIR, " puts this one back, ")
    return Reason(*puts, ADOPT, " makes the older one count")


def ways_on_from_an_edit(file: FileState, *, lost: bool) -> Reason:
    """What can be done about a file that was edited by hand; what came from outside cannot be made again.

    `lost`: there is no intact copy of what it was, so the edit is all there is.
    """
    if not file.outside:
        return Reason(ADOPT, " to use it, ", REMAKE, " to replace it")
    if lost:
        keep = "no intact copy is kept of what it was, so keep it: "
        return Reason(keep, ADOPT, " to use it, or receive the file again from where it came")
    return Reason(ADOPT, " to use it; or move it away and ", REPAIR, " to have the kept version back")


def ways_on_from_a_loss(file: FileState) -> Reason:
    """What can be done when neither the file in view nor the kept copy is what the journal says."""
    kept = Reason("no intact copy is kept: put the file back from a backup and ", REPAIR, ", or ")
    return Reason(kept, "receive it again from where it came") if file.outside else Reason(kept, REMAKE, " it")
