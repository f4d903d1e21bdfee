"""`statistic_lvc-i3.json`: the numbers of the statistic, made once. From it both significance files, the joint maps
and through them all else is written.

Logarithms are natural and null for that of zero; all other numbers come back from the file to the last digit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import msgspec
import numpy as np

from llama.advice import REMAKE_FILE, RUN, SEASON, Reason
from llama.analyses.result.inputs import (
    astrophysical,
    finite,
    header_of,
    named_notes,
    skymap_notes,
    unclassified,
    uncovered_window,
)
from llama.analyses.result.limits import Reached, reached
from llama.analyses.result.marks import not_blinded
from llama.analyses.result.pvalues import response_digest, search_digest
from llama.analyses.result.record import MapHeader
from llama.engine.errors import NotYet
from llama.engine.graph import FlagValues, Guard
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.blinding import FLAG
from llama.messengers.icecube.likelihood import list_notes
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList
from llama.science.detector import IceCubeTables, SeasonTable
from llama.science.joint import Relation, relations
from llama.science.search import Search
from llama.science.significance import Searches, most_likely_population
from llama.science.sky import SkyMap, credible_area_deg2, mean_distance
from llama.science.statistic import (
    CoincidenceResult,
    EventStatistic,
    GWTrigger,
    LogWeights,
    Neutrinos,
    coincidence,
    most_probable_direction,
    search_window_s,
)


@dataclass(frozen=True, slots=True)
class KeptWeights:
    """ln of each hypothesis' weight, see `LogWeights`; null for a weight of zero."""

    signal: float | None
    chance_gw: float | None
    chance_neutrino: float | None
    noise: float | None

    @classmethod
    def of(cls, weights: LogWeights, i: int | tuple[()] = ()) -> KeptWeights:
        """Those of neutrino i, or of the event."""
        return cls(*(finite(float(getattr(weights, one.name)[i])) for one in fields(cls)))

    def as_numbers(self) -> LogWeights:
        """As the statistic had them."""
        return LogWeights(*(np.asarray(logarithm(getattr(self, one.name))) for one in fields(self)))


@dataclass(frozen=True, slots=True)
class KeptSums:
    """What several neutrinos say together, see `EventStatistic`."""

    log_b: float | None
    log_weights: KeptWeights

    @classmethod
    def of(cls, found: EventStatistic) -> KeptSums:
        return cls(finite(found.log_b), KeptWeights.of(found.weights))

    def as_numbers(self) -> EventStatistic:
        """As the statistic had it."""
        return EventStatistic(logarithm(self.log_b), self.log_weights.as_numbers())


@dataclass(frozen=True, slots=True)
class OfNeutrino:
    """One neutrino, in the place that it has in the list.

    `log_b_apart` is ln B/(1 + λ), `energy_used` in GeV. Direction (degrees) and type say whether it was blinded.
    """

    i3event: str
    ra: float
    dec: float
    type: str
    log_b: float | None
    log_b_apart: float | None
    log_lambda: float | None
    log_odds: float | None
    log_weights: KeptWeights
    energy_used: float


@dataclass(frozen=True, slots=True)
class OfPair:
    """A pair that may share the merger's source: places in the list, and ln of its odds."""

    first: int
    second: int
    log_odds: float


@dataclass(frozen=True, slots=True)
class UsedSearch:
    """The search that was used, why that one, and digests of all its numbers and of the season's response."""

    name: str
    why: str
    search_digest: str
    response_digest: str


