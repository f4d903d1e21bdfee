"""What tables are collated from: rows with what is known of them, and what had to be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from llama.formats.background_table import BACKGROUND, BackgroundRow, Of
from llama.studies.trials import STUDY_FILE

FACTS = ("search", "population", "run", "detectors", "season", "rate_hz", "search_digest", "response_digest",
         "distance_mode")  # fmt: skip
"""What all rows of one table must have in common; empty for what is not known."""
NO_RESULT = "event folders without a result"
NO_EVENT = "folders that are no event"
NO_VALUE = "events without odds at p_astro 1"
DAMAGED_FILE = "event folders with a damaged significance file"
DAMAGED_BLOCK = "damaged blocks"
DAMAGED_ROW = "damaged rows"
TWICE = "rows that were there twice"
TWICE_BLOCK = "blocks that were there twice"
CUT = "tables that were cut"
BAD_MAP = "sky maps that cannot be used"
UNSAID = "rows that do not say how they were made, beside others that do"


@dataclass(frozen=True, eq=False)
class Part:
    """Rows that were made alike.

    Attributes:
        facts: by `FACTS`. provenance: how they were made. rows: background events.
        maps: of each of their sky maps. where: the first place they were found at.
    """

    facts: Mapping[str, str]
    provenance: str
    rows: list[BackgroundRow]
    maps: dict[str, Of]
    where: str


@dataclass
class Gathered:
    """What was found so far; grows while places are read.

    Attributes:
        parts: by their facts and provenance. left_out: how many of what. notices: each of them by name.
        twice: keys of events that were seen.
    """

    parts: dict[tuple[str, ...], Part] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    notices: list[str] = field(default_factory=list)
    seen: set[object] = field(default_factory=set)

    def of(self, facts: Mapping[str, str], provenance: str, where: str) -> Part:
        """The part that rows with these facts belong to."""
        key = (*(facts.get(name, "") for name in FACTS), provenance)
        if key not in self.parts:
            self.parts[key] = Part({name: facts.get(name, "") for name in FACTS}, provenance, [], {}, where)
        return self.parts[key]

    def leave_out(self, why: str, what: str) -> None:
        """Count it and name it."""
        self.left_out[why] += 1
        self.notices.append(f"left out: {what}")

    def is_new(self, key: object) -> bool:
        """Whether nothing with this key was seen before; it is from now on."""
        before = len(self.seen)
        self.seen.add(key)
        return len(self.seen) > before


@dataclass(frozen=True)
class TablePlaces:
    """What is asked for: places, search type, kind of trials."""

    places: tuple[Path, ...]
    search: str
    kind: str = BACKGROUND


def relative(path: Path, here: Path) -> str:
    """From where the command is typed when it lies below, else with the place's own last name in front."""
    resolved = path.resolve()
    return resolved.relative_to(here).as_posix() if resolved.is_relative_to(here) else path.as_posix()


def is_study(folder: Path) -> bool:
    """Whether it is the folder of a study of trials."""
    return (folder / STUDY_FILE).is_file()
