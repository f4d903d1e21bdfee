"""IceCube's file of an event: the neutrinos within ±500 s of the trigger."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from llama.engine.errors import NotYet
from llama.engine.graph import Product, Selection, Step
from llama.formats.records import Record
from llama.messengers.icecube.blinding import FLAG, GUARD, blind
from llama.messengers.icecube.record import NeutrinoList, from_window
from llama.ports import NEUTRINO_SOURCE, NeutrinoSource, NotNow
from llama.science.times import datetime_from_gps

WINDOW_S = 500.0
"""Two ±250 s windows around a common source time meet within ±500 s (1810.11467, Eqs. 14 and 19)."""

_ASK_AGAIN = timedelta(minutes=5)
_AT_LATEST = timedelta(hours=4)
_PART = 0.1


def neutrino_list(trigger: Selection[Any]) -> Product[NeutrinoList]:
    """The neutrino list around whatever gives the trigger's `gps_time` (a selection of that field alone).

    An argument, because this messenger knows no other: the analyses that join them say which file it is.
    """

    def make(step: Step) -> NeutrinoList:
        gps_time = float(step[trigger]["gps_time"])
        source: NeutrinoSource = step.service(NEUTRINO_SOURCE)
        try:
            window = source.window(gps_time - WINDOW_S, gps_time + WINDOW_S, seed=step.event_id)
        except NotNow as error:
            raise NotYet(str(error), until=step.now + _pause(step.now, gps_time + WINDOW_S, error.wait_s)) from error
        found = from_window(window, source.name)
        return blind(found, step.event_id) if step.flag(FLAG) else found

    return Product(
        "NEUTRINOS",
        "icecube_neutrino_list.json",
        Record(NeutrinoList),
        make,
        inputs=(trigger,),
        services=(NEUTRINO_SOURCE,),
        flags=(FLAG,),
        guard=GUARD,
        due=due,
        aliases=("IceCubeNeutrinoList",),
        help="neutrinos within 500 s of the trigger, from the neutrino source",
    )


def _pause(now: datetime, stop_gps: float, wanted_s: float) -> timedelta:
    """How long a source that had no answer is left alone: the longer, the longer ago the window closed, and no
    shorter than it wants, but for hours at most."""
    wanted = timedelta(seconds=min(wanted_s, _AT_LATEST.total_seconds()))
    return min(max(_ASK_AGAIN, wanted, _PART * (now - datetime_from_gps(stop_gps))), _AT_LATEST)


def due(neutrinos: NeutrinoList, made: datetime) -> datetime | None:
    """When to ask the source again: when it said it would know more, or in five minutes where that time has passed.

    An archive is final at once, also where it covers nothing.
    """
    if neutrinos.ask_again is None:
        return None
    asked = datetime.fromisoformat(neutrinos.ask_again)
    return asked if asked > made else made + _ASK_AGAIN
