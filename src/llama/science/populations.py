"""Background distributions of the test statistic, and the rule that says which one fits an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class BackgroundTable:
    """The test statistic of background events of one kind.

    Attributes:
        name: search, population, run, detectors and season joined by "/".
        statistics: (n,) odds ratios in ascending order, no NaN.
        rate_hz: background rate of the neutrino sample.
        search_digest: which search parameters it was made with.
        distance_mode: how its odds used the distance: `map`, `pinned` or `marginal`.
        provenance: how it was made, for people.
        sky_maps: how many different sky maps the events are made of; None when the table does not say.
    """

    name: str
    statistics: NDArray[np.float64]
    rate_hz: float
    search_digest: str
    distance_mode: str
    provenance: str
    sky_maps: int | None = None

    def __post_init__(self) -> None:
        if self.statistics.size == 0:
            raise ValueError(f"background table {self.name} is empty")
        # not (a <= b) also catches NaN, which sorts last and would turn into p = 0
        if not np.all(self.statistics[:-1] <= self.statistics[1:]) or np.isnan(self.statistics[-1]):
            raise ValueError(f"background table {self.name} is not ascending, or holds NaN")


@dataclass(frozen=True)
class TableChoice:
    """The table that fits, or the reason why none does."""

    table: BackgroundTable | None
    reason: str


@dataclass(frozen=True, eq=False)
class Populations:
    """All background tables at hand, by name."""

    tables: Mapping[str, BackgroundTable]

    def choose(
        self,
        *,
        search_type: str,
        population: str | None,
        run: str,
        instruments: tuple[str, ...],
        season: str,
        search_digest: str,
        distance_mode: str,
    ) -> TableChoice:
        """The table for events of this kind; see docs/decisions/pvalue-tables.md for the rule."""
        if population is None:
            return TableChoice(None, "the alert gives no classification, so no population of background events fits")
        if not instruments:
            return TableChoice(None, "the alert names no instruments, so no background table fits")
        name = "/".join((search_type, population, run, "".join(sorted(instruments)), season))
        table = self.tables.get(name)
        if table is None:
            there = ", ".join(sorted(self.tables)) or "none"
            return TableChoice(None, f"no background table {name}; there are: {there}")
        if table.search_digest != search_digest:
            return TableChoice(
                None, f"background table {name} was made with other search parameters ({table.search_digest})"
            )
        if table.distance_mode != distance_mode:
            return TableChoice(
                None,
                f"background table {name} is for distance mode {table.distance_mode}, the event's is {distance_mode}",
            )
        return TableChoice(table, f"background table {name}, {table.statistics.size} events")


def most_likely_population(p_astro: Mapping[str, float | None]) -> str | None:
    """`bbh` if black-hole binaries outweigh everything with a neutron star or in the mass gap, else `bns`.

    p_terrestrial is ignored. None without a classification. Rule of the original software (SCIENCE 2.1).
    """
    values = {name: value for name, value in p_astro.items() if value is not None}
    if not set(values) & {"BNS", "NSBH", "BBH", "MassGap"}:
        return None
    others = sum(values.get(name, 0.0) for name in ("BNS", "NSBH", "MassGap"))
    return "bbh" if values.get("BBH", 0.0) > others else "bns"
