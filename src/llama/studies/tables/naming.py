"""What the names of background tables say is in them, before any is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from llama.analyses.result import LIST_STATISTICS
from llama.formats.background_table import table_name
from llama.formats.errors import FormatError
from llama.science.significance import Searches, TableKind


def tables_by_type(tables: Sequence[Path], season: str, *, overwrite: bool) -> tuple[TableKind, dict[str, Path]]:
    """What tables of the same trials have in common, with the first one's search type, and each by its search type.

    Raises FormatError for one that is there already, and for names that do not belong together.
    """
    kinds = [TableKind.named(table_name(table, {}, {"season": season})) for table in tables]
    for table, kind in zip(tables, kinds, strict=True):
        if table.exists() and not overwrite:
            raise FormatError(f"{table} exists already and was left as it is; -c overwrites it")
        if kind.search_type not in LIST_STATISTICS:
            there = ", ".join(LIST_STATISTICS)
            raise FormatError(f"{table.name} is named for search type {kind.search_type}; there are {there}")
        if replace(kind, search_type=kinds[0].search_type) != kinds[0]:
            raise FormatError(f"{table.name} and {tables[0].name} may differ in nothing but the search type")
    by_type = {kind.search_type: table for kind, table in zip(kinds, tables, strict=True)}
    if len(by_type) < len(tables):
        raise FormatError(f"two tables of one search type: {', '.join(table.name for table in tables)}")
    return kinds[0], by_type


def refuse_other(table: Path, kind: TableKind, season: str, searches: Searches) -> None:
    """FormatError for a table whose name contradicts the search of its population, or the season."""
    try:
        search = searches[kind.population].search
    except ValueError as error:
        raise FormatError(f"{table.name}: {error}") from error
    if kind.season != season:
        raise FormatError(f"{table.name} is named for season {kind.season}, but would be of {season}; rename it")
    if kind.run != search.run:
        raise FormatError(
            f"{table.name} is named for run {kind.run}, but would be of {search.run}, as search {kind.population}; "
            f"rename it, or name a copy of the searches with run {kind.run} in the setting LLAMA_SEARCH"
        )
