"""Which events a command means: patterns as operators type them, and downselections."""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import glob
import re
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from llama.engine.errors import EventError, NotAnEvent
from llama.engine.folder import Event, Run, is_event, names_of, utc
from llama.engine.graph import Pipeline
from llama.flags import Flags

_SEEN_S = 30.0  # what is known to be an event is believed to be one for so long
_NAMED = 5  # a message names so many events
_TRUE, _FALSE, _ANY = {"true", "yes", "1"}, {"false", "no", "0"}, {"any", "none", ""}


@dataclass(frozen=True)
class Target:
    """Events of one run whose names match a pattern; `exact` when it names a single one."""

    run: Path
    pattern: str

    @property
    def exact(self) -> bool:
        """Whether one event is named, not a pattern of names."""
        return not glob.has_magic(self.pattern)

    def events(self) -> list[Event]:
        """The events there are; none is no error. Raises EventError when one is named that does not exist."""
        if self.exact and (self.run / self.pattern).is_dir():
            return [Event.open(self.run / self.pattern)]
        found = [event for event in Run(self.run).events() if fnmatch.fnmatchcase(event.id, self.pattern)]
        if self.exact and not found:
            if not self.run.is_dir():
                raise EventError(f"there is no event {self.pattern}: there is no folder {self.run}")
            raise EventError(f"there is no event {self.pattern} in {self.run}; {self._hint()}")
        return found

    def _hint(self) -> str:
        names = [event.id for event in Run(self.run).events()]
        if close := difflib.get_close_matches(self.pattern, names, n=1):
            return f"did you mean {close[0]}?"
        more = ", …" if len(names) > _NAMED else ""
        return f"events there: {', '.join(names[:_NAMED])}{more}" if names else "there are no events yet"


def target(word: str | None, default_run: Path) -> Target:
    """What a RUNDIR/EVENTGLOB means.

    `/glob` is the default run, `dir/` every event in dir, `.` this event folder, a bare name one event (or a
    pattern of them) in this folder, or else in the default run; nothing at all is every event of the default run.
    A superevent's name is its newest event, and the others are named on standard error.
    """
    if not word:
        return Target(default_run, "*")
    if word.startswith("/") and "/" not in word[1:]:
        found = _newest_alert(Target(default_run, word[1:] or "*"))
        _tell_others(found, word[1:])
        return found
    if word.endswith("/"):
        return Target(Path(word).resolve(), "*")
    path = Path(word)
    if "/" not in word and not path.is_dir():
        here = _newest_alert(Target(Path.cwd(), word))
        there = _newest_alert(Target(default_run, word))
        is_there = there.exact and (there.run / there.pattern).is_dir()
        found = there if here.pattern == word and (is_there or not Run(Path.cwd()).events()) else here
    else:
        if path.name in ("", "..") or word == ".":
            path = path.resolve()
        found = _newest_alert(
            Target(path.parent.resolve(), path.name)
        )  # an event keeps its name, even if it is a link
    _tell_others(found, path.name)
    return found


def _alerts(where: Target) -> list[str]:
    """The events of a superevent's alerts, by their numbers; none when an event itself has that name."""
    if not where.exact or not where.run.is_dir() or (where.run / where.pattern).is_dir():
        return []
    numbered = re.compile(rf"{re.escape(where.pattern)}-([0-9]+)(-[A-Za-z]+)?")
    found = [
        (int(match[1]), event.id) for event in Run(where.run).events() if (match := numbered.fullmatch(event.id))
    ]
    return [name for _, name in sorted(found)]


def _newest_alert(where: Target) -> Target:
    """Where a superevent is named, its newest event."""
    names = _alerts(where)
    return Target(where.run, names[-1]) if names else where


def _tell_others(found: Target, typed: str) -> None:
    """A superevent has several events: say which one is meant, and which are not."""
    if found.pattern != typed and (names := _alerts(Target(found.run, typed))):
        others = f"; there are also {', '.join(names[:-1])}" if names[1:] else ""
        print(f"llama: {typed} is {found.pattern}{others}", file=sys.stderr)


