"""Notices once more, from files or the archive, the way a listener takes them in: in order of time, at a pace."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from llama.engine.errors import EngineError
from llama.engine.folder import utc
from llama.formats.notice_json import MAX_JSON_BYTES
from llama.formats.packed import ZIP, Kept, Packed, members, read_kept
from llama.formats.written import written
from llama.intake import DEAD_LETTERS, MESSAGES, Archive, Intake, files_between
from llama.messengers import Message

FRESH = timedelta(days=1)
"""Of an alert that is older nothing is to go out because it is replayed."""
_FIRST, _LAST = datetime(1990, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
_DAY = re.compile(r"([0-9]{4}-[0-9]{2})/([0-9]{2})")


class NothingToReplay(EngineError):
    """There is no notice where one was said to be."""


@dataclass(frozen=True)
class PastNotice:
    """A notice that lies somewhere.

    Attributes:
        kept: where.
        at: when it was written, else when it came, else when its file was.
        topic, id: where it was heard and what its broker called it; empty when that is not known.
    """

    kept: Kept
    at: datetime
    topic: str
    id: str

    @property
    def is_dead_letter(self) -> bool:
        """Whether nothing could be made of it when it came."""
        return DEAD_LETTERS in self.kept.parts


@dataclass(frozen=True)
class Replayed:
    """What came of a notice: events that have it now; whether one of them is new; why nothing could be made of it."""

    notice: PastNotice
    events: tuple[str, ...] = ()
    new: bool = False
    dead: str = ""


def collect(places: Iterable[Path], archive: Archive) -> list[PastNotice]:
    """The notices in files and folders, in order of time. NothingToReplay for a place that is not there, or empty."""
    found: dict[tuple[str, ...], PastNotice] = {}
    for place in places:
        kept = list(_kept(place.absolute()))
        if not kept:
            raise NothingToReplay(f"{place}: there is no notice; name files, or folders of an archive")
        found |= {one.parts: _notice(one, archive) for one in kept}
    return sorted(found.values(), key=lambda one: (one.at, one.kept.parts))


def _kept(place: Path) -> Iterator[Kept]:
    if place.is_file():
        yield from members(place) if place.suffix == ZIP else [place]
    elif place.is_dir():
        yield from files_between(place, _FIRST, _LAST)
        for archive in place.glob(f"[0-9][0-9]{ZIP}"):  # of a month's folder
            yield from (one for one in members(archive) if one.suffix in MESSAGES)
    elif place.with_name(f"{place.name}{ZIP}").is_file():
        yield from members(place.with_name(f"{place.name}{ZIP}"))
    else:
        raise NothingToReplay(f"{place}: there is no such file or folder")


def _notice(kept: Kept, archive: Archive) -> PastNotice:
    as_path = Path(*kept.parts)
    arrival = archive.arrival(as_path)
    at = written(read_kept(kept, MAX_JSON_BYTES, "a notice"))
    if at is None:
        at = arrival.at if arrival else _day_of(as_path) or _mtime(kept)
    return PastNotice(kept, utc(at), arrival.topic if arrival else "", arrival.id if arrival else "")


def _day_of(path: Path) -> datetime | None:
    if found := _DAY.fullmatch("/".join(path.parts[-3:-1])):
        try:
            return datetime.fromisoformat(f"{found[1]}-{found[2]}").replace(tzinfo=UTC)
        except ValueError:
            return None
    return None


def _mtime(kept: Kept) -> datetime:
    path = kept.archive if isinstance(kept, Packed) else kept
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


@dataclass(frozen=True)
class Replay:
    """The doors of a run: one for alerts of today, one for those of the past."""

    fresh: Intake
    past: Intake
    now: Callable[[], datetime]

    def take(self, notice: PastNotice) -> Replayed:
        """Take one in. What lies in this archive already is not archived again. Raises as `Intake.hear`."""
        now = self.now()
        intake = self.fresh if now - notice.at < FRESH else self.past
        path = Path(*notice.kept.parts)
        data = read_kept(notice.kept, MAX_JSON_BYTES, "a notice")
        before = {event.name for event in _folders(intake.run.path)}
        if path.is_relative_to(intake.archive.root.absolute()):
            dead = path if notice.is_dead_letter else None
            heard = intake.make(Message(data, notice.topic, notice.id), path, now=now, dead=dead)
        else:
            heard = intake.hear(Message(data, notice.topic, notice.id or path.stem), now=now)
        events = tuple(event.id for one in heard.delivered for event in one.events)
        return Replayed(notice, events, bool(set(events) - before), str(heard.dead or ""))


def _folders(run: Path) -> Iterator[Path]:
    return run.iterdir() if run.is_dir() else iter(())


def at_pace(
    notices: Iterable[PastNotice], factor: float | None, wait: Callable[[float], bool], tick: Callable[[], float]
) -> Iterator[PastNotice]:
    """The notices as fast as they are taken; or, with a factor, as far apart as they were, so much faster.

    `wait` says whether to stop.
    """
    began: tuple[float, datetime] | None = None
    for notice in notices:
        if began is None:
            began = (tick(), notice.at)
        due = 0.0 if factor is None else (notice.at - began[1]).total_seconds() / factor
        if wait(max(0.0, due - (tick() - began[0]))):
            return
        yield notice
