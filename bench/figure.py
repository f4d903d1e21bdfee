"""A measured figure beside its goal."""

from __future__ import annotations

import importlib
import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

T = TypeVar("T")


class Figure(NamedTuple):
    """`goal` is an upper limit in the same unit, None when the figure is for comparison only.

    `details` are lines for those who ask for all of it.
    """

    name: str
    value: float
    unit: str
    goal: float | None
    details: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        """Whether the goal is met; a figure without one meets it. NaN, for what could not be measured, does not."""
        return self.goal is None or self.value <= self.goal

    def line(self) -> str:
        """One line of the report."""
        goal = "(for comparison)" if self.goal is None else f"goal <= {self.goal:g} {self.unit}".rstrip()
        mark = "" if self.goal is None else "ok" if self.met else "MISSED"
        value = f"{self.value:.0f}" if self.value >= 1e4 else f"{self.value:.4g}"
        return f"  {self.name:<78} {value:>10} {self.unit:<3} {goal:<20} {mark}".rstrip()


def median_ms(call: Callable[[], object], repeat: int = 7) -> float:
    """Median wall time of `call` in ms, after one call that warms it up."""
    return medians_ms([call], repeat)[0]


def medians_ms(calls: Sequence[Callable[[], object]], repeat: int = 7) -> list[float]:
    """Those of several calls, made in turn: a slow minute of the machine then meets all of them alike."""
    for call in calls:
        call()
    rounds = [[timed_ms(call)[1] for call in calls] for _ in range(repeat)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def timed_ms(call: Callable[[], T]) -> tuple[T, float]:
    """What `call` returns, and its wall time in ms."""
    start = time.perf_counter()
    value = call()
    return value, (time.perf_counter() - start) * 1e3


def measured(module: str) -> list[Figure]:
    """The figures of one of this package's modules; here because a new process cannot import `bench.__main__`."""
    figures: list[Figure] = importlib.import_module(f"bench.{module}").figures()
    return figures
