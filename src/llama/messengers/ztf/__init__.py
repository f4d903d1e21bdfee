"""Zwicky Transient Facility: optical transients that people put beside an event, by hand."""

from __future__ import annotations

from typing import Any

from llama.engine.graph import Product, Selection
from llama.formats.records import Record
from llama.messengers import Candidates, Messenger
from llama.messengers.ztf.likelihood import listening
from llama.messengers.ztf.record import TransientList

ZTF_TRIGGERS: Product[TransientList] = Product(
    "ZTF_TRIGGERS",
    "ztf_trigger_list.json",
    Record(TransientList, whole=True),
    aliases=("ZTFTriggerList",),
    help="optical transients around the trigger, added by hand",
)


def candidates(_trigger: Selection[Any]) -> Candidates[TransientList]:
    """The transients for the joint statistic; the list comes from outside, whatever the trigger."""
    return Candidates(ZTF_TRIGGERS, listening)


MESSENGER = Messenger("ztf", "optical transients of ZTF, added by hand", (ZTF_TRIGGERS,), candidates)
