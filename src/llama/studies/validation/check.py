"""What a check answers: a question, the criterion that was set beforehand, the numbers, and a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Cell = str | int | float
Outcome = Literal["pass", "fail", "not judged"]


def verdict(judged: int, wrong: int) -> Outcome:
    """Of so many numbers that the criterion applied to so many are against it; nothing judged is nothing passed."""
    if not judged:
        return "not judged"
    return "fail" if wrong else "pass"


@dataclass(frozen=True)
class PageTable:
    """Numbers for people and for the JSON twin: one tuple per row, as long as `columns`."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, eq=False)
class Plot:
    """A matplotlib `Figure`; the caption says what it shows, `alt` what one would see."""

    figure: Any
    caption: str
    alt: str


@dataclass(frozen=True, eq=False)
class Check:
    """One verdict.

    Attributes:
        name: what `--check` calls it.
        title: a few words.
        question: what is asked.
        criterion: when it passes, set before anything was drawn.
        value: what was found, in words and numbers.
        verdict: whether the criterion holds, or that too little was drawn to say.
        limits: what the answer does not prove.
        plots, tables: the evidence.
    """

    name: str
    title: str
    question: str
    criterion: str
    value: str
    verdict: Outcome
    limits: str
    plots: tuple[Plot, ...] = field(default=())
    tables: tuple[PageTable, ...] = field(default=())
