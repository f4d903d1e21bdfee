"""Background distributions of the test statistic, and the rule that says which one fits an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class TableKind:
    """What a background table is of; the parts of its name.

    Attributes:
        search_type: which statistic, `opa` for the public-alert search.
        population: of the simulated sources, which is also the name of the search they were analysed with.
        run: observing run the sky maps stand for.
        detectors: instruments in alphabetical order, `H1L1V1`.
        season: neutrino sample of the background.
    """

    search_type: str
    population: str
    run: str
    detectors: str
    season: str

    @classmethod
    def named(cls, name: str) -> TableKind:
        """From the parts joined by "/"; ValueError when they are not five."""
        parts = name.split("/")
        if len(parts) != 5 or not all(parts):
            raise ValueError(f"a background table is called SEARCH/POPULATION/RUN/DETECTORS/SEASON, not {name}")
        return cls(*parts)

    @property
    def name(self) -> str:
        return "/".join((self.search_type, self.population, self.run, self.detectors, self.season))


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
        population: str,
        run: str,
        instruments: tuple[str, ...],
        season: str,
        search_digest: str,
        distance_mode: str,
    ) -> TableChoice:
        """The table for events of this kind; see docs/decisions/pvalue-tables.md for the rule."""
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


def most_likely_population(p_astro: Mapping[str, float | None], group: str = "") -> str:
    """Which kind of source a trigger is taken for: `bbh`, `nsbh`, `bns`; unclassified `cbc` or `burst`.

    `bbh` if black-hole binaries outweigh everything with a neutron star or in the mass gap, as in the original
    software (SCIENCE 2.1). It called all else `bns`; here that is `nsbh` when NSBH and MassGap outweigh BNS.
    p_terrestrial is ignored.

    Args:
        p_astro: probability by class, as the alert gives it.
        group: of the pipeline that found the trigger; `CBC` tells a merger without classification from a burst.
    """
    values = {name: value for name, value in p_astro.items() if value is not None}
    if not set(values) & {"BNS", "NSBH", "BBH", "MassGap"}:
        return "cbc" if group == "CBC" else "burst"
    bns, bbh = values.get("BNS", 0.0), values.get("BBH", 0.0)
    between = values.get("NSBH", 0.0) + values.get("MassGap", 0.0)
    if bbh > bns + between:
        return "bbh"
    return "nsbh" if between > bns else "bns"
