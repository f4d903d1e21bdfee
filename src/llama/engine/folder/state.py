"""What an event's journal adds up to.

A pure fold: the same entries in the same order give the same state, on any machine, at any time. What cannot be
in the journal (what lies in the folder today, which claimants live) is `Observed`, handed in beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from llama.advice import Advice, Reason
from llama.engine.folder.journal import (
    Adopted,
    Claimed,
    Deferred,
    Failed,
    Flagged,
    Item,
    Locked,
    Made,
    Notified,
    Received,
    Requested,
    Seen,
    Sending,
    Stat,
    Unknown,
    Unlocked,
    Unvetoed,
    Vetoed,
    Words,
)
from llama.engine.graph import FLAG, SHARED, FlagRules, FlagValues

NOT_A_FILE = "not a file"
"""Stands for the digest of a folder, a pipe, … in view under the name of a file."""


@dataclass(frozen=True, slots=True)
class Version:
    """One content a file has had. `kind` says how it came: Received, Adopted or Made."""

    number: int
    digest: str
    at: datetime
    kind: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Failures in a row, and the last of them."""

    count: int
    at: datetime
    error: Reason
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Deferral:
    """The data were not there yet; `until` is None when only other inputs can help."""

    why: Reason
    until: datetime | None
    inputs: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    """What a content was made from.

    Attributes:
        inputs: digest by input key.
        declared: keys of all that its product declared then; None when that was not written down yet.
        flags: those of the event at that time.
    """

    inputs: Mapping[str, str] = field(default_factory=dict)
    declared: frozenset[str] | None = None
    flags: FlagValues = field(default_factory=dict)


@dataclass(slots=True)
class FileState:
    """What the journal knows of one file.

    Attributes:
        digest: of its present content; None when there is none.
        outside: the present content was received or adopted, not made.
        inputs: what the present content was made from, digest by input key.
        due: when it wants to be made again.
        requested: why it is to be made again, if not yet done: somebody asked for it, or its source has news.
        notified: digests of the news of its source that were told.
        seen: per digest, the view that was last found to hold it.
        set_aside: hand-made contents that somebody decided against.
        given: digests of all files that any version was made from.
        alike: every origin from which the present content was made, the last one first.
        tables: every set of shared files with which any version was made, digest by input key.
        claimant: whoever took the present claim, which may have been handed on since.
        maker: whoever had claimed the making of the present content.
        claimed_under: the flags when its claim was taken.
        sending: the last claim that got hold of a service that writes, if nothing was made since: it may be out.
    """

    versions: list[Version] = field(default_factory=list)
    digest: str | None = None
    outside: bool = False
    made_at: datetime | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    due: datetime | None = None
    failure: Failure | None = None
    deferral: Deferral | None = None
    requested: str | None = None
    requested_at: int = -1
    notified: set[str] = field(default_factory=set)
    claim: Claimed | None = None
    claimed_at: int = -1
    seen: dict[str, Stat] = field(default_factory=dict)
    set_aside: set[str] = field(default_factory=set)
    given: set[str] = field(default_factory=set)
    alike: list[Origin] = field(default_factory=list)
    tables: list[Mapping[str, str]] = field(default_factory=list)
    claimant: Claimed | None = None
    maker: Claimed | None = None
    sending: Claimed | None = None
    claimed_under: FlagValues = field(default_factory=dict)

    def knows(self, digest: str) -> bool:
        """Whether this content is, or was, one the journal has a copy of."""
        return digest in self.set_aside or any(version.digest == digest for version in self.versions)


@dataclass(frozen=True, slots=True)
class Observed:
    """What the journal cannot say.

    Attributes:
        views: per file name, the digest of the file in view, None when it is missing.
        parts: per (file digest, selection key), the digest of the selected part.
        shared: per shared file's key, its digest, None when it is not there.
        lacks: per name of a service that cannot be used here, why, and what to set.
        dead: ids of claims whose claimant is gone.
        lost: files of which neither the one in view nor the kept copy is what the journal says.
        rules: how flags are read here.
        rivals: files that another process had made that may still run, and whether it is known to.
    """

    views: Mapping[str, str | None] = field(default_factory=dict)
    parts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    shared: Mapping[str, str | None] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    dead: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    rivals: Mapping[str, bool] = field(default_factory=dict)
    rules: FlagRules = field(default_factory=FlagRules)


