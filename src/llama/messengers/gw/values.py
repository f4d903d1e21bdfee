"""Values out of gravitational-wave notices: those that every notice has, and lists of detectors."""

from __future__ import annotations

import re

from llama.formats.errors import NoticeError
from llama.formats.values import MAX_TEXT, PROBABILITY_SLACK, mapping, number, probability, shown, text, truth, utc

__all__ = [
    "MAX_TEXT",
    "PROBABILITY_SLACK",
    "detectors",
    "mapping",
    "number",
    "probability",
    "shown",
    "text",
    "truth",
    "utc",
]

_DETECTOR = re.compile(r"[A-Z][0-9]")


def detectors(value: object, where: str) -> tuple[str, ...]:
    """`["H1", "L1"]` or `H1,L1`, in alphabetical order; empty when absent."""
    names = [name.strip() for name in value.split(",")] if isinstance(value, str) else value
    names = [name for name in names if name != ""] if isinstance(names, list) else [] if names is None else names
    if isinstance(names, list) and all(isinstance(name, str) and _DETECTOR.fullmatch(name) for name in names):
        return tuple(sorted(set(names)))
    raise NoticeError(f"{where} is {shown(value)}, which is not a list of detectors like H1, L1, V1")
