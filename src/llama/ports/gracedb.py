"""The database that gravitational-wave candidates are kept in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from llama.ports.service import Service

T = TypeVar("T")


class GraceDBError(Exception):
    """GraceDB did not do what it was asked for; the message says what to do. Another time it may go well."""


class GraceDBRefused(GraceDBError):
    """GraceDB does not know it, or does not show it to us: asking again is no use."""


@dataclass(frozen=True, slots=True)
class Superevent:
    """A candidate as a search finds it.

    Attributes:
        graceid: its name.
        labels: what was decided about it, `ADVNO`, `GCN_PRELIM_SENT`.
    """

    graceid: str
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One version of a file of a candidate; what is stored never changes.

    Attributes:
        name: of all its versions, `bayestar.multiorder.fits`.
        version: from 0 up.
        created: when it was stored, ISO 8601 UTC with Z.
        tags: what it is filed under, `sky_loc`.
    """

    name: str
    version: int
    created: str
    tags: tuple[str, ...] = ()

    @property
    def canonical(self) -> str:
        """This version and no other: `bayestar.multiorder.fits,1`."""
        return f"{self.name},{self.version}"


@dataclass(frozen=True, slots=True)
class StoredNotice:
    """A notice that went to the public, as GraceDB keeps it.

    Attributes:
        file: its version's name, to fetch it by: `S230914ak-2-preliminary.json,0`.
        number: which of its superevent's notices it is; None when GraceDB does not number them.
        form: JSON, or the VOEvent that was sent besides until 2026.
        created: when it was stored, ISO 8601 UTC with Z.
    """

    file: str
    number: int | None
    form: Literal["json", "voevent"]
    created: str


class GraceDB(Protocol):
    """The Gravitational-Wave Candidate Event Database, read side. Every method may raise GraceDBError."""

    @property
    def url(self) -> str:
        """Where it is."""
        ...

    def superevents(self, start_gps: float, stop_gps: float, *, mock: bool = False) -> Sequence[Superevent]:
        """Superevents with start <= time < stop, in order of time; mock ones instead of real ones when asked for."""
        ...

    def record(self, graceid: str) -> dict[str, object]:
        """The record of a superevent, or of an event."""
        ...

    def files(self, graceid: str) -> Sequence[StoredFile]:
        """Every version of its files, in order of time."""
        ...

    def notices(self, graceid: str) -> Sequence[StoredNotice]:
        """What of a superevent went to the public, in order of time."""
        ...

    def file(self, graceid: str, filename: str, read: Callable[[bytes], T]) -> T:
        """What `read` makes of one of its files.

        A FormatError of `read` means that the file may have come damaged: it is fetched again some times, and the
        error passes when that did not help.
        """
        ...

    def close(self) -> None:
        """Let go of whatever it holds; it is not asked again."""


GRACEDB: Service[GraceDB] = Service("gracedb")