@dataclass(frozen=True)
class Downselection:
    """What an event must be to be run; None (written `any`) does not matter."""

    manual: bool | None = field(default=False, metadata={"help": "true, false: the event's flag manual"})
    vetoed: bool | None = field(
        default=None, metadata={"help": "true, false: the event is vetoed, by its flag or as a whole"}
    )
    fileexists: str | None = field(default=None, metadata={"help": "names of files that must be there, joined by +"})
    fhnameexists: str | None = field(
        default=None, metadata={"help": "products, by any of their names, that must be there, joined by +"}
    )
    eventid_filter: str | None = field(default=None, metadata={"help": "a pattern for the event id, such as S19*"})
    sec_since_v0_gt: float | None = field(default=None, metadata={"help": "made more than so many seconds ago"})
    sec_since_v0_lt: float | None = field(default=None, metadata={"help": "made less than so many seconds ago"})
    sec_since_mod_gt: float | None = field(
        default=None, metadata={"help": "nothing has happened to it for so many seconds"}
    )
    sec_since_mod_lt: float | None = field(
        default=None, metadata={"help": "something happened to it in the last so many seconds"}
    )
    modbefore: datetime | None = field(
        default=None, metadata={"help": "something last happened to it before this time (UTC, 2026-01-02T03:04)"}
    )
    modafter: datetime | None = field(
        default=None, metadata={"help": "something last happened to it after this time"}
    )
    invert: bool = field(default=False, metadata={"help": "true: take those that do not match instead"})
    limit: int | None = field(default=None, metadata={"help": "at most so many, newest first"})


def parse_downselection(text: str, base: Downselection | None = None) -> Downselection:
    """Read `key=value,key=value`; raises EventError that names the keys there are."""
    chosen: dict[str, object] = {}
    kinds = {item.name: str(item.type) for item in dataclasses.fields(Downselection)}
    for word in filter(None, text.split(",")):
        key, equals, value = word.partition("=")
        if key not in kinds or not equals:
            raise EventError(f"cannot downselect by {word!r}; write key=value with {', '.join(kinds)}")
        try:
            chosen[key] = _value(kinds[key], value)
        except ValueError as error:
            raise EventError(f"downselection {word!r}: {error}") from None
    return dataclasses.replace(base or Downselection(), **chosen)  # type: ignore[arg-type]  # by _value


def _value(kind: str, text: str) -> object:
    if text.lower() in _ANY:
        return None
    if "bool" in kind:
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError("write true, false or any")
        return text.lower() in _TRUE
    if "datetime" in kind:
        from llama.science.times import check_offset  # late: `llama --help` must not wait for it

        check_offset(text)
        return utc(datetime.fromisoformat(text))
    if "int" in kind:
        if not text.isdecimal() or int(text) == 0:
            raise ValueError("write a whole number from 1 up")
        return int(text)
    return float(text) if "float" in kind else text


def select(
    events: Iterable[Event],
    wanted: Downselection,
    pipeline: Pipeline,
    *,
    now: datetime,
    newest: int | None = None,
) -> list[Event]:
    """The events that match, newest first, at most `newest` and `wanted.limit` of them."""
    in_order = sorted(events, key=lambda event: (event.created(), event.id), reverse=True)
    return _newest(in_order, wanted, pipeline, now, newest, {})


class Chooser:
    """The events of a run that match, asked for again and again: what has not changed is not read again.

    What came while it was asked is newer than what was there before, whatever the clock said.
    """

    def __init__(self, where: Target, wanted: Downselection, pipeline: Pipeline, newest: int) -> None:
        self._where, self._wanted, self._pipeline, self._newest = where, wanted, pipeline, newest
        self._events: dict[str, tuple[int, datetime, Event]] = {}
        self._in_order: list[Event] = []
        self._facts: Memory = {}
        self._round = 0
        self._all_seen = 0.0

    def __call__(self) -> list[Event]:
        """Newest first."""
        if self._look():
            self._in_order = [event for _, _, event in sorted(self._events.values(), key=_order, reverse=True)]
        now = datetime.now(UTC)
        return _newest(self._in_order, self._wanted, self._pipeline, now, self._newest, self._facts)

    def _look(self) -> bool:
        """See which events there are now; whether any came or went."""
        run, known, names = self._where.run, self._events, set(names_of(self._where.run))
        self._round += 1
        gone = known.keys() - names
        if time.monotonic() - self._all_seen > _SEEN_S:
            self._all_seen = time.monotonic()
            gone |= {name for name in known.keys() & names if not is_event(run / name)}
        came = [name for name in names - known.keys() if fnmatch.fnmatchcase(name, self._where.pattern)]
        new = {name: Event(run / name) for name in came if is_event(run / name)}
        for name in gone:
            self._facts.pop(known.pop(name)[2].path, None)
        known.update({name: (self._round, event.created(), event) for name, event in new.items()})
        return bool(gone or new)


