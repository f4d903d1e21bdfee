"""What the headers of a sky map say of its pixels and of who made it, in the spellings that public writers use.

A keyword may stand in the table's header or in the file's first one, and several keywords mean one thing. What
they say must agree: words that contradict each other are refused, since one reading of them puts the source
elsewhere.
"""

from __future__ import annotations

import re
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
NO_FRAME = "its header names no coordinates (COORDSYS): taken as equatorial"
_FRAME_KEYS = ("COORDSYS", "COORD", "SKYCOORD", "COORDTYP", "REFFRAME", "RADESYS", "RADECSYS")
_EQUATORIAL = {
    "C", "CEL", "CELEST", "CELESTIAL", "Q", "EQ", "EQU", "EQUAT", "EQUATORIAL", "ICRS", "ICRF", "FK5", "RADEC", "RA",
    "DEC", "J2000",
}  # fmt: skip
_SAYS_NOTHING = {"COORDINATE", "COORDINATES", "COORD", "COORDS", "SYSTEM", "FRAME"}
_OTHER_FRAMES = {
    "galactic": {"G", "GAL", "GALACTIC", "GALAC", "LB", "GLON", "GLAT"},
    "ecliptic": {"E", "ECL", "ECLIPTIC", "ECLIP", "ELON", "ELAT"},
}
_EPOCH = re.compile(r"J?2000(\.0*)?(?![0-9])")
_ORDERINGS = {
    "NESTED": "NESTED", "NEST": "NESTED", "RING": "RING", "NUNIQ": "NUNIQ", "UNIQ": "NUNIQ",
}  # fmt: skip
_ORDERS = {str(order) for order in range(MAX_ORDER + 1)}
_COVERAGES = ("PARTIAL", "FULLSKY")


def refuse_other_frames(table: Table) -> str:
    """SkyMapError unless all that is said of coordinates is equatorial; what to note of it, or empty."""
    said = list(_said(table, *_FRAME_KEYS))
    for key, value in said:
        if not _is_equatorial(value):
            raise SkyMapError(
                f"{key} = {value!r}; only equatorial maps (C, ICRS) are read, rotate the map first "
                f"({_frame_name(value)})"
            )
    for key, value in _said(table, "EQUINOX"):
        if _number(value) != 2000.0:
            raise SkyMapError(f"{key} = {value}; only maps of J2000 (C, ICRS) are read, precess the map first")
    return "" if said else NO_FRAME


def _is_equatorial(value: str) -> bool:
    words = _words(_EPOCH.sub(" J2000 ", value.upper())) - _SAYS_NOTHING
    return bool(words) and words <= _EQUATORIAL


def _frame_name(value: str) -> str:
    words = _words(value.upper())
    named = (f"it is {name}" for name, spelt in _OTHER_FRAMES.items() if words & spelt)
    return next(named, "or correct the header, if it means equatorial")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Z0-9]+", text))


def ordering(table: Table) -> str:
    """NESTED, RING or NUNIQ. SkyMapError when the headers say neither, or contradict each other or the columns."""
    multi_order = "UNIQ" in table.names
    said = _one_word(table, "ORDERING")
    if not said and multi_order:
        return "NUNIQ"  # Aframe's maps do not say so, but UNIQ numbers are of one kind only
    if said not in _ORDERINGS:
        told = f"ORDERING = {said!r}" if said else "no ORDERING"
        raise SkyMapError(f"the header has {told}; set it to NESTED, RING or NUNIQ, whichever its pixels are in")
    if (_ORDERINGS[said] == "NUNIQ") != multi_order:
        has = "a UNIQ column" if multi_order else "no UNIQ column"
        raise SkyMapError(f"ORDERING = {said!r}, but the table has {has}; get the file again from where it came")
    return _ORDERINGS[said]


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
    said = {word for _, value in _said(table, "OBJECT") if (word := value.upper()) in _COVERAGES}
    if len(said) > 1:
        raise SkyMapError("OBJECT is PARTIAL in one header and FULLSKY in another; get the file again")
    return said.pop() if said else ""


def nside(table: Table) -> int | None:
    """NSIDE by the headers, also where they give its logarithm (ORDER); None when they do not.

    SkyMapError for one that HEALPix does not have, and where they disagree.
    """
    found = {key: _whole(key, value) for key, value in _said(table, "NSIDE")}
    found |= {key: 1 << int(value) for key, value in _said(table, "ORDER") if value in _ORDERS}
    if len(set(found.values())) > 1:
        told = " and ".join(f"{key} means NSIDE {value}" for key, value in found.items())
        raise SkyMapError(f"its headers contradict each other: {told}; get the file again from where it came")
    return next(iter(found.values()), None)


def first_and_last(table: Table) -> tuple[int | None, int | None]:
    """FIRSTPIX and LASTPIX by the table's header; None for one that it does not give."""
    first, last = (
        next((_whole(key, value) for _, value in _said(table, key)), None) for key in ("FIRSTPIX", "LASTPIX")
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
        texts = [value for _, value in _said(table, key) if value.upper() not in silent.get(key, ())]
        if texts:
            found[key] = texts[0]
    if "DATE-OBS" not in found and (precise := [time for time in header_times(found)[0] if not time.is_day]):
        middle = (precise[0].first_gps + precise[0].last_gps) / 2
        found["DATE-OBS"] = utc_from_gps(middle).removesuffix("Z")
    return found


def read_note(table: Table) -> str:
    """What was odd in the map when we read it first; empty for other people's files."""
    return next((value for _, value in _said(table, READ_NOTE)), "")


def _one_word(table: Table, key: str) -> str:
    """The keyword's value in capitals, empty when it is not given; SkyMapError when the headers disagree."""
    said = {_ORDERINGS.get(word, word) if key == "ORDERING" else word: word for word in _capitals(table, key)}
    if len(said) > 1:
        raise SkyMapError(f"its headers contradict each other: {key} is {' and '.join(said)}; get the file again")
    return next(iter(said.values()), "")


def _capitals(table: Table, key: str) -> list[str]:
    return [value.upper() for _, value in _said(table, key)]


def _said(table: Table, *keys: str) -> Iterator[tuple[str, str]]:
    """Keywords with a value, that of the table before that of the file."""
    for header in (table.header, table.primary):
        for key in keys:
            if key in header and (value := text(header[key])):
                yield key, value


def text(value: Any) -> str:
    """A header card's value as text, empty when it has none."""
    return "" if value is None or isinstance(value, fits.card.Undefined) else str(value).strip(" '\"\t")


def _number(value: str) -> float | None:
    try:
        return float(value)
    except ValueError:
        return None
