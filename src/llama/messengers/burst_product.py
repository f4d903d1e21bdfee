"""An event's list of gamma-ray bursts around its trigger, from one source of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from llama.engine.graph import Product, Selection, Step
from llama.formats.records import Record
from llama.messengers.burst_record import BurstList, from_window
from llama.ports import GRBSource, Service
from llama.science.times import datetime_from_gps

WINDOW_S = 500.0
"""As wide as the neutrinos': it holds −1 to +5 s around any source time within 250 s of the trigger."""

GIVE_UP = timedelta(days=1)
"""A day after the window nothing more comes: positions by people and sub-threshold candidates take hours."""

_ASK_AGAIN = timedelta(minutes=5)


@dataclass(frozen=True)
class BurstFile:
    """How a list is called, and who is asked for it."""

    name: str
    filename: str
    source: Service[GRBSource]
    help: str
    aliases: tuple[str, ...] = ()


def burst_list(trigger: Selection[Any], what: BurstFile) -> Product[BurstList]:
    """The burst list around whatever gives the trigger's `gps_time` (a selection of that field alone)."""

    def make(step: Step) -> BurstList:
        gps_time = float(step[trigger]["gps_time"])
        source: GRBSource = step.service(what.source)
        window = source.window(gps_time - WINDOW_S, gps_time + WINDOW_S)
        if step.now > datetime_from_gps(window.stop_gps) + GIVE_UP:
            window = replace(window, again_gps=None)
        return from_window(window, source.name)

    return Product(
        what.name,
        what.filename,
        Record(BurstList),
        make,
        inputs=(trigger,),
        services=(what.source,),
        due=due,
        aliases=what.aliases,
        help=what.help,
    )


def due(bursts: BurstList, made: datetime) -> datetime | None:
    """When to ask again: five minutes after what the source said, then after ever longer waits; None when final."""
    if bursts.ask_again is None:
        return None
    known = datetime.fromisoformat(bursts.ask_again)
    return max(known, made) + max(_ASK_AGAIN, (made - known) / 4)
