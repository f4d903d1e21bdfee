"""IceCube: track-like muon neutrinos around a trigger."""

from __future__ import annotations

from llama.messengers import Messenger
from llama.messengers.icecube.notices import TOPICS
from llama.messengers.icecube.products import neutrino_list

MESSENGER = Messenger("icecube", "IceCube muon neutrinos (tracks) within 500 s of a trigger", (), topics=TOPICS)
"""Its messages are archived, where the source of announced neutrinos reads them.

Its one product needs a trigger, so `neutrino_list(trigger)` makes it where messengers are joined."""

__all__ = ["MESSENGER", "neutrino_list"]
