"""Background collated into text tables: `parts` (what is collated, the first thing to read), from event folders
(`events`), from blocks of a study of trials (`blocks`), from tables (`shards`), and all of them together (`merging`);
`singles` makes tables of single neutrinos, `naming` reads what a table's name says."""

from __future__ import annotations

from llama.studies.tables.blocks import Today, block_parts
from llama.studies.tables.events import event_parts
from llama.studies.tables.merging import Collation, collated
from llama.studies.tables.naming import refuse_other, tables_by_type
from llama.studies.tables.parts import FACTS, Gathered, Part, TablePlaces, is_study, relative
from llama.studies.tables.shards import shard_parts
from llama.studies.tables.singles import SingleRow, neutrino_rows, singles_text

__all__ = [
    "FACTS",
    "Collation",
    "Gathered",
    "Part",
    "SingleRow",
    "TablePlaces",
    "Today",
    "block_parts",
    "collated",
    "event_parts",
    "is_study",
    "neutrino_rows",
    "refuse_other",
    "relative",
    "shard_parts",
    "singles_text",
    "tables_by_type",
]
