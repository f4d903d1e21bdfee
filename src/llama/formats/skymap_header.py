"""What the headers of a sky map say of its pixels and of who made it, in the spellings that public writers use.

A keyword may stand in the table's header or in the file's first one, and several keywords mean one thing. What
they say must agree: words that contradict each other are refused, since one reading of them puts the source
elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from astropy.io import fits

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.formats.skymap_maker import READ_NOTE
from llama.formats.skymap_times import TIME_KEYS, header_times
from llama.science.sky import MAX_ORDER
from llama.science.times import utc_from_gps

NAME_KEYS = ("OBJECT", "EVENT", "EVENTID", "GRACEID", "SUPEREVT", "TARGET", "TRIGGER", "TRIGID")
INSTRUMENT_KEYS = ("TELESCOP", "INSTRUME", "MISSION", "OBSERVAT", "DETNAM", "DETECTOR")
TEXT_KEYS = ("EXTNAME", "REFERENC", "TITLE", "FILENAME")
NEUTRINO_KEYS = ("I3TYPE", "RUNID")
"""Of neutrino detectors' alerts alone: the stream, and the run that the event is counted in."""
ORIGIN_KEYS = (
    *NAME_KEYS, "CREATOR", "ORIGIN", "SENDER", *INSTRUMENT_KEYS, *TEXT_KEYS, *NEUTRINO_KEYS, "DATE", *TIME_KEYS
)  # fmt: skip
_NO_ORIGIN = {"EXTNAME": {"XTENSION", "HEALPIX", "SKYMAP", "BINTABLE"}}
"""What software writes whatever is in the table."""
_ORDERINGS = {
    "NESTED": "NESTED", "NEST": "NESTED", "RING": "RING", "NUNIQ": "NUNIQ", "UNIQ": "NUNIQ",
}  # fmt: skip
_ORDERS = {str(order) for order in range(MAX_ORDER + 1)}
_COVERAGES = ("PARTIAL", "FULLSKY")


def ordering(table: Table) -> str:
    """NESTED, RING or NUNIQ. SkyMapError when the headers say neither, or contradict each other or the columns."""
    multi_order = "UNIQ" in table.names
    word = _one_word(table, "ORDERING")
    if not word and multi_order:
        return "NUNIQ"  # Aframe's maps do not say so, but UNIQ numbers are of one kind only
    if word not in _ORDERINGS:
        told = f"ORDERING = {word!r}" if word else "no ORDERING"
        raise SkyMapError(f"the header has {told}; set it to NESTED, RING or NUNIQ, whichever its pixels are in")
    if (_ORDERINGS[word] == "NUNIQ") != multi_order:
        has = "a UNIQ column" if multi_order else "no UNIQ column"
        raise SkyMapError(f"ORDERING = {word!r}, but the table has {has}; get the file again from where it came")
    return _ORDERINGS[word]


def is_partial(table: Table) -> bool | None:
    """Whether the table lists its pixels by number and leaves out others; None when no keyword says.

    As healpy reads it: INDXSCHM says so, or OBJECT where it holds no event's name. SkyMapError when they disagree.
    """
    scheme, coverage = _one_word(table, "INDXSCHM"), _coverage(table)
    if scheme not in {"", "EXPLICIT", "IMPLICIT"}:
        raise SkyMapError(
            f"INDXSCHM = {scheme!r}; only EXPLICIT and IMPLICIT are read, use another version of the map"
        )
    explicit = {"EXPLICIT": True, "IMPLICIT": False}.get(scheme)
    partial = {"PARTIAL": True, "FULLSKY": False}.get(coverage)
    if None not in (explicit, partial) and explicit != partial:
        raise SkyMapError(
            f"INDXSCHM = {scheme!r} and OBJECT = {coverage!r} contradict each other; get the file again from where "
            "it came"
        )
    return partial if explicit is None else explicit


def _coverage(table: Table) -> str:
    words = {word for _, value in said(table, "OBJECT") if (word := value.upper()) in _COVERAGES}
    if len(words) > 1:
        raise SkyMapError("OBJECT is PARTIAL in one header and FULLSKY in another; get the file again")
    return words.pop() if words else ""


def nside(table: Table) -> int | None:
    """NSIDE by the headers, also where they give its logarithm (ORDER); None when they do not.

    SkyMapError for one that HEALPix does not have, and where they disagree.
    """
    found = {key: _whole(key, value) for key, value in said(table, "NSIDE")}
    found |= {key: 1 << int(value) for key, value in said(table, "ORDER") if value in _ORDERS}
    if len(set(found.values())) > 1:
        told = " and ".join(f"{key} means NSIDE {value}" for key, value in found.items())
        raise SkyMapError(f"its headers contradict each other: {told}; get the file again from where it came")
    return next(iter(found.values()), None)


def first_and_last(table: Table) -> tuple[int | None, int | None]:
    """FIRSTPIX and LASTPIX by the table's header; None for one that it does not give."""
    first, last = (
        next((_whole(key, value) for _, value in said(table, key)), None) for key in ("FIRSTPIX", "LASTPIX")
    )
    return first, last


def _whole(key: str, value: str) -> int:
    number = _number(value)
    if number is None or number < 0 or number != int(number):
        raise SkyMapError(f"{key} = {value!r}, which is no number of pixels: correct the header")
    return int(number)


def origin(table: Table) -> dict[str, str]:
    """Who made the map, of what and when: the table's header before the file's."""
    silent = {**_NO_ORIGIN, "OBJECT": set(_COVERAGES)}
    found = {}
    for key in ORIGIN_KEYS:
        texts = [value for _, value in said(table, key) if value.upper() not in silent.get(key, ())]
        if texts:
            found[key] = texts[0]
    if "DATE-OBS" not in found and (precise := [time for time in header_times(found)[0] if not time.is_day]):
        middle = (precise[0].first_gps + precise[0].last_gps) / 2
        found["DATE-OBS"] = utc_from_gps(middle).removesuffix("Z")
    return found


def read_note(table: Table) -> str:
    """What was odd in the map when we read it first; empty for other people's files."""
    return next((value for _, value in said(table, READ_NOTE)), "")


def _one_word(table: Table, key: str) -> str:
    """The keyword's value in capitals, empty when it is not given; SkyMapError when the headers disagree."""
    words = {_ORDERINGS.get(word, word) if key == "ORDERING" else word: word for word in _capitals(table, key)}
    if len(words) > 1:
        raise SkyMapError(f"its headers contradict each other: {key} is {' and '.join(words)}; get the file again")
    return next(iter(words.values()), "")


def _capitals(table: Table, key: str) -> list[str]:
    return [value.upper() for _, value in said(table, key)]


def said(table: Table, *keys: str) -> Iterator[tuple[str, str]]:
    """Keywords with a value, that of the table before that of the file."""
    for header in (table.header, table.primary):
        for key in keys:
            if key in header and (value := text(header[key])):
                yield key, value


def cards(table: Table) -> Iterator[tuple[str, str]]:
    """All keywords with a value, in capitals and as text: those of the table before those of the file."""
    for header in (table.header, table.primary):
        for card in header.cards:
            if value := text(card.value):
                yield card.keyword.upper(), value


def text(value: Any) -> str:
    """A header card's value as text, empty when it has none."""
    return "" if value is None or isinstance(value, fits.card.Undefined) else str(value).strip(" '\"\t")


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
