"""Looking after an event: finishing what a crash interrupted, checking every byte, old versions, tidying."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from llama.advice import ADOPT, CHECK, REMAKE, REPAIR
from llama.engine.errors import EventError, NotAFile
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Entry, Made, Seen, Unknown
from llama.engine.folder.state import NOT_A_FILE, FileState, State, Version
from llama.engine.folder.store import digest_of, place
from llama.engine.folder.views import NO_FILE, View, ways_on_from_a_loss, ways_on_from_an_edit
from llama.engine.graph import Pipeline

_AGAIN = f"receive it again, or {REMAKE} it"

_CUT = "the journal is shorter than it was: its last entries were cut off"


def needs_repair(event: Event, state: State) -> bool:
    """Whether a view is missing or old, had to be hashed because the journal does not know its looks, or shares its
    bytes with a kept copy.

    `state` is the answer of `event.look`.
    """
    if event.views.entangled:
        return True
    strangers = event.views.strangers
    for filename, file in state.files.items():
        present = state.observed.views.get(filename)
        if file.digest is None or (present == file.digest and filename not in strangers):
            continue
        if (present is None or file.knows(present)) and filename not in state.observed.lost:
            return True
    return False


def repair(event: Event, *, now: datetime) -> list[str]:
    """Finish interrupted commits; says what was done. Never touches a file that was edited by hand.

    Puts back views that are missing or show an earlier version, cuts a torn last line of the journal, removes
    scratch of makers that are gone, and restores a missing or damaged object from an intact view. What it cuts or
    replaces is kept aside.
    """
    done: list[str] = []
    with event.writing() as state:
        if event.journal.cut_off():
            done.append(f"{_CUT}; from now on what is left counts")
        missing = any(file.digest and file.digest not in event.store for file in state.files.values())
        event.append([])  # cuts a torn line
        done += event.journal.cut
        event.journal.cut.clear()
        event.clear_scratch(state)
        with event.scratch() as scratch:
            event.views.observe(state.files, state)
            for filename, digest in event.views.entangled.items():
                done.append(event.views.disentangle(filename, digest, scratch))
            event.views.entangled.clear()
            views: list[View] = []
            entries: list[Entry] = []
            for filename in state.files:
                _repair_file(event, filename, scratch, now, views, entries, done)
            event.append(entries)
            event.show(views)
        if missing and (lost := _lost_versions(event, state)):
            done.append(f"{lost} earlier versions have no kept copy (pruned, or lost); nothing present needs them")
    return done


def _lost_versions(event: Event, state: State) -> int:
    """How many contents that files had before are not kept (any more)."""
    return sum(
        version.digest not in event.store
        for file in state.files.values()
        for version in file.versions
        if version.digest != file.digest
    )


def _repair_file(
    event: Event,
    filename: str,
    scratch: Path,
    now: datetime,
    views: list[View],
    entries: list[Entry],
    done: list[str],
) -> None:
    file = event.refresh().file(filename)
    present = event.view_digest(filename)
    if file.digest is None:
        return
    if not event.store.intact(file.digest):
        done.append(_restored(event, filename, file.digest, present, scratch))
        if present != file.digest:
            return
    if present is not None and not file.knows(present):
        return
    view = event.prepare_view(filename, file.digest, scratch)
    if view.temporary is not None:
        views.append(view)
        done.append(f"{filename}: put in view ({'it was missing' if present is None else 'an older version was'})")
    if view.seen is not None and file.seen.get(file.digest) != view.seen:
        entries.append(Seen(at=now, filename=filename, digest=file.digest, seen=view.seen))


def _restored(event: Event, filename: str, digest: str, present: str | None, scratch: Path) -> str:
    """Restore the kept copy from the file in view, if that is intact; says what was done, or why it could not be."""
    damaged = digest in event.store
    if present == digest:
        event.store.copy_in(event.path / filename, scratch)
        aside = ", the damaged one is kept aside in .llama/aside" if damaged else ""
        return f"{filename}: kept copy restored from the file in view{aside}"
    edited = present is not None and not event.refresh().file(filename).knows(present)
    kept = f"the kept copy {event.store.path(digest)} is damaged" if damaged else "no kept copy is left"
    left = "only an edit by hand is" if edited else "and no intact file in view is"
    advice = f"{ADOPT} the edit, or {_AGAIN}" if edited else _AGAIN
    return f"{filename}: could not be restored: {kept}, {left}; {advice}"


def check(event: Event) -> list[str]:
    """Hash everything again; one line for each thing that is wrong."""
    found = list(State(event.entries()).damaged)
    if lost := event.journal.cut_off():
        found.append(f"{_CUT} ({lost} bytes); put .llama/journal.jsonl back from a backup, or {REPAIR}")
    found += [
        f"object {digest} is damaged: its bytes are no longer those it is named after"
        for digest in sorted(event.store)
        if _digest(event.store.path(digest)) != digest
    ]
    state = event.refresh()
    event.views.observe(state.files, state)
    found += [
        f"{filename}: shares its bytes with the kept copy {digest}, which an edit in place would destroy; "
        f"{REPAIR} gives each its own"
        for filename, digest in sorted(event.views.entangled.items())
    ]
    for filename, file in sorted(state.files.items()):
        if file.digest is not None:
            found += (f"{filename}: {line}" for line in _faults(event, filename, file, file.digest))
    return found


def _faults(event: Event, filename: str, file: FileState, digest: str) -> Iterator[str]:
    """What is wrong with one file: its kept copy, and what is in view."""
    present = _digest(event.path / filename)
    lost = _digest(event.store.path(digest)) != digest
    if digest not in event.store:
        yield "the kept copy is missing" + (
            f"; {REPAIR} restores it from the file in view" if present == digest else ""
        )
    if present == digest:
        return
    if present == NOT_A_FILE:
        yield NO_FILE
    elif present is not None and not file.knows(present):
        yield f"was edited by hand: {ways_on_from_an_edit(file, lost=lost)}"
    else:
        what = "not in view" if present is None else "shows an older version"
        back = f"{REPAIR} puts {'it' if present is None else 'the present one'} back"
        yield f"{what}; {ways_on_from_a_loss(file) if lost else back}"


def _digest(path: Path) -> str | None:
    """Of the bytes as they are now; None when there is nothing, NOT_A_FILE for what cannot be read as a file."""
    try:
        return digest_of(path)
    except FileNotFoundError:
        return None
    except (OSError, NotAFile):
        return NOT_A_FILE


def mend_objects(event: Event) -> list[str]:
    """Replace damaged objects by intact files in view; says what was done, and what could not be.

    Their damaged bytes are kept aside; where nothing intact is left, they stay where they are.
    """
    done: list[str] = []
    for digest in [digest for digest in sorted(event.store) if _digest(event.store.path(digest)) != digest]:
        intact = _intact_view(event, digest)
        if intact is None:
            done.append(f"object {digest} is damaged and no intact copy is left; remake or receive it again")
            continue
        with event.writing(), event.scratch() as scratch:
            kept = event.store.set_aside(digest)
            event.store.copy_in(intact, scratch)
        done.append(f"object {digest} restored from {intact.name}; {kept}")
    return done


def _intact_view(event: Event, digest: str) -> Path | None:
    for filename, file in event.refresh().files.items():
        path = event.path / filename
        if file.digest == digest and _digest(path) == digest:
            return path
    return None


def versions(event: Event, filename: str) -> list[Version]:
    """Every content the file has had, oldest first. Raises EventError for a file never heard of."""
    state = event.refresh()
    if filename not in state.files:
        raise EventError(f"{event.id} has never had a file {filename}")
    return list(state.files[filename].versions)


def version_name(event: Event, filename: str, version: Version) -> str:
    """The name a version has outside its event: `S1234-v3-dedb33f-skymap_info.json`."""
    return f"{event.id}-v{version.number}-{version.digest[:7]}-{filename}"


def get_version(event: Event, filename: str, number: int | None, into: Path) -> Path:
    """Write a copy of one version (None: the present one) into a folder; never overwrites."""
    every = versions(event, filename)
    chosen = every[-1:] if number is None else [version for version in every if version.number == number]
    if not chosen:
        raise EventError(f"{filename} has no version {number}; there are 1 to {len(every)}")
    target = into / version_name(event, filename, chosen[0])
    if into.resolve() == event.path.resolve():
        raise EventError(f"{into.resolve()} is the event's own folder; say where to put the copy: --into DIR")
    if os.path.lexists(target):
        raise EventError(f"{target} exists already and is left as it is")
    if chosen[0].digest not in event.store:
        raise EventError(f"version {chosen[0].number} of {filename} has no kept copy: pruned, or lost")
    if not event.store.intact(chosen[0].digest):
        raise EventError(f"the kept copy of version {chosen[0].number} of {filename} is damaged: {CHECK}")
    place(event.store.path(chosen[0].digest), target)
    return target


def prune(event: Event, pipeline: Pipeline, *, dry_run: bool = False) -> list[str]:
    """Remove contents that can be made again and nothing needs; says, one line each, what went (`dry_run`: would go).

    What was received, adopted or edited by hand nobody can make again, so it is always kept.
    """
    with event.writing() as state:
        if event.journal.cut_off():
            raise EventError(f"{event.path}: {_CUT}, so what is needed is not known; nothing was dropped")
        needed = _needed(state, pipeline) | _named(event)
        dropped = sorted(digest for digest in event.store if digest not in needed)
        names = {
            version.digest: f"{filename} version {version.number}"
            for filename, file in state.files.items()
            for version in file.versions
        }
        verb = "would drop" if dry_run else "dropped"
        said = [
            f"{verb} {names.get(digest, f'content {digest[:7]}, which no file ever had')}"
            f" ({event.store.path(digest).stat().st_size} bytes)"
            for digest in dropped
        ]
        if not dry_run:
            event.store.drop(dropped)
        return said


def _named(event: Event) -> set[str]:
    """Contents named by lines of the journal that nobody here can read."""
    lines = b"\n".join(entry.line for entry in event.entries() if isinstance(entry, Unknown))
    return {digest for digest in event.store if digest.encode() in lines}


def _needed(state: State, pipeline: Pipeline) -> set[str | None]:
    """Contents of present files, of running makers, from people and from outside, and of what was published.

    A receipt is the product of a step that writes to the outside; what it was made from was published.
    """
    needed = {file.digest for file in state.files.values()}
    needed |= {digest for claim in state.claims.values() for digest in claim.sources.values()}
    for file in state.files.values():
        needed |= file.set_aside | {version.digest for version in file.versions if version.kind != Made.__name__}
    for product in pipeline:
        if any(service.writes for service in product.services):
            file = state.file(product.filename)
            needed |= file.given | {version.digest for version in file.versions}
    return needed
