"""The protocol: one page of an answer as it comes, and all of them as one, checked (docs/guides/neutrino-service.md).

Nothing here mends anything: an answer that contradicts itself is refused, with the place where it does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from llama.ports import Neutrino
from llama.science.statistic import LEAST_SIGMA_RAD
from llama.science.times import gps_from_mjd, is_mjd, not_an_mjd
from llama.services.errors import ServiceBusy, ServiceError

PROTOCOL = "llama-neutrinos/1"
MOST_PAGES = 1000
_SAME_S = 1e-3
_LEAST_SIGMA_DEG = math.degrees(LEAST_SIGMA_RAD)
_SHOWN = 120

Degrees = Annotated[float, msgspec.Meta(ge=-360, le=360)]
Count = Annotated[int, msgspec.Meta(ge=0)]


class ListedNeutrino(msgspec.Struct, frozen=True):
    """One neutrino as it is written: UTC Modified Julian Date, ICRS degrees, GeV."""

    run: Count
    event: Count
    mjd: float
    ra_deg: Annotated[float, msgspec.Meta(ge=0, le=360)]
    dec_deg: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    zenith_deg: Annotated[float, msgspec.Meta(ge=0, le=180)]
    azimuth_deg: Degrees
    sigma_deg: Annotated[float, msgspec.Meta(gt=0, le=180)]
    energy_gev: Annotated[float, msgspec.Meta(gt=0, le=1e12)]
    type: Literal["observation", "archival", "blinded", "injected", "simulated"] = "observation"


class Good(msgspec.Struct, frozen=True):
    """Time in which the detector would have seen a neutrino, and the season whose response it had."""

    start_gps: float
    stop_gps: float
    season: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class Livetime(msgspec.Struct, frozen=True):
    """All good time from the window's start to `until_gps`; what is later is not known yet."""

    until_gps: float
    good: tuple[Good, ...]


class Page(msgspec.Struct, frozen=True):
    """One page. `livetime` is the same on each; without it nothing is said of when the detector was on."""

    protocol: str
    stream: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    start_gps: float
    stop_gps: float
    neutrinos: tuple[ListedNeutrino, ...]
    livetime: Livetime | None = None
    next: Annotated[str, msgspec.Meta(min_length=1, max_length=1000)] | None = None


@dataclass(frozen=True)
class Answer:
    """All pages of one window.

    Attributes:
        livetime: as stated; None where nothing is.
        outside: how many neutrinos were not of the window asked for, and are not in `rows`.
        repeated: names of neutrinos that were there more than once, and are once in `rows`.
    """

    stream: str
    rows: tuple[ListedNeutrino, ...]
    livetime: Livetime | None
    outside: int = 0
    repeated: tuple[str, ...] = ()


def read_answer(get: Callable[[Mapping[str, str]], bytes], start_gps: float, stop_gps: float, host: str) -> Answer:
    """Ask for every page of a window. ServiceError for what is no such answer, ServiceBusy when it changed midway."""
    asked = {"start_gps": repr(start_gps), "stop_gps": repr(stop_gps)}
    pages = [_page(get(asked), host)]
    seen: set[str] = set()
    while (cursor := pages[-1].next) is not None:
        if cursor in seen or len(pages) >= MOST_PAGES:
            raise ServiceError(f"{host} has pages without end: page {len(pages)} leads to {cursor[:_SHOWN]!r} again")
        seen.add(cursor)
        pages.append(_page(get({**asked, "page": cursor}), host))
    for page in pages:
        if abs(page.start_gps - start_gps) > _SAME_S or abs(page.stop_gps - stop_gps) > _SAME_S:
            raise ServiceError(
                f"{host} answers for GPS {page.start_gps} to {page.stop_gps}, asked for was {start_gps} to {stop_gps}"
            )
        if (page.stream, page.livetime) != (pages[0].stream, pages[0].livetime):
            raise ServiceBusy(f"{host} changed its answer while it was read, page by page")
    return _checked(pages, start_gps, stop_gps, host)


def _page(body: bytes, host: str) -> Page:
    try:
        kind = msgspec.json.decode(body, type=dict[str, msgspec.Raw]).get("protocol", msgspec.Raw(b"null"))
        if (said := msgspec.json.decode(kind)) != PROTOCOL:
            raise ServiceError(f"{host} speaks the protocol {str(said)[:_SHOWN]!r}, not {PROTOCOL}")
        return msgspec.json.decode(body, type=Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ServiceError(f"the answer of {host} is malformed: {error}") from error


def _checked(pages: list[Page], start_gps: float, stop_gps: float, host: str) -> Answer:
    found: dict[tuple[int, int, float], ListedNeutrino] = {}
    repeated: list[str] = []
    outside = 0
    for row in (row for page in pages for row in page.neutrinos):
        name = f"{row.run}_{row.event}"
        if not is_mjd(row.mjd):
            raise ServiceError(f"neutrino {name} of {host} has mjd {not_an_mjd(row.mjd)}")
        if row.sigma_deg < _LEAST_SIGMA_DEG:
            raise ServiceError(
                f"neutrino {name} of {host} has sigma_deg {row.sigma_deg}, finer than is computed with"
            )
        if not start_gps <= float(gps_from_mjd(row.mjd)) < stop_gps:
            outside += 1
        elif found.setdefault(_key(row), row) != row:
            raise ServiceError(f"{host} lists neutrino {name} twice, with different values")
        elif row is not found[_key(row)]:
            repeated.append(name)
    livetime = pages[0].livetime
    if livetime is not None:
        _check_pieces(livetime.good, host)
    return Answer(pages[0].stream, tuple(found.values()), livetime, outside, tuple(dict.fromkeys(repeated)))


def _key(row: ListedNeutrino) -> tuple[int, int, float]:
    """What makes it one: of an archive, whose events have no run, the row in its season and the time."""
    return row.run, row.event, 0.0 if row.run else row.mjd


def _check_pieces(good: Iterable[Good], host: str) -> None:
    end = -math.inf
    for number, piece in enumerate(good):
        what = f"livetime.good[{number}] of {host} is {piece.start_gps} to {piece.stop_gps}"
        if not piece.start_gps < piece.stop_gps:
            raise ServiceError(f"{what}; it must start before it stops")
        if piece.start_gps < end:
            raise ServiceError(f"{what}, which begins before the piece ahead of it ends ({end})")
        end = piece.stop_gps


def neutrino_of(row: ListedNeutrino, season: str) -> Neutrino:
    """As the port gives neutrinos."""
    return Neutrino(
        mjd=row.mjd,
        ra_deg=row.ra_deg % 360.0,
        dec_deg=row.dec_deg,
        zenith_deg=row.zenith_deg,
        azimuth_deg=row.azimuth_deg,
        sigma_deg=row.sigma_deg,
        energy_gev=row.energy_gev,
        run=row.run,
        event=row.event,
        type=row.type,
        season=season,
    )
