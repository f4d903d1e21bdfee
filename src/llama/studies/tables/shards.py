"""Rows of text tables that were collated before, on other machines."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from llama.formats.background_table import TextTable, read_table
from llama.formats.errors import FormatError
from llama.studies.tables.parts import CUT, DAMAGED_ROW, FACTS, TWICE, Gathered, TablePlaces


def shard_parts(sources: TablePlaces, found: Gathered) -> int:
    """Read all places that are files; returns how many there are. What one had left out stays counted."""
    files = [place for place in sources.places if not place.is_dir()]
    for path in files:
        try:
            table = read_table(path)
        except (FormatError, OSError) as error:
            found.leave_out(CUT, f"{path}: {error}")
            continue
        if not found.is_new(sha256(path.read_bytes()).digest()):
            found.leave_out(TWICE, f"{path} is there twice: another table has the same bytes")
            found.left_out[TWICE] += len(table.rows) - 1
            continue
        _add(found, path, table, sources)
    return len(files)


def _add(found: Gathered, path: Path, table: TextTable, sources: TablePlaces) -> None:
    found.left_out.update(table.left_out)
    if table.damaged:
        found.left_out[DAMAGED_ROW] += len(table.damaged)
    found.notices.extend(table.told_damaged)
    if table.whole is False:
        found.left_out[CUT] += 1
        found.notices.append(f"{path} does not have as many rows as its last line says; what there is was taken")
    facts = {key: table.comments.get(key, "") for key in FACTS}
    if facts["search"] not in ("", sources.search):
        raise FormatError(f"{path} is a table of search {facts['search']}, not {sources.search}")
    if table.kind != sources.kind:
        raise FormatError(f"{path} is a table of {table.kind} trials, not of {sources.kind}")
    part = found.of(facts | {"search": sources.search}, table.comments.get("provenance", "not recorded"), str(path))
    part.rows.extend(table.rows)  # those that other tables have too are found when all are in order
    part.maps.update(table.maps)
