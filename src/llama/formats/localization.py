"""Where a notice says something was: the GCN schema `core/Localization`, read once for every messenger.

Every notice of that schema writes its position in these keys, whoever sent it. Classic VOEvents give a circle, which
is the same with fewer words.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llama.formats.errors import NoticeError
from llama.formats.notice_json import plain_name
from llama.formats.values import number, shown, text, truth
from llama.science.sky import right_ascension_deg

SCHEMA_CONTAINMENT = 0.9
"""What the schema says an error holds when the notice does not."""

_MOST_VALUES = 3
_MEANT = {
    "ra": re.compile(r"ra(_?j2000|_(deg|rad|hours?|h|degrees|radians))?"),
    "dec": re.compile(r"de(c|_?j2000)(_?j2000|_(deg|rad|degrees|radians))?"),
    "ra_dec_error": re.compile(
        r".*radius.*|(error|err)(_.*)?|(ra|dec|pos|position|loc|localization)(_.*)?_?(err|error|unc.*|sigma)(_.*)?"
    ),
}
"""Names that mean a field of the schema and are not its name, in plain letters."""
_OF_ERRORS = re.compile(r"ra_dec_error_.+")


@dataclass(frozen=True, slots=True)
class Ellipse:
    """An error region: semi-axes in degrees, the longer one first, and where the longer one points.

    Attributes:
        semi_major, semi_minor: deg; equal for a circle.
        position_angle: of the longer axis, from north through east, deg in [0, 180); 0 for a circle.
        remark: what was made of an odd one, for the reader of a result; empty for the usual.
    """

    semi_major: float
    semi_minor: float
    position_angle: float = 0.0
    remark: str = ""

    @property
    def is_circle(self) -> bool:
        return self.semi_major == self.semi_minor


@dataclass(frozen=True, slots=True)
class Localization:
    """A position with its error, as a notice states it (ICRS degrees). What is not stated is None or empty.

    Attributes:
        ra: in [0, 360). dec: from −90 to 90. None, both, without a position.
        error: None where none is given; notices write an unknown one as 0 too.
        containment: probability inside the error region. containment_stated: whether the notice says so, or only the
            schema.
        systematic_included: whether the error holds the systematic one.
        instrument_phi, instrument_theta, instrument_semimajor_angle: the same in the instrument's frame.
        healpix_url: where a map is. healpix_file: the map itself, base64 text as it came.
    """

    ra: float | None = None
    dec: float | None = None
    error: Ellipse | None = None
    containment: float = SCHEMA_CONTAINMENT
    containment_stated: bool = False
    systematic_included: bool = False
    instrument_phi: float | None = None
    instrument_theta: float | None = None
    instrument_semimajor_angle: float | None = None
    healpix_url: str = ""
    healpix_file: str = ""


def read_localization(notice: Mapping[str, Any]) -> Localization:
    """The position of a notice in the GCN schema; NoticeError names the field that is wrong."""
    _refuse_other_names(notice)
    stated = notice.get("containment_probability")
    ra, dec = _direction(notice.get("ra"), notice.get("dec"), "ra", "dec")
    angles = ("instrument_phi", "instrument_theta", "instrument_semimajor_angle")
    healpix_file = notice.get("healpix_file")
    if healpix_file is not None and not isinstance(healpix_file, str):
        raise NoticeError(f"healpix_file is {shown(healpix_file)}, which is not a map in base64")
    return Localization(
        ra=ra,
        dec=dec,
        error=_error(notice.get("ra_dec_error")),
        containment=SCHEMA_CONTAINMENT if stated is None else _containment(stated),
        containment_stated=stated is not None,
        systematic_included=bool(truth(notice.get("systematic_included"), "systematic_included")),
        healpix_url=text(notice.get("healpix_url"), "healpix_url"),
        healpix_file=healpix_file or "",
        **{name: number(notice.get(name), name) for name in angles},
    )


def _refuse_other_names(notice: Mapping[str, Any]) -> None:
    """NoticeError for a name that means part of a position and is not the schema's: it would count as not given."""
    for field, meant in _MEANT.items():
        for name in notice if notice.get(field) is None else ():
            if name != field and meant.fullmatch(plain_name(name)):
                raise NoticeError(f"{shown(name)} is no field of the schema; it may mean {field}, in degrees")
    if odd := next((name for name in notice if _OF_ERRORS.fullmatch(plain_name(name))), None):
        raise NoticeError(f"{shown(odd)} is no field of the schema, whose ra_dec_error is in degrees")


def circle(ra: object, dec: object, radius: object, containment: float, where: str) -> Localization:
    """That of a classic notice: a centre and one radius, whose containment its kind tells."""
    found = _direction(ra, dec, f"{where} RA", f"{where} Dec")
    size = number(radius, f"{where} error", 0, 180)
    return Localization(*found, Ellipse(size, size) if size else None, containment, containment_stated=True)


def _direction(ra: object, dec: object, ra_name: str, dec_name: str) -> tuple[float | None, float | None]:
    ra_deg, dec_deg = number(ra, ra_name), number(dec, dec_name, -90, 90)
    if ra_deg is None or dec_deg is None:
        return None, None
    try:
        return right_ascension_deg(ra_deg), dec_deg
    except ValueError as error:
        raise NoticeError(f"{ra_name}: {error}") from error


def _containment(stated: object) -> float:
    share = number(stated, "containment_probability")
    if share is None or not 0 < share < 1:
        raise NoticeError(
            f"containment_probability is {shown(stated)}, which is not a probability between 0 and 1 (0.9, not 90)"
        )
    return share


def _error(stated: object) -> Ellipse | None:
    """A radius, or semi-major axis, semi-minor axis and position angle, the later ones left out at will."""
    values = stated if isinstance(stated, list) else [stated]
    if not 0 < len(values) <= _MOST_VALUES:
        raise NoticeError(f"ra_dec_error is {shown(stated)}; it has one to three values: two semi-axes and an angle")
    if isinstance(stated, list) and None in stated:
        raise NoticeError(f"ra_dec_error is {shown(stated)}, of which one value is missing")
    first = number(values[0], "ra_dec_error", 0, 180)
    second = number(values[1], "ra_dec_error[1]", 0, 180) if len(values) > 1 else first
    angle = number(values[2], "ra_dec_error[2]") if len(values) > _MOST_VALUES - 1 else 0.0
    if first is None or second is None or angle is None or not max(first, second):
        return None
    return _ellipse(first, second, angle)


def _ellipse(first: float, second: float, angle: float) -> Ellipse:
    longer, shorter = max(first, second), min(first, second)
    if not shorter:
        return Ellipse(longer, longer, remark="an axis of its error is given as 0: the other is used for both")
    if longer == shorter:
        return Ellipse(longer, longer)
    if longer == first:
        return Ellipse(longer, shorter, _turned(angle))
    remark = "its error gives the shorter axis first: the longer one is taken to lie across the stated angle"
    return Ellipse(longer, shorter, _turned(angle + 90.0), remark)


def _turned(angle_deg: float) -> float:
    """Of an axis, which has no head: in [0, 180)."""
    found = math.fmod(angle_deg, 180.0) % 180.0
    return 0.0 if found == 180.0 else found
