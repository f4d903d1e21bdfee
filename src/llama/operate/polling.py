"""Alerts that were missed, looked for in GraceDB and taken in as a listener takes them.

Each public notice goes through `llama.intake.Intake`: it is archived as it is and delivered. What a listener heard
before, or hears later, is the same alert by the same identity, so together they have each alert once. Notices are
taken in the order in which they were written, with the number GraceDB gives them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from llama.advice import VETO_RETRACTED
from llama.engine.folder import Delivery, Event, Run
from llama.formats.errors import FormatError, NotForUs
from llama.intake import FETCHED, Archive, Intake
from llama.messengers import Message, Messenger
from llama.messengers.gw.alert import Alert, skymap_filename
from llama.messengers.gw.gracedb import TAKEN_BACK, newest_skymap
from llama.messengers.gw.names import RETRACTION
from llama.messengers.gw.notice import read_alert
from llama.messengers.gw.products import IGWN_ALERT
from llama.messengers.gw.start import skymap_file
from llama.operate.fetched import Memory
from llama.operate.pairing import Written, may_be_first, pairs
from llama.ports import GraceDB, GraceDBError, GraceDBRefused, StoredNotice, Superevent
from llama.science.times import format_utc, gps_from_utc

_LOG = logging.getLogger("llama.gracedb")
TOPIC = "igwn.gwalert"
"""Where a listener would have heard it."""
LOOK_BACK_S = 200_000.0
RECENT_S = 30 * 86_400.0
"""Superevents whose events here changed since are looked at too: updates and retractions come days later."""
OLDER_EVERY_S = 3600.0
"""How often those are, and notices that nobody could read."""
_AHEAD_S = 10 * 365 * 86_400.0
"""However far this machine's clock is behind, that must not hide what is new."""
_ALONE = "alone"
"""How a VOEvent is remembered that counted by itself."""


@dataclass(frozen=True)
class Fetched(Message):
    """A notice out of GraceDB, and what GraceDB says besides: its number, and the map that the notice only names."""

    serial: int | None = None
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class TakenIn:
    """What came of one notice.

    Attributes:
        graceid, file: which.
        events: those that have it.
        new: whether an event was made.
        takes_back: whether it is a retraction.
        dead: where it is kept when nothing could be made of it; empty when all went well.
    """

    graceid: str
    file: str
    events: tuple[Event, ...]
    new: bool
    takes_back: bool
    dead: str = ""


@dataclass(frozen=True)
class Polled:
    """What a look found.

    Attributes:
        superevents: how many were looked at.
        found: what came of each notice that was not taken before.
        troubles: a sentence for each superevent that could not be looked at to the end.
        remarks: what people should know of the others.
    """

    superevents: int
    found: tuple[TakenIn, ...]
    troubles: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Notice(Written):
    """A notice that was fetched, and the alert in it; None when it cannot be read."""

    stored: StoredNotice
    data: bytes = field(repr=False)
    alert: Alert | None = None


@dataclass(frozen=True)
class _Earlier(Written):
    """An alert that was taken in before, and how it is remembered: `json`, `voevent` beside its notice, or alone."""

    form: str


