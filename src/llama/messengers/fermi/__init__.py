"""Fermi GBM: gamma-ray bursts around a trigger."""

from __future__ import annotations

from typing import Any

from llama.engine.graph import Selection
from llama.messengers import Candidates, Messenger
from llama.messengers.burst_news import follower
from llama.messengers.burst_product import burst_list
from llama.messengers.burst_record import BurstList
from llama.messengers.fermi.likelihood import listening
from llama.messengers.fermi.notices import parse
from llama.messengers.fermi.products import FERMI_GRBS, GRB_MODEL

TOPICS = ("gcn.classic.voevent.FERMI_GBM_*", "gcn.notices.fermi.gbm.*")


def candidates(trigger: Selection[Any]) -> Candidates[BurstList]:
    """Bursts around whatever gives the trigger's `gps_time`, for the joint statistic."""
    return Candidates(burst_list(trigger, FERMI_GRBS), listening, shared=(GRB_MODEL,))


MESSENGER = Messenger(
    "fermi",
    "gamma-ray bursts of Fermi's GBM within 500 s of a trigger",
    (),
    candidates,
    TOPICS,
    follower=follower(FERMI_GRBS.filename, parse),
)
"""Its messages are archived, where the source of bursts reads them; events whose windows they fall into ask again.

Its one product needs a trigger, so `candidates(trigger)` makes it where messengers are joined.
"""

__all__ = ["MESSENGER", "candidates"]
