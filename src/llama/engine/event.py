"""An event: a folder of plain files, and `.llama/` with the journal, every content it ever had, and a lock.

People and steps see copies; the journal and the objects are the truth. Whatever changes an event does so by
appending to the journal under its lock.
"""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from llama.engine.claim import Owner, is_dead
from llama.engine.creation import build, new_folder_name, rename_new
from llama.engine.errors import DamagedObject, DecodeError, EventError, JournalLost, NotAnEvent
from llama.engine.filesystem import require_local, storage_errors
from llama.engine.flags import Flags
from llama.engine.journal import (
    Adopted,
    Entry,
    Flagged,
    Item,
    Journal,
    Locked,
    Received,
    Requested,
    Stat,
    Unlocked,
    Unvetoed,
    Vetoed,
)
from llama.engine.pipeline import Pipeline
from llama.engine.product import Codec, Product, Selection, Shared
from llama.engine.state import NOT_A_FILE, Observed, State
from llama.engine.step import read
from llama.engine.store import Parts, Store, digest_of, settle

SharedDigest = Callable[[Shared[Any]], str | None]


@dataclass(frozen=True, slots=True)
class View:
    """A copy ready to be put in view; `temporary` is None when the file in view stays as it is.

    `replaces` is what lay there when that was decided: if something else does by then, the view is left alone.
    """

    filename: str
    temporary: Path | None
    seen: Stat | None
    replaces: Stat | None = None