@dataclass(frozen=True, slots=True)
class UsedSkymap:
    """What results need of the sky map: what its header says, its distance (mean and standard deviation, Mpc), and
    the area of its 90 % region, which files of earlier versions lack."""

    header: MapHeader
    distance_mpc: tuple[float, float] | None
    area_deg2: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticNumbers:
    """The numbers of an event that its background is drawn for and compared with: no marks, no notes, no limits.

    Attributes:
        season: the neutrinos' own. population: what the trigger was taken for.
        event: single neutrinos and pairs. ensemble: all sets.
        made_from: digests of the event's files that it was made from, by file name.
    """

    population: str
    season: str
    search: UsedSearch
    event: KeptSums
    ensemble: KeptSums
    neutrinos: tuple[OfNeutrino, ...]
    pairs: tuple[OfPair, ...]
    made_from: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_part(cls, part: Mapping[str, Any]) -> StatisticNumbers:
        """From the fields of a statistic's file that have these names."""
        return msgspec.convert(part, cls)

    def check_files(self, digests: Mapping[str, str]) -> None:
        """ValueError when one of these files is not as it was: the run may have been asked for the results only."""
        for name, digest in digests.items():
            if self.made_from.get(name, digest) != digest:
                made = f"{STATISTIC_FILENAME} was made from another {name}: "
                raise ValueError(Reason(made, RUN, " without -f makes it anew first"))

    def check(self, neutrinos: NeutrinoList, search: Search, season: SeasonTable) -> None:
        """ValueError when it was not made of these: one that was adopted, or is locked, need not be."""
        listed = [(row.i3event, row.ra, row.dec, row.type) for row in neutrinos.neutrinos]
        if listed != [(one.i3event, one.ra, one.dec, one.type) for one in self.neutrinos]:
            raise ValueError(Reason(f"{STATISTIC_FILENAME} is of other neutrinos than {_LIST}: ", _AGAIN))
        used = self.search
        if (used.search_digest, used.response_digest) != (search_digest(search), response_digest(season)):
            numbers = f"search {used.name} or {season.name}"
            raise ValueError(Reason(f"{STATISTIC_FILENAME} was made with other numbers of {numbers}: ", _AGAIN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic(StatisticNumbers):
    """The statistic of an event, before a search type says which part of it is the answer.

    Attributes:
        marks: the words that nobody may overlook.
        log_complement: ln c, see `CoincidenceResult`.
        relations: which neutrinos share the source, and how probable that is.
        most_probable_direction: right ascension and declination in degrees; None when there can be no source.
        reached: what could have been seen, and where.
    """

    marks: tuple[str, ...]
    event_id: str
    distance_mode: str
    p_astro_before: float | None
    p_astro_after: float | None
    log_complement: float
    relations: tuple[Relation, ...]
    most_probable_direction: tuple[float, float] | None
    skymap: UsedSkymap
    reached: Reached
    notes: tuple[str, ...]


STATISTIC_NUMBERS = tuple(one.name for one in fields(StatisticNumbers))
"""The fields of a statistic's file that `StatisticNumbers` has."""
STATISTIC_FILENAME = "statistic_lvc-i3.json"
_LIST = "icecube_neutrino_list.json"
_REMAKE = REMAKE_FILE.of(FILE=STATISTIC_FILENAME)
_AGAIN = Reason(_REMAKE, " makes it anew (after `unlock`, if it is locked)")


def measure(
    info: SkymapInfo,
    skymap: SkyMap,
    neutrinos: NeutrinoList,
    p_astro: Mapping[str, float | None],
    tables: IceCubeTables,
    searches: Searches,
    marks: tuple[str, ...] = (),
) -> Statistic:
    """The statistic with the search that the alert's classification chooses.

    Raises NotYet when no neutrino data cover the window: without a season there is no rate, no response, no answer;
    ValueError, which names the neutrino, for an energy outside the search's band.
    """
    if neutrinos.season is None:
        raise NotYet(_no_background(neutrinos))  # a new list ends the wait at once
    season = _season(neutrinos.season, tables)
    population = most_likely_population(p_astro, info.group)
    chosen = searches.choose(population)
    window = search_window_s(chosen.search)
    uncovered = uncovered_window(window, info, neutrinos)
    trigger = GWTrigger(info.gps_time, None, astrophysical(p_astro), info.instruments)
    arrays = kernel_arrays(neutrinos, (chosen.search.energy_min_gev, chosen.search.energy_max_gev))
    result = coincidence(skymap, trigger, arrays, season, chosen.search)
    notes = (
        *skymap_notes(skymap, info),
        *unclassified(p_astro, info, population),
        *uncovered,
        *list_notes(neutrinos),
        *named_notes(result.notes, neutrinos),
    )
    digests = search_digest(chosen.search), response_digest(season)
    return Statistic(
        marks=marks,
        event_id=info.event_id,
        population=population,
        season=season.name,
        search=UsedSearch(chosen.search.name, chosen.why, *digests),
        reached=reached(season, skymap, neutrinos, (info.gps_time + window[0], info.gps_time + window[1])),
        skymap=UsedSkymap(header_of(skymap, info), mean_distance(skymap), credible_area_deg2(skymap, 0.9)),
        notes=notes,
        **_numbers(result, arrays, neutrinos),
    )


def _season(name: str, tables: IceCubeTables) -> SeasonTable:
    try:
        return tables.season(name)
    except ValueError as error:
        raise ValueError(f"{error}; {SEASON} makes one of the season's own files") from error


def _no_background(neutrinos: NeutrinoList) -> str:
    if neutrinos.neutrinos:
        return f"nothing is known of the background of the neutrinos listed: {neutrinos.why}"
    return f"no neutrino data for this event: {neutrinos.why}"


def _numbers(result: CoincidenceResult, arrays: Neutrinos, neutrinos: NeutrinoList) -> dict[str, Any]:
    direction, pairs = most_probable_direction(result, arrays), result.log_odds_pairs
    return {
        "distance_mode": result.mode,
        "p_astro_before": result.p_astro_before,
        "p_astro_after": result.p_astro_after,
        "log_complement": result.log_complement,
        "event": KeptSums.of(result.event),
        "ensemble": KeptSums.of(result.ensemble),
        "neutrinos": tuple(_one(result, neutrinos, i) for i in range(len(arrays))),
        "pairs": tuple(OfPair(int(i), int(j), float(pairs[i, j])) for i, j in np.argwhere(np.isfinite(pairs))),
        "relations": relations(result),
        "most_probable_direction": None if direction is None else tuple(map(math.degrees, direction)),
    }


def _one(result: CoincidenceResult, neutrinos: NeutrinoList, i: int) -> OfNeutrino:
    row = neutrinos.neutrinos[i]
    return OfNeutrino(
        i3event=row.i3event,
        ra=row.ra,
        dec=row.dec,
        type=row.type,
        log_b=finite(float(result.log_b[i])),
        log_b_apart=finite(float(result.log_b_apart[i])),
        log_lambda=finite(float(result.log_lambda[i])),
        log_odds=finite(float(result.log_odds[i])),
        log_weights=KeptWeights.of(result.weights, i),
        energy_used=float(result.energy_used_gev[i]),
    )


def logarithm(kept: float | None) -> float:
    """A logarithm as files hold it, null for that of zero, as a number."""
    return -math.inf if kept is None else kept


def _as_flagged(kept: Statistic, event_id: str, flags: FlagValues) -> Statistic:
    if flags[FLAG] and any(one.type != "blinded" for one in kept.neutrinos):
        raise NotYet(not_blinded(STATISTIC_FILENAME, event_id))
    return kept


STATISTIC_GUARD: Guard[Statistic] = Guard((FLAG,), _as_flagged)
"""While the flag blinds neutrinos, nothing is made from numbers of some that are not blinded."""
