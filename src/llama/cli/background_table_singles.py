"""Collate background event folders into a text table, a row per neutrino: its own odds at p_astro 1, its name, folder
and sky map. Places, and the lines below the rows, are as with `llama dev background table`; studies without event
folders have no single neutrinos.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.table_words import add_table_arguments, refuse_existing, sources_of, tell, written

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add_table_arguments(parser)


def main(args: argparse.Namespace, app: App) -> int:
    """Collate and say what is in it."""
    from llama.formats.errors import FormatError
    from llama.studies.tables import Gathered, collated, neutrino_rows, singles_text

    refuse_existing(args)
    found = Gathered()
    rows = neutrino_rows(sources_of(args, "opa"), found, Path.cwd().resolve())
    if not rows:
        tell(found.notices)
        raise FormatError(f"nothing to collate: no neutrino in any {args.kind} event folder")
    events = collated(found, args.kind)
    tell(events.notices)
    text, neutrinos = singles_text(rows, events.table)
    written(args.out, text)
    if args.out is not None:
        print(f"{neutrinos} neutrinos of {len(events.table.rows)} events in {args.out}")
    return 0
