"""`significance_joint_…json`: merger, neutrinos and candidates of other messengers as one statistic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from llama.analyses.joint.company_pvalue import CompanyGiven, company_p_value
from llama.analyses.joint.record import Candidate, CandidateSet, JointSignificance, SetOdds, WithNeutrino
from llama.analyses.result import (
    PAstroChange,
    ResultInputs,
    UsedSearchName,
    astrophysical,
    finite,
    header_of,
    identity,
    named_notes,
    observed,
    odds,
    odds_and_weights,
    result_inputs,
    skymap_notes,
    unclassified,
    uncovered_window,
)
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.likelihood import list_notes
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList
from llama.science.companions import Listening, listens
from llama.science.detector import IceCubeEvents, IceCubeTables, SeasonTable
from llama.science.search import Search, as_parameters
from llama.science.significance import Searches, most_likely_population
from llama.science.sky import SkyMap
from llama.science.statistic import CompanyResult, GWTrigger, Neutrinos, SetResult, company, search_window_s

SEARCH_TYPE = "joint"


def company_significance(
    *,
    info: SkymapInfo,
    skymap: SkyMap,
    neutrinos: NeutrinoList | None,
    p_astro: Mapping[str, float | None],
    tables: IceCubeTables,
    events: IceCubeEvents,
    searches: Searches,
    listenings: Sequence[Listening],
    retracted: str | None = None,
) -> JointSignificance:
    """The joint search over all messengers that were asked; None for `neutrinos` when IceCube was not.

    Those that had no data are left out of `messengers`, and a note says why.

    `retracted` is when the alert was taken back (UTC); None when it stands.
    """
    population = most_likely_population(p_astro, info.group)
    chosen = searches.choose(population)
    heard = _heard(neutrinos, tables, chosen.search)
    trigger = GWTrigger(info.gps_time, None, astrophysical(p_astro), info.instruments)
    result = company(skymap, trigger, heard, chosen.search, listenings)
    season = None if heard is None else heard[1]
    background = CompanyGiven(info, skymap, trigger, neutrinos, season, tables, events, chosen.record)
    return JointSignificance(
        search_type=SEARCH_TYPE,
        retracted=retracted,
        messengers=("gw", *(["icecube"] if heard else []), *_taking_part(result)),
        **identity(info),
        **odds_and_weights(result.event),
        **company_p_value(background, result),
        p_astro=PAstroChange(result.p_astro_before, result.p_astro_after),
        population=population,
        search=UsedSearchName(chosen.search.name, chosen.why),
        distance_mode=result.mode,
        notes=(
            *skymap_notes(skymap, info),
            *unclassified(p_astro, info, population),
            *_coverage(neutrinos, chosen.search, info),
            *named_notes(result.notes, neutrinos),
        ),
        candidates=tuple(_candidate(one, i, info) for one in listenings for i in range(_count(one))),
        sets=tuple(_set(one, info, neutrinos if heard else None) for one in result.sets),
        without_candidates=_two(result),
        inputs=_inputs(info, skymap, neutrinos, listenings, chosen.search, season),
    )


def _taking_part(result: CompanyResult) -> list[str]:
    return [one.messenger for one in result.listenings if listens(one)]


def _heard(
    neutrinos: NeutrinoList | None, tables: IceCubeTables, search: Search
) -> tuple[Neutrinos, SeasonTable] | None:
    """The neutrinos and their season; None where no data cover the window, which is no silence either."""
    if neutrinos is None or neutrinos.season is None:
        return None
    band = search.energy_min_gev, search.energy_max_gev
    return kernel_arrays(neutrinos, band), tables.season(neutrinos.season)


def _coverage(neutrinos: NeutrinoList | None, search: Search, info: SkymapInfo) -> tuple[str, ...]:
    """A note when neutrinos were asked for and are not known for all of the window.

    ValueError when the list and the search have no time in common.
    """
    if neutrinos is None:
        return ()
    if neutrinos.season is None:
        return (f"no neutrino data: {neutrinos.why}",)
    return (*uncovered_window(search_window_s(search), info, neutrinos), *list_notes(neutrinos))


def _count(listening: Listening) -> int:
    return len(listening.companions)


def _candidate(listening: Listening, i: int, info: SkymapInfo) -> Candidate:
    one = listening.companions[i]
    return Candidate(
        messenger=listening.messenger,
        name=one.name,
        dt=one.gps_s - info.gps_time,
        window_s=(one.minus_s, one.plus_s),
        rate_hz=one.rate_hz,
        role="test" if one.test else "observation",
    )


def _set(one: SetResult, info: SkymapInfo, neutrinos: NeutrinoList | None) -> CandidateSet:
    """One set of candidates: by itself with the merger, and with each neutrino besides."""
    with_neutrino: tuple[WithNeutrino, ...] = ()
    if neutrinos is not None and one.weights_with_neutrino is not None:
        with_neutrino = tuple(
            WithNeutrino(
                **observed(row, info.gps_time),
                log_b=finite(float(one.terms.log_b_single[i])),
                log_lambda=finite(float(one.terms.log_lambda_single[i])),
            )
            for i, row in enumerate(neutrinos.neutrinos)
        )
    return CandidateSet(
        candidates=dict(one.names),
        **odds(float(one.weights.log_odds())),
        log_b=finite(one.terms.log_b),
        with_neutrino=with_neutrino,
    )


def _two(result: CompanyResult) -> SetOdds | None:
    """What merger and neutrinos say by themselves."""
    return None if result.two is None else SetOdds(**odds(result.two.ensemble.log_odds))


def _inputs(
    info: SkymapInfo,
    skymap: SkyMap,
    neutrinos: NeutrinoList | None,
    listenings: Sequence[Listening],
    search: Search,
    season: SeasonTable | None,
) -> ResultInputs:
    return replace(
        result_inputs(info, header_of(skymap, info), neutrinos),
        search_parameters=as_parameters(search, None if season is None else season.rate_hz),
        companion_parameters={one.messenger: dict(one.parameters) for one in listenings},
    )
