"""What the fields of GBM notices mean, whatever their format."""

from __future__ import annotations

import re
from typing import Literal

from llama.messengers.burst_fields import letters

CLASSES = (
    "ERROR", "UNRELIABLE_LOCATION", "LOCAL_PARTICLES", "BELOW_HORIZON", "GRB", "GENERIC_SGR", "GENERIC_TRANSIENT",
    "DISTANT_PARTICLES", "SOLAR_FLARE", "CYG_X1", "SGR_1806_20", "GROJ_0422_32",
    *(f"RESERVED_{k}" for k in range(1, 8)), "TGF",
)  # fmt: skip
"""By the numbers of the flight software's `Most_Likely_Index` (as in the public GBM data tools, gdt-fermi)."""

DEFAULT_CONTAINMENT = 0.68

_BURST_NAME = re.compile(r"bn[0-9]{9}")
_TRIGGER = re.compile(r"[0-9]{9}|bn[0-9]{9}|grb[0-9]{6}([0-9]{1,3}|[a-z]+)?")


def hardness_class(text: object) -> Literal["hard", "soft"] | None:
    """hard or soft, in any case; None for nothing."""
    found = str(text or "").lower()
    return "hard" if found == "hard" else "soft" if found == "soft" else None


def burst_name(*texts: object) -> str:
    """`bn180116026`, wherever it is found; empty without."""
    return next((found[0] for text in texts if (found := _BURST_NAME.search(str(text or "").lower()))), "")


def names_a_trigger(text: str) -> bool:
    """Whether a name can be one of GBM's triggers, `745121685` or `bn240812094`, or of a burst, `GRB 240812A`."""
    return _TRIGGER.fullmatch(letters(text)) is not None
