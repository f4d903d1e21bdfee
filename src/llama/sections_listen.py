"""The section `[listen]` of the settings."""

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


LISTEN = Section("listen", ListenSettings)
