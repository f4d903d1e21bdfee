"""The background of an event's own map as a product: what it is drawn beside, what it is asked, how it is read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llama.advice import RUN, Reason
from llama.analyses.result.inputs import astrophysical
from llama.analyses.result.limits import livetime_fraction
from llama.analyses.result.marks import BLINDED, not_blinded
from llama.analyses.result.statistic import STATISTIC_FILENAME, StatisticNumbers, logarithm
from llama.engine.errors import NotYet
from llama.engine.graph import FlagValues, Guard
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.blinding import FLAG
from llama.messengers.icecube.likelihood import covered_pieces
from llama.messengers.icecube.record import NeutrinoList
from llama.science.arrays import Float
from llama.science.detector import IceCubeEvents, IceCubeTables, SeasonEvents, SeasonTable
from llama.science.search import Search
from llama.science.significance import Beside, OwnBackground, OwnMapP, Searches, SeasonData, own_background
from llama.science.sky import SkyMap
from llama.science.statistic import GWTrigger, prepare, rate_hz, search_window_s

BACKGROUND_FILENAME = "background_lvc-i3.h5"
STATISTIC_OF = {"opa": "event", "subthreshold": "ensemble"}
"""Which of the two statistics of a list a search type compares."""


@dataclass(frozen=True, eq=False)
class BackgroundInputs:
    """What the background of an event is drawn from, and the words that nobody may overlook about its numbers."""

    info: SkymapInfo
    skymap: SkyMap
    neutrinos: NeutrinoList
    p_astro: dict[str, float | None]
    statistic: StatisticNumbers
    tables: IceCubeTables
    events: IceCubeEvents
    searches: Searches
    marks: tuple[str, ...] = ()


def draw_background(given: BackgroundInputs) -> OwnBackground:
    """Drawn with the event's own trigger, map, detectors, season and search.

    Raises NotYet for a list without a second of good data in the search window: a new list ends the wait.
    """
    kept, info = given.statistic, given.info
    search, season = given.searches.choose(kept.population).search, given.tables.season(kept.season)
    kept.check(given.neutrinos, search, season)
    trigger = GWTrigger(info.gps_time, None, astrophysical(given.p_astro), info.instruments)
    found = supplies(info, given.neutrinos, given.tables, given.events, search)
    if not found:
        raise NotYet(f"no second of the search window has good neutrino data: {given.neutrinos.why}")
    beside = Beside(
        ready=prepare(given.skymap, trigger, season, search),
        trigger=trigger,
        season=season,
        search=search,
        supplies=found,
    )
    return replace(own_background(beside, info.graceid, asked_of_background(kept)), marks=given.marks)


def _as_flagged(found: OwnBackground, event_id: str, flags: FlagValues) -> OwnBackground:
    if flags[FLAG] and BLINDED not in found.marks:
        raise NotYet(not_blinded(BACKGROUND_FILENAME, event_id))
    return found


BACKGROUND_GUARD: Guard[OwnBackground] = Guard((FLAG,), _as_flagged)
"""While the flag blinds neutrinos, nothing is made from the p-values of some that are not blinded."""


def asked_of_background(kept: StatisticNumbers) -> dict[str, Float]:
    """ln B̃ of the event in each search, of every neutrino, and of every pair: in this order."""
    alone = [logarithm(one.log_b_apart) for one in kept.neutrinos]
    event, ensemble = kept.event.as_numbers(), kept.ensemble.as_numbers()
    # odds of sets differ from the event's by their Bayes factors only
    pairs = [one.log_odds - float(event.weights.log_odds()) + event.log_b for one in kept.pairs]
    return {"event": np.array([event.log_b, *alone, *pairs]), "ensemble": np.array([ensemble.log_b, *alone])}


def p_values(found: OwnBackground, kept: StatisticNumbers, search_type: str) -> tuple[OwnMapP, ...]:
    """The event's, each neutrino's and each pair's; ValueError when the background was asked about another event."""
    search = STATISTIC_OF[search_type]
    if not np.array_equal(found.thresholds[search], asked_of_background(kept)[search]):
        drawn = f"{BACKGROUND_FILENAME} was drawn for another {STATISTIC_FILENAME}: "
        raise ValueError(Reason(drawn, RUN, " without -f makes it anew first"))
    return found.p_values[search]


def made_together(season: str, tables: IceCubeTables, events: IceCubeEvents) -> tuple[SeasonTable, SeasonEvents]:
    """A season's table and its events; ValueError when the one does not count the other."""
    table, drawn = tables.season(season), events.season(season)
    if drawn.dec_rad.size != table.n_observed:
        raise ValueError(
            f"there are {drawn.dec_rad.size} events of {season} to draw from, but its response table counts "
            f"{table.n_observed}: set the files icecube_tables and icecube_events that were made together"
        )
    return table, drawn


def supplies(
    info: SkymapInfo, neutrinos: NeutrinoList, tables: IceCubeTables, events: IceCubeEvents, search: Search
) -> tuple[SeasonData, ...]:
    """Good data in the search window: each season at its own rate, of its own events.

    A list that does not tell when its good data are counts as even over its window, which its notes say.
    """

    def supply(season: str, pieces: list[tuple[float, float]], part: float = 1.0) -> SeasonData:
        table, drawn = made_together(season, tables, events)
        some = drawn.within(search.energy_min_gev, search.energy_max_gev)
        return SeasonData(some, part * rate_hz(table, search), np.array(pieces) - info.gps_time)

    first, last = (info.gps_time + reach for reach in search_window_s(search))
    if neutrinos.covered is None:
        start, stop = max(first, neutrinos.start_gps), min(last, neutrinos.stop_gps)
        part = livetime_fraction(neutrinos, first, last) * (last - first) / (stop - start)
        return (supply(str(neutrinos.season), [(start, stop)], part),)
    covered = covered_pieces(neutrinos, first, last)
    return tuple(
        supply(season, [(start, stop) for start, stop, of in covered if of == season])
        for season in dict.fromkeys(of for _, _, of in covered)
    )