class Poller:
    """Looks into one GraceDB for one run, again and again; `intake` is the listener's door."""

    def __init__(self, gracedb: GraceDB, intake: Intake) -> None:
        self._gracedb, self._run = gracedb, intake.run
        messengers = [_completed(one) if one.name == "gw" else one for one in intake.messengers]
        apart = Archive(intake.archive.root, FETCHED)  # it was not heard when it was written
        self._intake = Intake(intake.run, apart, messengers, intake.observation)
        self._memory = Memory(intake.run.path, gracedb.url)
        self._not_before: dict[str, datetime] = {}
        self._remarked: set[str] = set()

    def poll(
        self,
        *,
        now: datetime,
        since_s: float = LOOK_BACK_S,
        mock: bool = False,
        alive: Callable[[], object] = lambda: None,
    ) -> Polled:
        """Take in what is new of the superevents since then, saying `alive` before each.

        GraceDBError when GraceDB cannot even be searched.
        """
        superevents = self._superevents(now, since_s, mock=mock)
        found: list[TakenIn] = []
        troubles: list[str] = []
        remarks: list[str] = []
        for superevent in superevents:
            alive()
            try:
                fetched, refused = self._fetched(superevent.graceid, now)
                for one in fetched:  # what was taken in is told, also when the next one fails
                    found.append(self._take(superevent.graceid, one, now))  # noqa: PERF401
                troubles += refused
                remarks += self._remarks(superevent)
            except GraceDBError as error:
                troubles.append(str(error))
        for trouble in troubles:
            _LOG.info("%s", trouble)
        return Polled(len(superevents), tuple(found), tuple(troubles), tuple(remarks))

    def _superevents(self, now: datetime, since_s: float, *, mock: bool) -> list[Superevent]:
        """Those of that time, and the older ones that have events here."""
        gps = gps_from_utc(format_utc(now))
        found: dict[str, Superevent] = {}
        for which in (False, True)[: 1 + mock]:
            for one in self._gracedb.superevents(gps - since_s, gps + _AHEAD_S, mock=which):
                found[one.graceid] = one
        for graceid in self._older(now):
            if graceid not in found and self._is_due(graceid, now):
                found[graceid] = Superevent(graceid, ())
        return list(found.values())

    def _older(self, now: datetime) -> Iterator[str]:
        oldest = now.timestamp() - RECENT_S
        for graceid, event_ids in sorted(self._intake.numbers.numbered().items()):
            if any(_changed(self._run, name) > oldest for name in event_ids):
                yield graceid

    def _is_due(self, what: str, now: datetime) -> bool:
        if now < self._not_before.get(what, now):
            return False
        self._not_before[what] = now + timedelta(seconds=OLDER_EVERY_S)
        return True

    def _fetched(self, graceid: str, now: datetime) -> tuple[Iterator[_Notice], list[str]]:
        """The notices to take in, in the order in which they were written; a sentence for each that is not given."""
        try:
            listed = self._gracedb.notices(graceid)
        except GraceDBRefused as error:
            _LOG.info("%s", error)  # one of this run that GraceDB does not show, such as a replayed or private one
            return iter(()), []
        fetched: list[_Notice] = []
        refused: list[str] = []
        for one in listed:
            if self._memory.has(graceid, one.file) or now < self._not_before.get(one.file, now):
                continue
            try:
                fetched.append(self._fetch(graceid, one))
            except GraceDBRefused as error:
                refused.append(str(error))
        fetched.sort(key=lambda one: (one.at, one.stored.created))
        return self._chosen(graceid, fetched, now), refused

    def _fetch(self, graceid: str, stored: StoredNotice) -> _Notice:
        def whole(data: bytes) -> tuple[bytes, Alert | None]:
            try:
                return data, read_alert(data)
            except NotForUs:
                return data, None

        try:
            data, alert = self._gracedb.file(graceid, stored.file, whole)
        except FormatError:  # what it is, intake tells; it is kept there as a dead letter
            data, alert = self._gracedb.file(graceid, stored.file, bytes), None
        kind, at = ("", stored.created) if alert is None else (alert.alert_type, alert.time_created)
        return _Notice(kind=kind, at=at, stored=stored, data=data, alert=alert)

    def _chosen(self, graceid: str, fetched: Sequence[_Notice], now: datetime) -> Iterator[_Notice]:
        """Each alert in one form: JSON with its VOEvent's number, or a VOEvent whose JSON is not to come."""
        taken = [_Earlier(one.kind, one.written, one.form) for one in self._memory.of(graceid)]
        sent = [one for one in fetched if one.stored.form == "voevent" and one.alert is not None]
        notices: list[Written] = [one for one in fetched if one.stored.form == "json" and one.alert is not None]
        notices += [one for one in taken if one.form == "json"]
        if sent:
            known = {(one.kind, one.at) for one in notices}
            notices += [one for one in self._here(graceid) if (one.kind, one.at) not in known]
        seconds: list[Written] = []
        numbers: dict[int, int | None] = {}
        for voevent, notice in pairs([*sent, *(one for one in taken if one.form != "json")], notices):
            if isinstance(voevent, _Notice):
                seconds.append(voevent)
                numbers[id(notice)] = voevent.stored.number
            elif isinstance(voevent, _Earlier) and voevent.form == _ALONE:
                seconds.append(notice)  # it came too late: its VOEvent counts
        for one in fetched:
            if any(one is second for second in seconds):
                self._remember(graceid, one, one.stored.form)
            elif (
                one.stored.form == "json" or one.alert is None or one.kind == RETRACTION or not may_be_first(one, now)
            ):
                number = numbers.get(id(one)) if one.stored.number is None else one.stored.number
                yield replace(one, stored=replace(one.stored, number=number))

    def _numbered(self, graceid: str) -> Sequence[str]:
        """The events here that came of its alerts."""
        return self._intake.numbers.numbered().get(graceid, ())

    def _here(self, graceid: str) -> Iterator[Written]:
        """The alerts that a listener brought."""
        for name in self._numbered(graceid):
            try:
                alert = IGWN_ALERT.codec.read(self._run.path / name / IGWN_ALERT.filename)
            except (OSError, FormatError):  # made of something else, or not whole: it tells nothing here
                continue
            yield Written(alert.alert_type, alert.time_created)

    def _take(self, graceid: str, one: _Notice, now: datetime) -> TakenIn:
        """Through the one door; remembered only then."""
        beside = self._map_beside(graceid, one)
        name = _message_id(one.stored.file)
        message = Fetched(one.data, topic=TOPIC, id=name, serial=one.stored.number, files=beside)
        before = {name for name in self._numbered(graceid) if (self._run.path / name).exists()}
        heard = self._intake.hear(message, now=now)
        events = tuple(event for delivered in heard.delivered for event in delivered.events)
        if heard.dead is not None:
            self._not_before[one.stored.file] = now + timedelta(seconds=OLDER_EVERY_S)
        else:
            self._remember(graceid, one, _ALONE if one.stored.form == "voevent" else "json")
        back = one.alert is not None and one.alert.is_retraction
        new = not back and any(event.id not in before for event in events)
        _LOG.info("%s %s: %s", one.stored.file, "new" if new else "known", ", ".join(event.id for event in events))
        return TakenIn(graceid, one.stored.file, events, new, back, str(heard.dead or ""))

    def _remember(self, graceid: str, one: _Notice, form: str) -> None:
        self._memory.add(graceid, one.stored.file, form=form, kind=one.kind, written=one.at)

    def _map_beside(self, graceid: str, one: _Notice) -> Mapping[str, bytes]:
        """The map of a notice that does not carry it: the one it names, else the last one that there was then."""
        if one.alert is None or one.alert.event is None or one.alert.event.get("skymap"):
            return {}
        try:
            name = skymap_filename(one.alert)
            if name is None and one.stored.form == "json":
                before = [file for file in self._gracedb.files(graceid) if file.created <= one.stored.created]
                name = None if (newest := newest_skymap(before)) is None else newest.canonical
            return {} if name is None else self._gracedb.file(graceid, name, skymap_file)[0]
        except (GraceDBRefused, FormatError) as error:
            _LOG.warning("%s of %s has no sky map: %s; give one by hand", one.stored.file, graceid, error)
            return {}

    def _remarks(self, superevent: Superevent) -> Iterator[str]:
        taken = self._memory.of(superevent.graceid)
        labels = sorted(TAKEN_BACK.intersection(superevent.labels))
        if not labels or not taken or any(one.kind == RETRACTION for one in taken):
            return
        if superevent.graceid not in self._remarked:
            self._remarked.add(superevent.graceid)
            yield (
                f"{superevent.graceid} has the label {', '.join(labels)} and no retraction notice in GraceDB, so its "
                f"events stand; {VETO_RETRACTED.of(EVENT=superevent.graceid)} stops work on one"
            )


def _completed(messenger: Messenger) -> Messenger:
    """The messenger, which also takes what GraceDB says beside a notice."""
    read = messenger.read
    if read is None:
        return messenger

    def with_more(message: Message) -> Delivery | None:
        found = read(message)
        if found is None or found.takes_back or not isinstance(message, Fetched):
            return found
        serial = found.serial if found.serial is not None else message.serial
        return replace(found, serial=serial, files={**found.files, **message.files})

    return replace(messenger, read=with_more)


def _message_id(file: str) -> str:
    """`S190425z-1-preliminary-0` of `S190425z-1-preliminary.json,0`, to be archived by."""
    name, _, version = file.partition(",")
    return f"{Path(name).stem}-{version}" if version else name


def _changed(run: Run, name: str) -> float:
    try:
        return os.stat(run.path / name).st_mtime  # noqa: PTH116 - thousands of them
    except OSError:
        return 0.0
