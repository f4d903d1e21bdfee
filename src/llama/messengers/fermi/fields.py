"""What the fields of GBM notices mean, whatever their format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from llama.formats.errors import NoticeError
from llama.formats.values import number, shown
from llama.science.sky import sigma_of_radius

CLASSES = (
    "ERROR", "UNRELIABLE_LOCATION", "LOCAL_PARTICLES", "BELOW_HORIZON", "GRB", "GENERIC_SGR", "GENERIC_TRANSIENT",
    "DISTANT_PARTICLES", "SOLAR_FLARE", "CYG_X1", "SGR_1806_20", "GROJ_0422_32",
    *(f"RESERVED_{k}" for k in range(1, 8)), "TGF",
)  # fmt: skip
"""By the numbers of the flight software's `Most_Likely_Index` (as in the public GBM data tools, gdt-fermi)."""

GRB = "GRB"
DEFAULT_CONTAINMENT = 0.68

_BURST_NAME = re.compile(r"bn[0-9]{9}")


def position(ra: object, dec: object, radius: object, containment: float, where: str) -> dict[str, Any]:
    """Position and σ in degrees; empty when the notice has none, which it writes as 0 or as an error of 0."""
    values = number(ra, f"{where} RA"), number(dec, f"{where} Dec", -90, 90), number(radius, f"{where} error", 0, 180)
    if None in values or not values[2]:
        return {}
    ra_deg, dec_deg, radius_deg = (float(value or 0.0) for value in values)
    if not 0 < containment < 1:
        raise NoticeError(f"{where} error holds {shown(containment)}, which is not a probability between 0 and 1")
    sigma = math.degrees(sigma_of_radius(math.radians(radius_deg), containment))
    return {
        "ra": ra_deg % 360.0,
        "dec": dec_deg,
        "sigma": sigma,
        "error_radius": radius_deg,
        "containment": containment,
    }


def why_not_a_burst(classification: Mapping[str, float]) -> str:
    """Why the likeliest class is none of a gamma-ray burst; empty when it is, or when nothing is said."""
    if not classification:
        return ""
    name = max(classification, key=lambda key: classification[key])
    return "" if name == GRB else f"most likely {name} ({classification[name]:.0%})"


def duration_class(text: object) -> Literal["short", "long"] | None:
    """short or long, in any case; None for `unknown` and nothing."""
    found = str(text or "").lower()
    return "short" if found == "short" else "long" if found == "long" else None


def hardness_class(text: object) -> Literal["hard", "soft"] | None:
    """hard or soft, in any case; None for nothing."""
    found = str(text or "").lower()
    return "hard" if found == "hard" else "soft" if found == "soft" else None


def burst_name(*texts: object) -> str:
    """`bn180116026`, wherever it is found; empty without."""
    return next((found[0] for text in texts if (found := _BURST_NAME.search(str(text or "")))), "")


def positive(value: object, where: str) -> float | None:
    """A number above zero; None for 0, which notices write for what they do not know."""
    return number(value, where, 0.0) or None
