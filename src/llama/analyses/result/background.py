"""The background of an event's own map as a product: what it is drawn beside, what it is asked, how it is read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.analyses.result.inputs import astrophysical
from llama.analyses.result.limits import livetime_fraction
from llama.analyses.result.statistic import STATISTIC_FILENAME, Statistic, logarithm
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.icecube.record import NeutrinoList
from llama.science.arrays import Float
from llama.science.detector import IceCubeEvents, IceCubeTables
from llama.science.search import Search
from llama.science.significance import Beside, OwnBackground, OwnMapP, Searches, Stretch, own_background
from llama.science.sky import SkyMap
from llama.science.statistic import GWTrigger, prepare, rate_hz, search_window_s

BACKGROUND_FILENAME = "background_lvc-i3.h5"
STATISTIC_OF = {"opa": "event", "subthreshold": "ensemble"}
"""Which of the two statistics of a list a search type compares."""


@dataclass(frozen=True, eq=False)
class BackgroundInputs:
    """What the background of an event is drawn from."""

    info: SkymapInfo
    skymap: SkyMap
    neutrinos: NeutrinoList
    p_astro: dict[str, float | None]
    statistic: Statistic
    tables: IceCubeTables
    events: IceCubeEvents
    searches: Searches


def background(given: BackgroundInputs) -> OwnBackground:
    """Drawn with the event's own trigger, map, detectors, season and search.

    Raises ValueError for a list without a second of good data in the search window.
    """
    kept, info = given.statistic, given.info
    search, season = given.searches.choose(kept.population).search, given.tables.season(kept.season)
    kept.check(given.neutrinos, search, season)
    trigger = GWTrigger(info.gps_time, None, astrophysical(given.p_astro), info.instruments)
    beside = Beside(
        ready=prepare(given.skymap, trigger, season, search),
        trigger=trigger,
        season=season,
        search=search,
        stretches=stretches(info, given.neutrinos, given.events, search, rate_hz(season, search)),
    )
    return own_background(beside, info.graceid, thresholds(kept))


def thresholds(kept: Statistic) -> dict[str, Float]:
    """ln B̃ of the event in each search, of every neutrino, and of every pair: in this order."""
    alone = [logarithm(one.log_b_apart) for one in kept.neutrinos]
    event, ensemble = kept.event.as_numbers(), kept.ensemble.as_numbers()
    # odds of sets differ from the event's by their Bayes factors only
    pairs = [one.log_odds - float(event.weights.log_odds()) + event.log_b for one in kept.pairs]
    return {"event": np.array([event.log_b, *alone, *pairs]), "ensemble": np.array([ensemble.log_b, *alone])}


def p_values(found: OwnBackground, kept: Statistic, search_type: str) -> tuple[OwnMapP, ...]:
    """The event's, each neutrino's and each pair's; ValueError when the background was asked about another event."""
    search = STATISTIC_OF[search_type]
    if not np.array_equal(found.thresholds[search], thresholds(kept)[search]):
        raise ValueError(
            f"{BACKGROUND_FILENAME} was drawn for another {STATISTIC_FILENAME}: `llama run` without -f makes it anew "
            "first"
        )
    return found.p_values[search]


def stretches(
    info: SkymapInfo, neutrinos: NeutrinoList, events: IceCubeEvents, search: Search, rate: float
) -> tuple[Stretch, ...]:
    """Good data in the search window: at an even rate over what the list covers of it."""
    gps = info.gps_time
    first, last = (gps + reach for reach in search_window_s(search))
    start, stop = max(first, neutrinos.start_gps), min(last, neutrinos.stop_gps)
    good = livetime_fraction(neutrinos, first, last) * (last - first) / (stop - start)
    like = events.season(neutrinos.season).within(search.energy_min_gev, search.energy_max_gev)
    return (Stretch(like, rate * good, np.array([[start - gps, stop - gps]])),)
