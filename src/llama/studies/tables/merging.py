"""One table of all parts, whatever the order they were found in."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import compress, pairwise
from operator import attrgetter

from llama.formats.background_table import BACKGROUND, BackgroundRow, Of, TextTable
from llama.formats.errors import FormatError
from llama.studies.tables.parts import FACTS, TWICE, UNSAID, Gathered, Part

_APART = " + "
_ORDER = attrgetter("source", "skymap", "odds_ratio", "n")


@dataclass(frozen=True)
class Collation:
    """A table, and what people should know about what it was made from."""

    table: TextTable
    notices: tuple[str, ...]


def collated(found: Gathered, kind: str = BACKGROUND) -> Collation:
    """Rows of one kind by their source.

    FormatError when there is none, and for rows of different searches, seasons or maps. Rows that do not say how
    they were made are left out where others do say it.
    """
    parts = [part for part in found.parts.values() if part.rows]
    left_out, notices = found.left_out.copy(), list(found.notices)
    if not parts:
        raise FormatError("\n".join([f"nothing to collate: no {kind} event with a result", *notices[:10]]))
    facts = _common(parts)
    silent = [part for part in parts if any(facts[key] and not part.facts[key] for key in FACTS)]
    for part in silent:
        left_out[UNSAID] += len(part.rows)
        lacking = ", ".join(key for key in FACTS if facts[key] and not part.facts[key])
        notices.append(f"left out: {len(part.rows)} rows from {part.where} on, which do not say their {lacking}")
    told = [part for part in parts if part not in silent]
    if not told:
        raise FormatError("what one row says of how it was made another does not; collate them apart")
    rows = [row for part in told for row in part.rows]
    rows.sort(key=_ORDER)
    rows, twice = _once(rows)
    if twice:
        left_out[TWICE] += len(twice)
        notices.append(f"left out: {len(twice)} rows that are in several tables, from {twice[0].source} on")
    comments = {key: value for key, value in facts.items() if value}
    if kind != BACKGROUND:
        comments["kind"] = kind
    comments["provenance"] = _APART.join(sorted({one for part in told for one in part.provenance.split(_APART)}))
    return Collation(TextTable(rows, comments, _maps(told), dict(left_out)), tuple(notices))


def _once(rows: list[BackgroundRow]) -> tuple[list[BackgroundRow], list[BackgroundRow]]:
    """Rows in order without those that are there again, and these."""
    new = [True, *(a != b for a, b in pairwise(rows))]
    return list(compress(rows, new)), [row for row, first in zip(rows, new, strict=True) if not first]


def _common(parts: list[Part]) -> dict[str, str]:
    """What all parts say that say something."""
    facts = {}
    for key in FACTS:
        said = {part.facts[key]: part for part in parts if part.facts[key]}
        if len(said) > 1:
            (one, a), (two, b) = sorted(said.items())[:2]
            raise FormatError(f"rows of different {key}: {one} ({a.where}) and {two} ({b.where}); collate them apart")
        facts[key] = next(iter(said), "")
    return facts


def _maps(parts: list[Part]) -> dict[str, Of]:
    """Of each sky map that all say the same of, to six digits."""
    maps = dict[str, Of]()
    for part in parts:
        for name, of in part.maps.items():
            rounded = (float(f"{of[0]:.6g}"), float(f"{of[1]:.6g}"))
            if name in maps and repr(maps[name]) != repr(rounded):
                rounded = (float("nan"), float("nan"))  # two maps of one name: then nobody knows
            maps[name] = rounded
    return maps