class State:
    """The sum of a journal so far. `add` goes on; nothing else changes it."""

    def __init__(self, entries: Iterable[Item] = (), observed: Observed | None = None) -> None:
        self.files: dict[str, FileState] = {}
        self.flags: FlagValues = {}
        """As they were recorded; `read_flags` says what they mean here."""
        self.vetoes: dict[str | None, str] = {}
        self.locks: dict[str | None, str] = {}
        self.claims: dict[str, Claimed] = {}
        self.parts: dict[tuple[str, str], str] = {}
        self.modified: datetime | None = None
        self.heard: datetime | None = None
        """When anything was last received from outside."""
        self.length = 0
        self.damaged: list[str] = []
        """Lines of the journal that hold nothing that can be read, which were something once."""
        self.observed = observed or Observed()
        self.add(entries)

    def file(self, filename: str) -> FileState:
        """What is known of a file; an empty answer for one never heard of."""
        return self.files.get(filename) or FileState()

    @property
    def read_flags(self) -> FlagValues:
        """Every flag there is, by the rules that were observed."""
        return self.observed.rules.read(self.flags)

    @property
    def vetoing_flag(self) -> str | None:
        """The name of a flag that vetoes the event, by the rules that were observed."""
        return self.observed.rules.vetoing(self.read_flags)

    def overruled(self, rules: FlagRules) -> frozenset[str]:
        """Claims of before flags vetoed the event; not those of which something may be out."""
        if not self.claims or not rules.vetoing(rules.read(self.flags)):
            return frozenset()
        files = {claim: self._of(entry.filename) for claim, entry in self.claims.items()}
        return frozenset(
            claim
            for claim, file in files.items()
            if not _sends(file) and not rules.vetoing(rules.read(file.claimed_under))
        )

    def add(self, entries: Iterable[Item]) -> None:
        """Fold in what comes next in the journal."""
        for entry in entries:
            self.length += 1
            if isinstance(entry, Unknown):
                self.damaged += [f"journal line {self.length} {entry.why}"] if entry.why else []
            else:
                _HANDLERS[type(entry)](self, entry)
                self.modified = entry.at

    def _of(self, filename: str) -> FileState:
        if filename not in self.files:
            self.files[filename] = FileState()
        return self.files[filename]

    def _release(self, file: FileState) -> Claimed | None:
        """The file's claim is over."""
        claim, file.claim = file.claim, None
        return self.claims.pop(claim.claim, None) if claim else None

    def _outside(self, entry: Received | Adopted) -> None:
        """New content from outside; whoever is making this file now makes it in vain."""
        file = self._of(entry.filename)
        self._release(file)
        if isinstance(entry, Received):
            self.heard = entry.at
        _put(file, entry.digest, entry.at, type(entry).__name__, entry.seen)
        file.outside, file.inputs, file.due, file.made_at = True, {}, None, entry.at
        file.alike, file.maker = [], None
        file.failure = file.deferral = file.requested = None

    def _claimed(self, entry: Claimed) -> None:
        file = self._of(entry.filename)
        if file.claim is None or file.claim.claim != entry.claim:  # else it is handed over
            self._release(file)
            file.claimed_at, file.claimant, file.claimed_under = self.length, entry, self.flags
        file.claim = self.claims[entry.claim] = entry
        for key, digest in entry.inputs.items():
            source = entry.sources.get(key.partition("#")[0])
            if "#" in key and source:
                self.parts[source, key] = digest

    def _sending(self, entry: Sending) -> None:
        if (claim := self.claims.get(entry.claim)) is not None:
            file = self._of(claim.filename)
            file.sending = claim
            file.given.update(claim.sources.values())

    def _made(self, entry: Made) -> None:
        file = self._of(entry.filename)
        if file.requested_at < file.claimed_at:
            file.requested = None  # asked for before this making began, so this is the answer
        claim = self._release(file)
        declared = None if isinstance(entry.declared, msgspec.UnsetType) else frozenset(entry.declared)
        origin = Origin(entry.inputs, declared, self.flags)
        file.alike = [origin, *(known for known in file.alike if entry.digest == file.digest)]
        if (tables := tables_among(entry.inputs)) not in file.tables:
            file.tables.append(tables)
        file.maker = file.claimant if claim else None
        _put(file, entry.digest, entry.at, "Made", entry.seen)
        file.outside, file.inputs, file.due, file.made_at = False, entry.inputs, entry.due, entry.at
        file.failure = file.deferral = file.sending = None
        file.given.update(claim.sources.values() if claim else ())

    def _failed(self, entry: Failed) -> None:
        if (ended := self._given_up(entry)) is not None:
            file, inputs = ended
            count = file.failure.count + 1 if file.failure and file.failure.inputs == inputs else 1
            file.failure = Failure(count, entry.at, _reason(entry.error, entry.advice), inputs)

    def _deferred(self, entry: Deferred) -> None:
        if (ended := self._given_up(entry)) is not None:
            file, inputs = ended
            file.deferral, file.failure = Deferral(_reason(entry.why, entry.advice), entry.until, inputs), None

    def _given_up(self, entry: Failed | Deferred) -> tuple[FileState, Mapping[str, str]] | None:
        """The file and inputs of a claim that ends without a result; None when the claim had been lost before."""
        claim = self.claims.get(entry.claim)
        if claim is None:
            return None
        file = self._of(claim.filename)
        self._release(file)
        file.deferral = None
        return file, claim.inputs

    def _requested(self, entry: Requested) -> None:
        file = self._of(entry.filename)
        file.requested, file.requested_at = entry.why or "asked to make it again", self.length
        file.failure = file.deferral = None
        if entry.set_aside:
            file.set_aside.add(entry.set_aside)

    def _notified(self, entry: Notified) -> None:
        """What was told before is no news."""
        file = self._of(entry.filename)
        if entry.news in file.notified:
            return
        file.notified.add(entry.news)
        file.requested, file.requested_at = entry.why or "its source has news", self.length
        file.failure = file.deferral = None

    def _seen(self, entry: Seen) -> None:
        self._of(entry.filename).seen[entry.digest] = entry.seen

    def _vetoed(self, entry: Vetoed) -> None:
        self.vetoes[entry.filename] = entry.why
        self._stop(entry.filename)

    def _unvetoed(self, entry: Unvetoed) -> None:
        self.vetoes.pop(entry.filename, None)

    def _locked(self, entry: Locked) -> None:
        self.locks[entry.filename] = entry.why
        self._stop(entry.filename)

    def _unlocked(self, entry: Unlocked) -> None:
        self.locks.pop(entry.filename, None)

    def _stop(self, filename: str | None) -> None:
        """Whoever is at it must not commit; but what may be out already is recorded."""
        for name, file in self.files.items():
            if (filename is None or name == filename) and not _sends(file):
                self._release(file)

    def _flagged(self, entry: Flagged) -> None:
        self.flags = {**self.flags, **entry.flags}


