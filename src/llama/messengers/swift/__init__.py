"""Swift BAT: gamma-ray bursts around a trigger, for people to see. No number is made of them."""

from __future__ import annotations

from typing import Any

from llama.engine.graph import Product, Selection
from llama.messengers import Messenger
from llama.messengers.burst_news import follower
from llama.messengers.burst_product import BurstFile, burst_list
from llama.messengers.burst_record import BurstList
from llama.messengers.swift.notices import parse
from llama.ports import SWIFT_SOURCE

TOPICS = ("gcn.classic.voevent.SWIFT_BAT_*", "gcn.notices.swift.bat.*")

SWIFT_GRBS = BurstFile(
    "SWIFT_GRBS",
    "swift_grbs.json",
    SWIFT_SOURCE,
    "gamma-ray bursts of Swift's BAT within 500 s of the trigger, to be looked at; no number is made of them",
)
"""Most are GBM's too, so the odds would count them twice, and BAT's coverage and rates are not modelled."""


def bursts(trigger: Selection[Any]) -> Product[BurstList]:
    """The list around whatever gives the trigger's `gps_time`."""
    return burst_list(trigger, SWIFT_GRBS)


MESSENGER = Messenger(
    "swift",
    "gamma-ray bursts of Swift's BAT within 500 s of a trigger",
    (),
    topics=TOPICS,
    follower=follower(SWIFT_GRBS.filename, parse),
)
"""Its messages are archived, where its source reads them; events whose windows they fall into ask again."""

__all__ = ["MESSENGER", "bursts"]
