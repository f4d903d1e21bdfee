"""What the files of both searches say in the same words: the statistic of an event, its p-value and its inputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np

from llama.analyses.result.background import p_values
from llama.analyses.result.inputs import identity, observed, result_inputs
from llama.analyses.result.limits import Coincident, UpperLimits, coincident, upper_limits
from llama.analyses.result.pvalues import AlertSearch, conditions, event_p_values, finite_odds, table_kind
from llama.analyses.result.record import (
    PAstroChange,
    ResultInputs,
    Significance,
    SingleNeutrino,
    SourceDirection,
    UsedSearchName,
)
from llama.analyses.result.statistic import KeptSums, Statistic, logarithm
from llama.analyses.result.weights import odds, odds_and_weights
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.record import NeutrinoList
from llama.science.detector import IceCubeTables, SeasonTable
from llama.science.search import as_parameters
from llama.science.significance import (
    OwnBackground,
    OwnMapP,
    Populations,
    SearchChoice,
    Searches,
    TableChoice,
)


@dataclass(frozen=True)
class EventInputs:
    """What a result is made from: the alert, the neutrinos, the statistic of both, the tables.

    `retracted` is when the alert was taken back (UTC); None when it stands.
    """

    info: SkymapInfo
    neutrinos: NeutrinoList
    statistic: Statistic
    tables: IceCubeTables
    searches: Searches
    populations: Populations
    background: OwnBackground
    retracted: str | None = None


@dataclass(frozen=True, eq=False)
class Analysis:
    """The statistic of an event with one search type's background, from which its file is written.

    Attributes:
        given: what it is made from.
        search_type: `opa` or `subthreshold`.
        season: the neutrinos' own. chosen: the search, and why that one.
        table: the background table of this search type that fits the event, or why none does.
        own: p-values of the event's own map: the event's, every neutrino's, every pair's.
    """

    given: EventInputs
    search_type: str
    season: SeasonTable
    chosen: SearchChoice
    table: TableChoice
    own: tuple[OwnMapP, ...]

    @classmethod
    def of(cls, given: EventInputs, search_type: str) -> Analysis:
        """Raises ValueError when the statistic was not made of these inputs."""
        kept = given.statistic
        season, chosen = given.tables.season(kept.season), given.searches.choose(kept.population)
        kept.check(given.neutrinos, chosen.search, season)
        kind = table_kind(search_type, kept.population, chosen.search.run, given.info.instruments, season.name)
        fitting = conditions(chosen.search, season, kept.distance_mode)
        table, own = given.populations.choose(kind, fitting), p_values(given.background, kept, search_type)
        return cls(given, search_type, season, chosen, table, own)

    @property
    def statistic(self) -> Statistic:
        return self.given.statistic

    @property
    def sums(self) -> KeptSums:
        """The event's statistic in this search: of single neutrinos and pairs, or of the whole list."""
        return {"opa": self.statistic.event, "subthreshold": self.statistic.ensemble}[self.search_type]


def event_result(analysis: Analysis) -> Significance:
    """All that the files of both search types have."""
    info, kept, chosen = analysis.given.info, analysis.statistic, analysis.chosen
    found, of = analysis.sums.as_numbers(), AlertSearch.of(info, chosen.record)
    if_real = found.log_b - kept.log_complement
    given = analysis.given
    stated = event_p_values(analysis.own[0], given.background, analysis.table, if_real, of, _unlike(analysis))
    direction, seen = kept.most_probable_direction, _coincident(analysis, stated["p_value"])
    return Significance(
        search_type=analysis.search_type,
        headline=analysis.search_type == headline_type(info.significant),
        retracted=given.retracted,
        **identity(info),
        **odds_and_weights(found),
        **stated,
        p_astro=PAstroChange(kept.p_astro_before, kept.p_astro_after),
        population=kept.population,
        search=UsedSearchName(kept.search.name, kept.search.why),
        distance_mode=kept.distance_mode,
        notes=kept.notes,
        most_probable_direction=None if direction is None else SourceDirection(*direction),
        neutrino_flux_sensitivity_range=kept.reached.sensitivity,
        **_limits(analysis, seen),
        inputs=_inputs(analysis),
        single_neutrino=tuple(_single(analysis, i) for i in range(len(kept.neutrinos))),
    )


def _unlike(analysis: Analysis) -> str | None:
    """How the event's map differs from those of the table, or that it is not known."""
    table, of = analysis.table.table, analysis.statistic.skymap
    if table is None:
        return None
    return table.unlike(of.area_deg2, None if of.distance_mpc is None else of.distance_mpc[0]) or None


def headline_type(significant: bool | None) -> str:
    """The search type whose answer is the event's: the exact one for alerts of low significance.

    Alerts before O4 did not say what they are (None): they were significant.
    """
    return "subthreshold" if significant is False else "opa"


def _single(analysis: Analysis, i: int) -> SingleNeutrino:
    """What is said of neutrino i: its own odds, and their p-value."""
    row, one = analysis.given.neutrinos.neutrinos[i], analysis.statistic.neutrinos[i]
    return SingleNeutrino(
        **observed(row, analysis.given.info.gps_time),
        **odds(logarithm(one.log_odds)),
        p_value=_own_p_value(analysis, i),
        p_value_population=_of_population(analysis, i),
        log_b=one.log_b,
        log_lambda=one.log_lambda,
        log_weights=asdict(one.log_weights),
    )


def _own_p_value(analysis: Analysis, i: int) -> float | None:
    """Of neutrino i by itself, by what the search asks for."""
    return analysis.own[1 + i].p if analysis.chosen.search.p_value_from == "map" else _of_population(analysis, i)


def _of_population(analysis: Analysis, i: int) -> float | None:
    """Of neutrino i by itself, at p_astro 1 as the background is; None without a table."""
    table, kept = analysis.table.table, analysis.statistic
    if table is None:
        return None
    if_real = logarithm(kept.neutrinos[i].log_b_apart) - kept.log_complement
    return table.p_value(finite_odds(if_real)).p


def _coincident(analysis: Analysis, event_p: float | None) -> Coincident:
    log_odds = [logarithm(one.log_odds) for one in analysis.statistic.neutrinos]
    own = [_own_p_value(analysis, i) for i in range(len(log_odds))]
    return coincident(analysis.given.neutrinos, event_p, own, log_odds)


def _limits(analysis: Analysis, seen: Coincident) -> UpperLimits:
    """Limits for the neutrinos that were seen, in the livetime that there was."""
    reach, dec = analysis.statistic.reached, np.array(analysis.statistic.reached.declinations_rad)
    distance = analysis.statistic.skymap.distance_mpc
    return upper_limits(analysis.season, dec, distance, reach.livetime_fraction, seen)


def _inputs(analysis: Analysis) -> ResultInputs:
    given = analysis.given
    made_from = result_inputs(given.info, analysis.statistic.skymap.header, given.neutrinos)
    return replace(made_from, search_parameters=as_parameters(analysis.chosen.search, analysis.season.rate_hz))