def _order(item: tuple[int, datetime, Event]) -> tuple[int, datetime, str]:
    return item[0], item[1], item[2].id


@dataclass(frozen=True)
class _Facts:
    """What the journal says of an event that somebody may choose it by."""

    manual: bool
    vetoed: bool
    created: datetime
    modified: datetime
    there: frozenset[str]


Memory = dict[Path, tuple[tuple[int, ...], _Facts]]
"""By event, what was read of it, as of one state of its journal."""


def _newest(
    in_order: Iterable[Event],
    wanted: Downselection,
    pipeline: Pipeline,
    now: datetime,
    newest: int | None,
    memory: Memory,
) -> list[Event]:
    limits = [limit for limit in (newest, wanted.limit) if limit is not None]
    found = _matching(in_order, wanted, pipeline, now, memory)
    return list(found) if not limits else [event for event, _ in zip(found, range(min(limits)), strict=False)]


def _matching(
    events: Iterable[Event], wanted: Downselection, pipeline: Pipeline, now: datetime, memory: Memory
) -> Iterator[Event]:
    """Lazily, so that asking for the newest few reads only those."""
    for event in events:
        try:
            matches = all(_tests(event, wanted, pipeline, now, memory)) is not wanted.invert
        except NotAnEvent:  # moved away this moment
            continue
        except (OSError, EventError, ValueError):  # it cannot be read: whoever works on it will say so
            matches = True
        if matches:
            yield event


def _tests(event: Event, wanted: Downselection, pipeline: Pipeline, now: datetime, memory: Memory) -> Iterator[bool]:
    """One truth for each thing that is asked for."""
    if wanted.eventid_filter is not None:
        yield fnmatch.fnmatchcase(event.id, wanted.eventid_filter)
    facts = _facts(event, memory)
    if wanted.manual is not None:
        yield facts.manual is wanted.manual
    if wanted.vetoed is not None:
        yield facts.vetoed is wanted.vetoed
    for name in (wanted.fileexists or "").split("+"):
        yield not name or (event.path / name).is_file()
    for name in (wanted.fhnameexists or "").split("+"):
        yield not name or pipeline.find(name).filename in facts.there
    yield from _between(now, facts.created, wanted.sec_since_v0_gt, wanted.sec_since_v0_lt)
    yield from _between(now, facts.modified, wanted.sec_since_mod_gt, wanted.sec_since_mod_lt)
    yield wanted.modbefore is None or facts.modified < wanted.modbefore
    yield wanted.modafter is None or facts.modified > wanted.modafter


def _facts(event: Event, memory: Memory) -> _Facts:
    try:
        found = event.journal.path.stat()
        seen = found.st_mtime_ns, found.st_size, found.st_ino
    except FileNotFoundError:
        seen = None
    if seen is not None and event.path in memory and memory[event.path][0] == seen:
        return memory[event.path][1]
    state = Event(event.path).refresh()  # not kept: whoever works on the event has its own
    flags, created = Flags.of(state.flags), event.created()
    facts = _Facts(
        manual=flags.manual,
        vetoed=flags.vetoed or None in state.vetoes,
        created=created,
        modified=state.modified or created,
        there=frozenset(name for name, file in state.files.items() if file.digest is not None),
    )
    if seen is not None:
        memory[event.path] = seen, facts
    return facts


def _between(now: datetime, then: datetime, more: float | None, less: float | None) -> Iterator[bool]:
    seconds = (now - then).total_seconds()
    yield more is None or seconds > more
    yield less is None or seconds < less
