"""A measured figure beside its goal."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Figure(NamedTuple):
    """`goal` is an upper limit in the same unit, None when the figure is for comparison only."""

    name: str
    value: float
    unit: str
    goal: float | None

    def line(self) -> str:
        """One line of the report."""
        if self.goal is None:
            verdict, goal = "", "(for comparison)"
        else:
            verdict, goal = ("ok" if self.value <= self.goal else "MISSED"), f"goal < {self.goal:g} {self.unit}"
        return f"  {self.name:<72} {self.value:>10.4g} {self.unit:<6} {goal:<20} {verdict}"


def median_ms(call: Callable[[], object], repeat: int = 7) -> float:
    """Median wall time of `call` in ms, after one call that warms it up."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3
