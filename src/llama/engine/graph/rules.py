"""What the engine has to know of an event's flags: none by name, all by the rules it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

FlagValues = Mapping[str, bool | str]
"""The values of flags by their names."""


def _as_recorded(recorded: FlagValues) -> FlagValues:
    return recorded


def _none(flags: FlagValues) -> None:
    return None


@dataclass(frozen=True)
class FlagRules:
    """How the application reads the flags of an event. Without any they are what was recorded, and veto nothing.

    Attributes:
        read: from what was recorded to the value of every flag there is; of an event for which nobody set any, too.
        vetoing: of flags that were read, the name of one that vetoes the event; None when none does.
    """

    read: Callable[[FlagValues], FlagValues] = _as_recorded
    vetoing: Callable[[FlagValues], str | None] = _none
