"""An event: a folder of plain files, and `.llama/` with the journal, every content it ever had, and a lock.

People and steps see copies; the journal and the objects are the truth. Whatever changes an event does so by
appending to the journal under its lock.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from llama.advice import UNLOCK
from llama.engine.errors import DecodeError, EventError, JournalLost, NotAnEvent
from llama.engine.folder.claim import Owner, is_dead, is_mine, lives, person
from llama.engine.folder.creation import build, new_folder_name, rename_new
from llama.engine.folder.filesystem import MOST_BYTES, copy_regular, require_local, storage_errors
from llama.engine.folder.journal import (
    Adopted,
    Entry,
    Flagged,
    Item,
    Journal,
    Locked,
    Notified,
    Received,
    Requested,
    Stat,
    Unlocked,
    Unvetoed,
    Vetoed,
)
from llama.engine.folder.names import name_fault, readable
from llama.engine.folder.state import NOT_A_FILE, Observed, State
from llama.engine.folder.store import Parts, Store, settle
from llama.engine.folder.views import View, Views
from llama.engine.graph import (
    Codec,
    FlagRules,
    FlagValues,
    Pipeline,
    Product,
    Selection,
    ServiceKey,
    Shared,
    read,
)


class Surroundings(Protocol):
    """What is to be known of the world outside an event to judge it."""

    def __call__(self, shared: Shared[Any]) -> str | None:
        """The digest of a shared file; None when it is not there."""

    @property
    def flags(self) -> FlagRules:
        """How flags of events are read, and which veto an event."""
        ...

    def lacks(self, key: ServiceKey[Any]) -> str | None:
        """Why a service cannot be used here, and what to set; None when it can."""


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
        self.views = Views(self.path, self.store)

    @property
    def label(self) -> str:
        """The event's id as it can be printed on one line, whatever the folder is called."""
        return readable(self.id) or ascii(self.id)[1:-1]

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
    def create(cls, path: Path, files: Mapping[str, bytes], flags: FlagValues, *, why: str, now: datetime) -> Event:
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

        Raises NotAnEvent without a journal, JournalLost when it is empty (an event is never without an entry), and
        EventError when the folder's name cannot be written into results.
        """
        if readable(self.id) is None:
            raise EventError(f"the folder's name {name_fault(self.id)}; rename {str(self.path)!a}")
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

    def look(self, pipeline: Pipeline, outside: Surroundings) -> State:
        """The state with everything observed that `statuses` needs for this pipeline."""
        state = self.refresh()
        tables = {item.key: item for product in pipeline for item in product.tables}
        services = {key.name: key for product in pipeline for key in product.services}
        views = self.views.observe([*pipeline.by_filename, *state.files], state)
        state.observed = Observed(
            views=views,
            lost=self.views.lost(views, state),
            parts=self._selected(pipeline, state),
            shared={name: outside(item) for name, item in tables.items()},
            lacks={name: why for name, key in services.items() if (why := outside.lacks(key))},
            dead=self._dead(state) | state.overruled(outside.flags),
            rules=outside.flags,
            rivals=self._rivals(pipeline, state) if tables else {},
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
        """Digest of the file in view; see `Views.digest`."""
        return self.views.digest(filename, self._state.file(filename))

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

    def _rivals(self, pipeline: Pipeline, state: State) -> dict[str, bool]:
        me, known = Owner.myself(), dict[tuple[str, int], bool | None]()
        found: dict[str, bool] = {}
        for product in pipeline:
            maker = state.file(product.filename).maker
            if not product.shared or maker is None or is_mine(maker, me):
                continue
            who = maker.host, maker.pid
            if who not in known:
                known[who] = lives(maker, me)
            if known[who] is not False:
                found[product.filename] = known[who] is True
        return found

    # ------------------------------------------------------------------ changing
    # An order carries who gave it: `by`, or else who runs this program.

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
        """As `Views.prepare`."""
        return self.views.prepare(filename, digest, self._state.file(filename), scratch, replaces=replaces)

    def show(self, views: Iterable[View]) -> None:
        """As `Views.show`."""
        self.views.show(views)

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
                if len(data) > MOST_BYTES:
                    raise EventError(f"{filename}: a file of an event holds at most {MOST_BYTES / 1e9:g} GB")
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

    def adopt(self, filename: str, codec: Codec[Any], *, why: str, now: datetime, by: str | None = None) -> bool:
        """Declare the file in view right, as if received; False when it was so already.

        Raises EventError, and records nothing, when it is locked or does not hold what `codec` reads.
        """
        _check_name(filename, "file name")
        path = self.path / filename
        if not path.exists():
            raise EventError(f"there is no file {filename} in {self.path} to adopt")
        with self.writing() as state, self.scratch() as scratch:
            self._refuse_locked(state, filename)
            seen, copy = Stat.of(path.stat()), scratch / filename
            copy_regular(path, copy)
            try:
                read(codec, copy)
            except DecodeError as error:
                raise EventError(f"{error}; mend the file and adopt it then. Nothing was recorded") from error
            digest = settle(copy)
            if Stat.of(path.stat()) != seen:
                raise EventError(f"{filename} changed while it was read; adopt it again when it is finished")
            self.store.take(copy, digest)  # also heals a kept copy that was lost
            file = state.file(filename)
            if digest == file.digest and file.outside:
                return False
            who = by or person()
            self.append([Adopted(at=now, filename=filename, digest=digest, seen=seen, why=why, by=who)])
            return True

    def remake(self, product: Product[Any], *, why: str, now: datetime, by: str | None = None) -> None:
        """Ask for a product to be made again; what was edited by hand is kept as a version.

        Raises EventError for a product that comes from outside.
        """
        if product.make is None:
            raise EventError(f"{product.filename} comes from outside and cannot be made again")
        with self.writing(), self.scratch() as scratch:
            edit = self._kept_edit(product.filename, scratch)
            who = by or person()
            self.append([Requested(at=now, filename=product.filename, why=why, set_aside=edit, by=who)])

    def notify(self, filename: str, news: str, *, why: str, now: datetime) -> bool:
        """Let a product be made again because its source has news, known by their digest; False for no news.

        What was never made nor begun reads its source anyway, and what was received or adopted stays.
        """
        with self.writing() as state:
            file = state.files.get(filename)
            if file is None or file.outside or news in file.notified:
                return False
            self.append([Notified(at=now, filename=filename, news=news, why=why)])
            return True

    def veto(self, filename: str | None, *, why: str, now: datetime, by: str | None = None) -> None:
        """Make no more of a product, or of the whole event (None)."""
        self._note(Vetoed(at=now, filename=filename, why=why, by=by or person()))

    def unveto(self, filename: str | None, *, why: str, now: datetime, by: str | None = None) -> None:
        """Lift a veto; one by a flag stays."""
        self._note(Unvetoed(at=now, filename=filename, why=why, by=by or person()))

    def lock(self, filename: str | None, *, why: str, now: datetime, by: str | None = None) -> None:
        """Keep a file, or the whole event, as it is."""
        self._note(Locked(at=now, filename=filename, why=why, by=by or person()))

    def unlock(self, filename: str | None, *, why: str, now: datetime, by: str | None = None) -> None:
        """Lift a lock."""
        self._note(Unlocked(at=now, filename=filename, why=why, by=by or person()))

    def flag(self, changes: FlagValues, *, why: str, now: datetime, by: str | None = None) -> None:
        """Set flags. Which there are, and with which values, whoever calls this has to know."""
        with self.writing() as state:
            news = {name: value for name, value in changes.items() if state.flags.get(name) != value}
            if news:
                self.append([Flagged(at=now, flags=news, why=why, by=by or person())])

    def _note(self, entry: Entry) -> None:
        with self.writing():
            self.append([entry])

    def _refuse_locked(self, state: State, filename: str) -> None:
        if filename in state.locks or None in state.locks:
            raise EventError(f"{filename} in {self.path} is locked; {UNLOCK} first")


def _check_name(name: str, what: str) -> None:
    if fault := name_fault(name):
        raise EventError(f"{what} {name!r}: it {fault}")
