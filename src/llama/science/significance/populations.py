"""Background distributions of the test statistic, and the rule that says which one fits an event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llama.science.significance.pvalue import PValue, p_value_text

CLASSES_SUM = 0.02
"""How far probabilities of classes may add up to other than one: VOEvents of O3 round each to two digits."""


ROUNDING = 1e-9
"""How far rounding may carry a probability past 0 or 1."""

_MERGERS = ("BNS", "NSBH", "BBH", "MassGap")


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
        statistics: (kept,) odds ratios in ascending order, no NaN.
        rate_hz: background rate of the neutrino sample; None when the table does not say.
        search_digest: which search parameters it was made with; empty when the table does not say.
        response_digest: which detector response and neutrino background; empty when the table does not say.
        distance_mode: how its odds used the distance: `map`, `pinned` or `marginal`.
        provenance: how it was made, for people.
        sky_maps: how many different sky maps the events are made of; None when the table does not say.
        map_area_deg2, map_distance_mpc: quantiles over those maps in ascending order, of the area of the 90 % region
            and of the mean distance: the first and the last are what counts as like them; empty when the table does
            not say.
        weights: (kept,) for how many events each value stands, itself and those that were dropped between it and the
            next lower one that is kept; None where every event is kept.
    """

    name: str
    statistics: NDArray[np.float64]
    rate_hz: float | None
    search_digest: str
    distance_mode: str
    provenance: str
    response_digest: str = ""
    sky_maps: int | None = None
    map_area_deg2: tuple[float, ...] = ()
    map_distance_mpc: tuple[float, ...] = ()
    weights: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if self.statistics.size == 0:
            raise ValueError(f"background table {self.name} is empty")
        # not (a <= b) also catches NaN, which sorts last and would turn into p = 0
        if not np.all(self.statistics[:-1] <= self.statistics[1:]) or np.isnan(self.statistics[-1]):
            raise ValueError(f"background table {self.name} is not ascending, or holds NaN")
        if self.weights is not None and (self.weights.shape != self.statistics.shape or self.weights.min() < 1):
            raise ValueError(f"background table {self.name} does not say for how many events each value stands")
        for quantiles in (self.map_area_deg2, self.map_distance_mpc):
            if not np.all(np.isfinite(quantiles)) or np.any(np.diff(quantiles) < 0):
                raise ValueError(f"quantiles of the sky maps of background table {self.name} are not ascending")

    @cached_property
    def events(self) -> int:
        """Background events, kept or not."""
        return self.statistics.size if self.weights is None else int(self.weights.sum())

    @cached_property
    def _below(self) -> NDArray[np.int64]:
        """(kept + 1,) events below each value."""
        weights = np.ones(self.statistics.size, np.int64) if self.weights is None else self.weights
        return np.concatenate([[0], np.cumsum(weights)])

    def p_value(self, statistic: float) -> PValue:
        """Fraction of background events at least as extreme; `p_value` gives the same number from all events.

        Where events were dropped each counts as the next higher one that is kept: p is never too small.
        Raises ValueError for NaN.
        """
        if statistic != statistic:
            raise ValueError("the event's test statistic is NaN; there is no p-value for it")
        below = int(self._below[self.statistics.searchsorted(statistic, side="left")])
        p = 1 - below / self.events
        return PValue(p=p, n=self.events, text=p_value_text(p, self.events))

    def unlike(self, area_deg2: float | None, distance_mpc: float | None) -> str:
        """How a sky map differs from the table's, or that nobody can know; empty when it is like them.

        Args:
            area_deg2: of the map's 90 % region; None where it is not recorded. distance_mpc: its mean distance; None
                where it has none.
        """
        if not self.map_area_deg2:
            return "how large and how far the table's sky maps are is not recorded, so this one may be unlike them"
        told = (
            "" if area_deg2 is not None else "the area of this map's 90 % region is not recorded",
            _outside("90 % region", area_deg2, self.map_area_deg2, "deg²"),
            _outside("mean distance", distance_mpc, self.map_distance_mpc, "Mpc"),
        )
        return "; ".join(filter(None, told))


def _outside(what: str, value: float | None, held: tuple[float, ...], unit: str) -> str:
    if value is None or not held or held[0] <= value <= held[-1]:
        return ""
    return f"this map's {what} is {value:.4g} {unit}, those of the table's maps are {held[0]:.4g} to {held[-1]:.4g}"


@dataclass(frozen=True)
class Conditions:
    """What a table must have been made with to fit an event, beside its kind; names as in `BackgroundTable`."""

    search_digest: str
    response_digest: str
    distance_mode: str

    def misfit(self, table: BackgroundTable) -> str:
        """Why the table does not fit; empty when it does."""
        if not table.search_digest:
            return "does not say which search parameters it was made with"
        if table.search_digest != self.search_digest:
            return f"was made with other search parameters ({table.search_digest})"
        if not table.response_digest or table.response_digest != self.response_digest:
            return f"was made with another detector response ({table.response_digest or 'not recorded'})"
        if table.distance_mode != self.distance_mode:
            return f"is for distance mode {table.distance_mode}, the event's is {self.distance_mode}"
        return ""


@dataclass(frozen=True)
class TableChoice:
    """The table that fits, or the reason why none does."""

    table: BackgroundTable | None
    reason: str