def flag_inputs(flags: FlagValues) -> dict[str, str]:
    """Every flag as an input: its value by its key."""
    return {f"{FLAG}{name}": json.dumps(value) for name, value in flags.items()}


def _sends(file: FileState) -> bool:
    """Whether somebody is at it, and something of it may be out."""
    return file.claim is not None and file.sending is not None and file.claim.claim == file.sending.claim


def tables_among(inputs: Mapping[str, str]) -> dict[str, str]:
    """The shared files among the inputs of a product: what the settings of a run decide."""
    return {key: digest for key, digest in inputs.items() if key.startswith(SHARED)}


def _reason(text: str, advice: Words | msgspec.UnsetType) -> Reason:
    return Reason.read(text, () if isinstance(advice, msgspec.UnsetType) else map(Advice, advice))


def _put(file: FileState, digest: str, at: datetime, kind: str, seen: Stat | None) -> None:
    if digest != file.digest:
        file.versions.append(Version(len(file.versions) + 1, digest, at, kind))
        file.digest = digest
    if seen is not None:
        file.seen[digest] = seen


_HANDLERS: Mapping[type, Callable[[State, Any], None]] = {
    Received: State._outside,
    Adopted: State._outside,
    Claimed: State._claimed,
    Sending: State._sending,
    Made: State._made,
    Failed: State._failed,
    Deferred: State._deferred,
    Requested: State._requested,
    Notified: State._notified,
    Seen: State._seen,
    Vetoed: State._vetoed,
    Unvetoed: State._unvetoed,
    Locked: State._locked,
    Unlocked: State._unlocked,
    Flagged: State._flagged,
}
