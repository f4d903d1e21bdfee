"""Who draws which blocks: each server has ranges of its own, written down here and there before anything is drawn, so
that servers that are copies of each other never draw the same events."""

from __future__ import annotations

import fcntl
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from llama.advice import Advice
from llama.fleet.errors import ServerFailed

_CLEAN = Advice(("dev", "dv", "clean"))
_CLEANED = "cleaned"


@dataclass(frozen=True)
class DrawnFrom:
    """What decides which events a block holds.

    Attributes:
        kind: background, signal or doublet. list: the list of sky maps, by its last two names (`bns-o3/H1L1.csv`):
            it stands elsewhere on other servers.
    """

    kind: str
    list: str
    population: str
    season: str
    seed: int

    @classmethod
    def of(cls, kind: str, path: str, population: str, season: str, seed: int) -> DrawnFrom:
        """With the list's path as it was typed, double slashes and all."""
        return cls(kind, "/".join(posixpath.normpath(path).split("/")[-2:]), population, season, seed)

    @property
    def study(self) -> tuple[str, str, str, int]:
        """What all that is in one folder has in common."""
        return (self.list, self.population, self.season, self.seed)


@dataclass(frozen=True)
class Assigned:
    """One range of blocks, first to last, both included, that a server was given."""

    server: str
    drawn: DrawnFrom
    first: int
    last: int
    at: str

    def to_line(self) -> str:
        """As it stands in `fleet.jsonl` and in the ledger."""
        return json.dumps({"at": self.at, "server": self.server, "first": self.first, "last": self.last,
                           **asdict(self.drawn)})  # fmt: skip


@dataclass(frozen=True)
class RangeRecord:
    """What a server was given, as it stands there: all of it, and what it works on since it was last cleaned."""

    every: tuple[Assigned, ...] = ()
    present: tuple[Assigned, ...] = ()


def read_record(text: str) -> RangeRecord:
    """The lines of a `fleet.jsonl`; one that is torn or of another version is none."""
    every: list[Assigned] = []
    since = 0
    for line in text.splitlines():
        try:
            said = json.loads(line)
            if said.get(_CLEANED):
                since = len(every)
                continue
            drawn = DrawnFrom(*(said[name] for name in ("kind", "list", "population", "season", "seed")))
            every.append(Assigned(said["server"], drawn, int(said["first"]), int(said["last"]), said["at"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    return RangeRecord(tuple(every), tuple(every[since:]))


def going_on(record: RangeRecord, server: str, wanted: DrawnFrom) -> Assigned | None:
    """The range with which a server goes on; None when it is to have a new one.

    ServerFailed when its folder holds another study, or what another server drew: that of which it is a copy.
    """
    for one in record.present:
        if one.server != server:
            raise ServerFailed(
                f"its folder holds what {one.server} drew, of which it seems to be a copy; {_CLEAN} clears it"
            )
        if one.drawn.study != wanted.study:
            raise ServerFailed(
                f"its folder holds a study of {one.drawn.list}, {one.drawn.population}, {one.drawn.season}, seed "
                f"{one.drawn.seed}; pull that and {_CLEAN} it, or name another folder with --study-dir"
            )
    mine = [one for one in record.present if one.drawn == wanted]
    return mine[-1] if mine else None


def assign(
    servers: Sequence[str], wanted: DrawnFrom, each: int, known: Iterable[Assigned], at: str
) -> Mapping[str, Assigned]:
    """New ranges of `each` blocks, in the order of the servers, beyond all that are known."""
    begin = max((one.last + 1 for one in known if one.drawn == wanted), default=0)
    return {
        name: Assigned(name, wanted, begin + index * each, begin + (index + 1) * each - 1, at)
        for index, name in enumerate(servers)
    }


class Ledger:
    """Every range that was ever given from this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else gives ranges meanwhile."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def read(self) -> tuple[Assigned, ...]:
        """All of them."""
        return read_record(self.path.read_text(encoding="utf-8")).every if self.path.is_file() else ()

    def add(self, given: Iterable[Assigned]) -> None:
        """Write some down, before they are used."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{one.to_line()}\n" for one in given))