@dataclass(frozen=True, eq=False)
class Populations:
    """All background tables at hand, by name."""

    tables: Mapping[str, BackgroundTable]

    def choose(self, kind: TableKind, conditions: Conditions) -> TableChoice:
        """The table for events of this kind, else that of all detectors together; docs/decisions/pvalue-tables.md."""
        table = self.tables.get(kind.name)
        if table is None:
            missing = f"no background table {kind.name}; {self._what_lacks(kind, conditions)}"
        elif why := conditions.misfit(table):
            missing = f"background table {kind.name} {why}"
        else:
            return TableChoice(table, f"background table {kind.name}, {table.events} events")
        pool = [other for other in self._of_other_detectors(kind) if not conditions.misfit(other)]
        if not pool:
            return TableChoice(None, missing)
        pooled = _pooled(replace(kind, detectors="any"), pool)
        sets = ", ".join(TableKind.named(other.name).detectors for other in pool)
        reason = f"all detectors together ({sets}), {pooled.events} events, for want of {kind.name}"
        return TableChoice(pooled, reason)

    def _what_lacks(self, kind: TableKind, conditions: Conditions) -> str:
        """Why tables of no detectors serve a kind: what there is instead, or why those of other detectors do not."""
        if not self.tables:
            return "there are none at all"
        if alike := self._of_other_detectors(kind):
            return f"there is {alike[0].name}, which {conditions.misfit(alike[0])}"
        held = [TableKind.named(name) for name in self.tables]
        lacking = []
        for part in ("search_type", "population", "run", "season"):
            there, wanted = sorted({getattr(one, part) for one in held}), getattr(kind, part)
            if wanted not in there:
                lacking.append(f"there is none of {part.replace('_', ' ')} {wanted}, only of {', '.join(there)}")
        return "; ".join(lacking) or "there is none of this combination, whatever the detectors"

    def _of_other_detectors(self, kind: TableKind) -> list[BackgroundTable]:
        """Tables like it but for the detectors, by name; no other is read."""
        return [self.tables[name] for name in self._by_rest.get(_rest(kind), ())]

    @cached_property
    def _by_rest(self) -> Mapping[tuple[str, ...], Sequence[str]]:
        """Names of tables by what they are of besides detectors, in order."""
        found: dict[tuple[str, ...], list[str]] = {}
        for name in sorted(self.tables):
            found.setdefault(_rest(TableKind.named(name)), []).append(name)
        return found


def _rest(kind: TableKind) -> tuple[str, ...]:
    return kind.search_type, kind.population, kind.run, kind.season


def _pooled(kind: TableKind, tables: Sequence[BackgroundTable]) -> BackgroundTable:
    """Background events of several tables as one: each event counts alike."""
    maps = [table.sky_maps for table in tables]
    statistics = np.concatenate([table.statistics for table in tables])
    weights = np.concatenate([np.diff(table._below) for table in tables])
    ascending = np.argsort(statistics, kind="stable")
    return replace(
        tables[0],
        name=kind.name,
        statistics=statistics[ascending],
        weights=None if all(table.weights is None for table in tables) else weights[ascending],
        provenance="; ".join(f"{table.name}: {table.provenance}" for table in tables),
        sky_maps=None if None in maps else sum(count for count in maps if count),
        map_area_deg2=_reach([table.map_area_deg2 for table in tables]),
        map_distance_mpc=_reach([table.map_distance_mpc for table in tables]),
    )


def _reach(quantiles: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    """From the least to the largest of several tables; empty when one does not say."""
    return (min(of[0] for of in quantiles), max(of[-1] for of in quantiles)) if all(quantiles) else ()


def most_likely_population(p_astro: Mapping[str, float | None], group: str = "") -> str:
    """Which kind of source a trigger is taken for: `bbh`, `nsbh`, `bns`; unclassified `cbc` or `burst`.

    `bbh` if black-hole binaries outweigh everything with a neutron star or in the mass gap, as in the original
    software (SCIENCE 2.1). It called all else `bns`; here that is `nsbh` when NSBH and MassGap outweigh BNS.
    p_terrestrial is ignored.

    Args:
        p_astro: probability by class, as the alert gives it.
        group: of the pipeline that found the trigger; `CBC` tells a merger without classification from a burst.

    Raises ValueError for what are no probabilities: they may have been given by hand.
    """
    _check_classes(p_astro)
    values = {name: value for name, value in p_astro.items() if value is not None}
    if not is_classified(p_astro):
        return "cbc" if group == "CBC" else "burst"
    bns, bbh = values.get("BNS", 0.0), values.get("BBH", 0.0)
    between = values.get("NSBH", 0.0) + values.get("MassGap", 0.0)
    if bbh > bns + between:
        return "bbh"
    return "nsbh" if between > bns else "bns"


def is_classified(p_astro: Mapping[str, float | None]) -> bool:
    """Whether it says how likely any kind of merger is."""
    return any(p_astro.get(name) is not None for name in _MERGERS)


def _check_classes(p_astro: Mapping[str, float | None]) -> None:
    spelt = {name.casefold(): name for name in (*_MERGERS, "Terrestrial")}
    if wrong := [name for name in p_astro if spelt.get(name.casefold(), name) != name]:
        raise ValueError(f"p_astro.json: {wrong[0]} is written {spelt[wrong[0].casefold()]}; correct it")
    for name, value in p_astro.items():
        if value is not None and (isinstance(value, bool | str) or not 0 <= value + ROUNDING <= 1 + 2 * ROUNDING):
            raise ValueError(f"p_astro.json: {name} is {value!r}; each class has a number from 0 to 1")
    if (total := sum(value or 0.0 for value in p_astro.values())) > 1 + CLASSES_SUM:
        raise ValueError(f"p_astro.json: the classes sum to {total:.4g}, which is more than 1")