class Event:
    """One event folder. Cheap to make; keeps its place in the journal, so keep it to look again."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.id = self.path.name
        self.folder = self.path / ".llama"
        self.journal = Journal(self.folder)
        self.store = Store(self.folder / "objects")
        self._state = State()
        self._parts = Parts(self.store)
        self._hashed: dict[str, tuple[Stat, str]] = {}

    def __repr__(self) -> str:
        return f"<Event {self.path}>"

    @classmethod
    def open(cls, path: Path) -> Event:
        """An existing event. Raises NotAnEvent, JournalLost, or UnsupportedFileSystem where locks do not work."""
        event = cls(path)
        if not event.journal.path.is_file():
            if event.folder.is_dir():
                raise JournalLost(event.path, "is gone")
            raise NotAnEvent(f"{path} is not an event folder: it has no .llama/journal.jsonl")
        require_local(event.path)
        event.refresh()
        return event

    @classmethod
    def create(cls, path: Path, files: Mapping[str, bytes], flags: Flags, *, why: str, now: datetime) -> Event:
        """A new event, built out of sight and renamed in whole. Raises EventExists and leaves that one alone."""
        path = path.absolute()
        _check_name(path.name, "event id")
        for filename in files:
            _check_name(filename, "file name")
        hidden = path.parent / new_folder_name(path.name)
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            require_local(path)
            try:
                build(hidden, files, flags, why, now)
                rename_new(hidden, path)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)
        return cls(path)

    # ------------------------------------------------------------------ looking

    def refresh(self) -> State:
        """What the journal adds up to now. The same object each time; it goes on by itself at the next call.

        Raises NotAnEvent without a journal, JournalLost when it is empty: an event is never without an entry.
        """
        try:
            again, items = self.journal.news()
        except FileNotFoundError:
            raise NotAnEvent(f"{self.path} is not an event folder: it has no .llama/journal.jsonl") from None
        if again:
            self._state = State()
        self._state.add(items)
        if not self._state.length:
            raise JournalLost(self.path, "is empty")
        return self._state

    def look(self, pipeline: Pipeline, shared: SharedDigest) -> State:
        """The state with everything observed that `statuses` needs for this pipeline."""
        state = self.refresh()
        tables = {item.key: item for product in pipeline for item in product.shared}
        state.observed = Observed(
            views=self._views([*pipeline.by_filename, *state.files]),
            parts=self._selected(pipeline, state),
            shared={name: shared(item) for name, item in tables.items()},
            dead=self._dead(state),
        )
        return state

    def entries(self) -> list[Item]:
        """The whole journal."""
        return Journal(self.folder).news()[1]

    def created(self) -> datetime:
        """When the event was made: the time of its first entry. Reads no more than that."""
        first = self.journal.first()
        return first.at if isinstance(first, Entry) else datetime.min.replace(tzinfo=UTC)

    def forget(self) -> None:
        """Drop what was read; the next look reads it again. For the many events of which nothing more is expected."""
        self.journal.rewind()
        self._state = State()
        self._parts = Parts(self.store)

    def view_digest(self, filename: str) -> str | None:
        """Digest of the file in view, None when there is none; hashed only if it was touched since last seen."""
        try:
            return self._digest(filename, (self.path / filename).stat())
        except FileNotFoundError:
            return None

    def strangers(self) -> set[str]:
        """Files that had to be hashed at the last look, because the journal does not know their looks."""
        return set(self._hashed)

    def _digest(self, filename: str, status: os.stat_result) -> str:
        if not stat.S_ISREG(status.st_mode):
            return NOT_A_FILE
        seen = Stat.of(status)
        for digest, known in self._state.file(filename).seen.items():
            if known == seen:
                self._hashed.pop(filename, None)
                return digest
        cached = self._hashed.get(filename)
        if cached is None or cached[0] != seen:
            cached = self._hashed[filename] = (seen, digest_of(self.path / filename))
        return cached[1]

    def _views(self, names: Iterable[str]) -> dict[str, str | None]:
        """What lies in view under these names; one reading of the folder for all."""
        views: dict[str, str | None] = dict.fromkeys(names)
        with os.scandir(self.path) as folder:
            for entry in folder:
                if entry.name in views:
                    try:
                        views[entry.name] = self._digest(entry.name, entry.stat())
                    except FileNotFoundError:  # taken away this moment
                        views[entry.name] = None
        return views

    def unknown_files(self, pipeline: Pipeline) -> list[str]:
        """Files in view that neither the journal nor the pipeline knows."""
        state = self.refresh()
        found = (entry.name for entry in os.scandir(self.path) if not entry.name.startswith("."))
        return sorted(name for name in found if name not in state.files and name not in pipeline.by_filename)

    def _selected(self, pipeline: Pipeline, state: State) -> dict[tuple[str, str], str]:
        parts: dict[tuple[str, str], str] = {}
        for product in pipeline:
            for item in product.all_inputs:
                if isinstance(item, Selection) and (digest := state.file(item.product.filename).digest):
                    key = (digest, item.key)
                    parts[key] = state.parts.get(key) or self._parts.digest(item, digest)
        return parts

    def _dead(self, state: State) -> frozenset[str]:
        if not state.claims:
            return frozenset()
        me = Owner.myself()
        return frozenset(name for name, claim in state.claims.items() if is_dead(claim, me))

    # ------------------------------------------------------------------ changing

    @contextmanager
    def writing(self) -> Iterator[State]:
        """Holds the event's lock, with the state as of now."""
        with storage_errors(self.path), self.journal.lock():
            yield self.refresh()

    def append(self, entries: Iterable[Entry], *, durable: bool = True) -> None:
        """Append under `writing`."""
        self.journal.append(entries, durable=durable)
        self.refresh()

    @contextmanager
    def scratch(self, name: str | None = None) -> Iterator[Path]:
        """A folder on the event's file system that is gone afterwards."""
        path = self.folder / "scratch" / (name or secrets.token_hex(8))
        with storage_errors(path):
            path.mkdir(parents=True)
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def drop_scratch(self, name: str) -> None:
        """Remove the scratch folder of a maker that is gone."""
        shutil.rmtree(self.folder / "scratch" / name, ignore_errors=True)

    def clear_scratch(self, state: State) -> None:
        """Remove the scratch of makers that are gone. Under `writing`, so that no other kind can be in use."""
        folder = self.folder / "scratch"
        alive = state.claims.keys() - self._dead(state)
        for path in folder.iterdir() if folder.is_dir() else ():
            if path.name not in alive:
                self.drop_scratch(path.name)

    def prepare_view(self, filename: str, digest: str, scratch: Path, *, replaces: str | None = None) -> View:
        """Copy an object to where one rename puts it in view.

        A file edited by hand is not replaced, unless its content is `replaces`, of which there is a copy.
        """
        looks = self._looks(filename)
        present, file = self.view_digest(filename), self._state.file(filename)
        if present == digest:
            return View(filename, None, Stat.of((self.path / filename).stat()))
        if present is not None and present != replaces and not file.knows(present):
            return View(filename, None, None)
        temporary = self.store.place(digest, scratch / f".view-{filename}")
        if settle(temporary) != digest:
            raise DamagedObject(
                f"the kept copy of {filename}, {self.store.path(digest)}, is damaged; "
                "receive or adopt that file again, or `llama event remake` it"
            )
        return View(filename, temporary, Stat.of(temporary.stat()), looks)

    def _looks(self, filename: str) -> Stat | None:
        try:
            return Stat.of((self.path / filename).stat())
        except FileNotFoundError:
            return None

    def show(self, views: Iterable[View]) -> None:
        """Put prepared views in place, each by one rename.

        The renames need not outlive a power cut: a view that is missing or old is put back from the journal.
        """
        for view in views:
            if view.temporary is not None and self._looks(view.filename) == view.replaces:
                view.temporary.rename(self.path / view.filename)

    def receive(self, files: Mapping[str, bytes], *, why: str, now: datetime) -> list[str]:
        """Record files from outside; returns the names of those that were new.

        Content that is there already is no news, so a second delivery does nothing. A file edited by hand is kept
        as a version before it is replaced. Raises EventError for a locked file.
        """
        for filename in files:
            _check_name(filename, "file name")
        with self.writing() as state, self.scratch() as scratch:
            entries: list[Entry] = []
            views: list[View] = []
            for filename, data in files.items():
                temporary = scratch / filename
                temporary.write_bytes(data)
                digest = settle(temporary)
                file = state.file(filename)
                news = digest != file.digest or not file.outside
                if news:
                    self._refuse_locked(state, filename)
                self.store.take(temporary, digest)  # also heals a kept copy that was lost
                if not news:
                    continue
                edit = self._kept_edit(filename, scratch)
                if edit is not None:
                    entries.append(Requested(at=now, filename=filename, why="replaced", set_aside=edit))
                views.append(self.prepare_view(filename, digest, scratch, replaces=edit))
                entries.append(Received(at=now, filename=filename, digest=digest, seen=views[-1].seen, why=why))
            if entries:
                self.append(entries)
                self.show(views)
            return [view.filename for view in views]

    def _kept_edit(self, filename: str, scratch: Path) -> str | None:
        """Keep a copy of what somebody made of the file by hand; its digest, None when it is as we left it."""
        present = self.view_digest(filename)
        if present is None or present == NOT_A_FILE or self._state.file(filename).knows(present):
            return None
        return self.store.copy_in(self.path / filename, scratch)

    def adopt(self, filename: str, codec: Codec[Any], *, why: str, now: datetime) -> bool:
        """Declare the file in view right, as if received; False when it was so already.

        Raises EventError, and records nothing, when it is locked or does not hold what `codec` reads.
        """
        _check_name(filename, "file name")
        path = self.path / filename
        if not path.is_file():
            raise EventError(f"there is no file {filename} in {self.path} to adopt")
        with self.writing() as state, self.scratch() as scratch:
            self._refuse_locked(state, filename)
            seen = Stat.of(path.stat())
            try:
                read(codec, path)
            except DecodeError as error:
                raise EventError(f"{error}; mend the file and adopt it then. Nothing was recorded") from error
            digest = self.store.copy_in(path, scratch)
            if Stat.of(path.stat()) != seen:
                raise EventError(f"{filename} changed while it was read; adopt it again when it is finished")
            file = state.file(filename)
            if digest == file.digest and file.outside:
                return False
            self.append([Adopted(at=now, filename=filename, digest=digest, seen=seen, why=why)])
            return True

    def remake(self, product: Product[Any], *, why: str, now: datetime) -> None:
        """Ask for a product to be made again; what was edited by hand is kept as a version.

        Raises EventError for a product that comes from outside.
        """
        if product.make is None:
            raise EventError(f"{product.filename} comes from outside and cannot be made again")
        with self.writing(), self.scratch() as scratch:
            edit = self._kept_edit(product.filename, scratch)
            self.append([Requested(at=now, filename=product.filename, why=why, set_aside=edit)])

    def veto(self, filename: str | None, *, why: str, now: datetime) -> None:
        """Make no more of a product, or of the whole event (None)."""
        self._note(Vetoed(at=now, filename=filename, why=why))

    def unveto(self, filename: str | None, *, why: str, now: datetime) -> None:
        """Lift a veto; for the whole event also the flag."""
        self._note(Unvetoed(at=now, filename=filename, why=why))
        if filename is None and self._state.flags.vetoed:
            self.flag({"vetoed": False}, why=why, now=now)

    def lock(self, filename: str | None, *, why: str, now: datetime) -> None:
        """Keep a file, or the whole event, as it is."""
        self._note(Locked(at=now, filename=filename, why=why))

    def unlock(self, filename: str | None, *, why: str, now: datetime) -> None:
        """Lift a lock."""
        self._note(Unlocked(at=now, filename=filename, why=why))

    def flag(self, changes: Mapping[str, str | bool], *, why: str, now: datetime) -> Flags:
        """Set flags; returns them all. Raises ValueError for a flag or value there is not."""
        with self.writing() as state:
            wanted = state.flags.replace(changes)
            present = state.flags.as_dict()
            news = {name: value for name, value in wanted.as_dict().items() if present[name] != value}
            if news:
                self.append([Flagged(at=now, flags=news, why=why)])
            return wanted

    def _note(self, entry: Entry) -> None:
        with self.writing():
            self.append([entry])

    def _refuse_locked(self, state: State, filename: str) -> None:
        if filename in state.locks or None in state.locks:
            raise EventError(f"{filename} in {self.path} is locked; `llama event unlock` first")


def _check_name(name: str, what: str) -> None:
    if not name or name.startswith(".") or "/" in name or "\0" in name:
        raise EventError(f"{what} {name!r}: it must not be empty, start with a dot or hold a slash")
