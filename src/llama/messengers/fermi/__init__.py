"""Fermi GBM: gamma-ray bursts around a trigger."""

from __future__ import annotations

from llama.messengers import Messenger
from llama.messengers.fermi.products import burst_list

MESSENGER = Messenger("fermi", "gamma-ray bursts of Fermi's GBM within 500 s of a trigger", ())
"""Its one product needs a trigger, so `burst_list(trigger)` makes it where messengers are joined."""

__all__ = ["MESSENGER", "burst_list"]
