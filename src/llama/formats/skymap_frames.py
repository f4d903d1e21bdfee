"""In which coordinates a sky map is, by all that its headers say of them: equatorial of J2000, or refused.

Nothing here rotates a map, and whoever wrote it knew its frame better than a keyword's absence does. So every keyword
that names a frame counts, under whatever name, and any other whose whole value is the name of another frame.
"""

from __future__ import annotations

import re

from llama.formats.errors import SkyMapError
from llama.formats.fits_table import Table
from llama.formats.skymap_header import cards

NO_FRAME = "its header names no coordinates (COORDSYS): taken as equatorial"
_FRAME_KEY = re.compile(
    r"(?:SKY|REF|HPX|MAP|PIX|CEL|ASTRO?)?[-_ ]?(?:CO?ORDS?|COO|FRAME)[-_ ]?(?:S|SYS|SYSTEM|TYPE?|FRAME)?"
    r"|(?:C|SKY|REF|CEL|MAP|HPX)[-_]?SYS(?:TEM)?|RADE[C_]*SYS[A-Z]?|FRAME[-_]?(?:TYPE|NAME)?"
)
_AXIS = re.compile(r"T?CTYP(?:E)?[0-9]+[A-Z]?")
_EQUINOX_KEY = re.compile(r"EQUINOX[A-Z]?|EQUI[0-9]*[A-Z]?|EPOCH")
_EQUATORIAL = {
    "C", "CEL", "CELEST", "CELESTIAL", "Q", "EQ", "EQU", "EQUAT", "EQUATORIAL", "ICRS", "ICRF", "FK5", "RADEC", "RA",
    "DEC", "J2000",
}  # fmt: skip
_SAYS_NOTHING = {"COORDINATE", "COORDINATES", "COORD", "COORDS", "SYSTEM", "FRAME"}
_OTHER_FRAMES = {
    "galactic": {"G", "GAL", "GALACTIC", "GALAC", "LB", "GLON", "GLAT"},
    "ecliptic": {"E", "ECL", "ECLIPTIC", "ECLIP", "ELON", "ELAT"},
    "supergalactic": {"SG", "SUPERGALACTIC", "SLON", "SLAT"},
    "of another equinox": {"FK4", "B1950", "B1950.0", "J1950"},
}
_UNMISTAKABLE = {word for words in _OTHER_FRAMES.values() for word in words if len(word) > 2} - {"GAL", "ECL"}
_EPOCH = re.compile(r"J?2000(\.0*)?(?![0-9])")
_YEARS = (1800.0, 2200.0)


def refuse_other_frames(table: Table) -> str:
    """SkyMapError unless all that is said of coordinates is equatorial; what to note of it, or empty."""
    named = 0
    for key, value in cards(table):
        if _FRAME_KEY.fullmatch(key):
            named += 1
            if not _is_equatorial(value):
                raise SkyMapError(_refusal(key, value))
        elif _AXIS.fullmatch(key):  # an axis may be of anything: a pixel's number, a time
            axis = value.split("-")[0]
            named += axis.upper() in _EQUATORIAL
            if _frame_name(axis):
                raise SkyMapError(_refusal(key, value))
        elif _EQUINOX_KEY.fullmatch(key):
            _refuse_other_equinox(key, value)
        elif (words := _words(value.upper()) - _SAYS_NOTHING) and words <= _UNMISTAKABLE and not _is_free(key):
            raise SkyMapError(_refusal(key, value))
    return "" if named else NO_FRAME


def _refuse_other_equinox(key: str, value: str) -> None:
    """EPOCH is EQUINOX in old files; in others it is the time of positions, in whatever unit."""
    if _EPOCH.fullmatch(value.upper()):
        return
    year = re.fullmatch(r"[BJ]?([0-9]{4}(?:\.[0-9]*)?)", value.upper())
    if key == "EPOCH" and not (year and _YEARS[0] < float(year[1]) < _YEARS[1]):
        return
    raise SkyMapError(f"{key} = {value}; only maps of J2000 (C, ICRS) are read, precess the map first")


def _is_free(key: str) -> bool:
    """Whether a keyword is of one column, which may be of anything beside the map, or is a text for people."""
    return re.fullmatch(r"T[A-Z]+[0-9]+|COMMENT|HISTORY|OBJECT|TARGET|TITLE", key) is not None


def _refusal(key: str, value: str) -> str:
    name = _frame_name(value)
    advice = f"it is {name}" if name else "or correct the header, if it means equatorial"
    return f"{key} = {value!r}; only equatorial maps (C, ICRS) are read, rotate the map first ({advice})"


def _is_equatorial(value: str) -> bool:
    words = _words(_EPOCH.sub(" J2000 ", value.upper())) - _SAYS_NOTHING
    return bool(words) and words <= _EQUATORIAL


def _frame_name(value: str) -> str:
    words = _words(value.upper())
    return next((name for name, spelt in _OTHER_FRAMES.items() if words & spelt), "")


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Z0-9]+", text))
