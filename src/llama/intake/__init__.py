"""From a raw message to an event: the one way in, by hand and from a broker.

`deliver` is the first thing to read: it gives what was delivered to the event it is for, numbers alerts, and hands
retractions on. `Intake` is a listener's way to it: the message is archived, a messenger reads it, and what nobody can
read becomes a dead letter.
"""

from __future__ import annotations

from llama.intake.archive import DEAD_LETTERS, FETCHED, MESSAGES, Archive, files_between
from llama.intake.delivery import Delivered, deliver, flags_of_role
from llama.intake.listening import Heard, Intake, hears
from llama.intake.memory import copy_memory
from llama.intake.packing import pack_days

__all__ = [
    "DEAD_LETTERS",
    "FETCHED",
    "MESSAGES",
    "Archive",
    "Delivered",
    "Heard",
    "Intake",
    "copy_memory",
    "deliver",
    "files_between",
    "flags_of_role",
    "hears",
    "pack_days",
]
