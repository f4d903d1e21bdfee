"""What fields of notices of bursts mean, whoever sent them and in whatever format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NoticeError
from llama.formats.localization import Localization
from llama.formats.values import number
from llama.science.sky import sigma_of_radius
from llama.science.statistic import LEAST_SIGMA_RAD

RETRACTED = "retracted"
"""Why a burst that was taken back is none."""

_BURSTS = re.compile(r"(short|long|s|l)?(hard|soft)?(grb|gammarayburst)s?(short|long)?")


def position(found: Localization) -> dict[str, Any]:
    """Position and σ in degrees; empty when the notice has none, which it writes as 0 or as an error of 0."""
    if found.ra is None or found.dec is None or found.error is None:
        return {}
    error = found.error
    place: dict[str, Any] = {
        "ra": found.ra,
        "dec": found.dec,
        "sigma": _sigma_deg(error.semi_major, found.containment),
        "error_radius": error.semi_major,
        "containment": found.containment,
        "remark": error.remark,
    }
    if not error.is_circle:
        place |= {"sigma_minor": _sigma_deg(error.semi_minor, found.containment)}
        place |= {"position_angle": error.position_angle}
    return place


def _sigma_deg(radius_deg: float, containment: float) -> float:
    sigma_rad = sigma_of_radius(math.radians(radius_deg), containment)
    if not LEAST_SIGMA_RAD <= sigma_rad <= math.pi:
        raise NoticeError(
            f"an error of {radius_deg:g} deg around {containment:g} of the probability is a sigma of "
            f"{math.degrees(sigma_rad):.3g} deg; it must be {math.degrees(LEAST_SIGMA_RAD):.2g} to 180"
        )
    return math.degrees(sigma_rad)


def why_not_a_burst(classification: Mapping[str, float]) -> str:
    """Why the likeliest class is none of a gamma-ray burst; empty when it is, or when nothing is said.

    In doubt for the burst: bursts' classes are added up, and the largest single number stands for another class,
    whether that is there once or in several spellings. A tie with bursts, and zeros alone, leave nothing out.
    """
    burst = math.fsum(share for name, share in classification.items() if _of_bursts(name))
    others = {name: share for name, share in classification.items() if not _of_bursts(name)}
    most = max(others.values(), default=0.0)
    if burst >= most:
        return ""
    likeliest = sorted(name.strip() for name, share in others.items() if share == most)
    return f"most likely {' or '.join(likeliest)} ({most:.0%}{' each' if len(likeliest) > 1 else ''})"


def _of_bursts(name: str) -> bool:
    """Whether a class is one of gamma-ray bursts, however it is written: `GRB`, `Short_GRB`, `long GRB`."""
    return _BURSTS.fullmatch(letters(name)) is not None


def letters(name: str) -> str:
    """Letters and digits alone, small, which is what remains the same however a name is written."""
    return "".join(character for character in name.lower() if character.isalnum())


def duration_class(text: object) -> Literal["short", "long"] | None:
    """short or long, in any case; None for `unknown` and nothing."""
    found = str(text or "").lower()
    return "short" if found == "short" else "long" if found == "long" else None


def positive(value: object, where: str) -> float | None:
    """A number above zero; None for 0, which notices write for what they do not know."""
    return number(value, where, 0.0) or None
