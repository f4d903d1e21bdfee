"""The sections `[listen]` and `[archive]` of the settings: what is made of what is heard, and how it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from llama.sections import About, Section


@dataclass(frozen=True)
class ListenSettings:
    """What is made of what is heard."""

    preset_observation: Annotated[
        Literal["TRIGGERED_PUBLIC", "TRIGGERED_INTERNAL", "TRIGGERED_TEST", "RERUN", "DEFAULT"],
        About("the preset of flags with which events of real, public alerts start"),
    ] = "TRIGGERED_PUBLIC"


@dataclass(frozen=True)
class ArchiveSettings:
    """How the archive of notices is kept."""

    plain_days: Annotated[
        int, About("the last so many days of notices stay files; older ones may be packed, one ZIP a day", least=2)
    ] = 30


ARCHIVE = Section("archive", ArchiveSettings)
LISTEN = Section("listen", ListenSettings)
