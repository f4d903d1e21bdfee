"""Collate background into a text table, a row per event: its odds at p_astro 1, neutrinos, folder and sky map.

Places are folders of any shape that hold event folders (SERVER/events/injection-N, events/injection-N, whatever has a
result in it), studies of trials without event folders, and tables of before. Rows are in order of their folders, so
the same shards give the same file however they are named. What is left out is told and counted in the file, and so is
what the rows were made with, below the rows. Make populations.hdf5 of such tables by `llama dev background pvalue`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.table_words import add_table_arguments, refuse_existing, sources_of, tell, written

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.tables import Gathered, TablePlaces


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add_table_arguments(parser)
    parser.add_argument("--depth", choices=("kernel", "pipeline"),
                        help="of studies of trials (default: event folders where there are any)")  # fmt: skip


def main(args: argparse.Namespace, app: App) -> int:
    """Collate and say what is in it."""
    import gc

    from llama.formats.background_table import table_text
    from llama.studies.tables import Gathered, collated

    gc.disable()  # millions of rows and no cycles: looking for some would take a third of the time
    refuse_existing(args)
    named = _named(args.out, args.kind)
    sources = sources_of(args, named.get("search", "opa"))
    found = Gathered()
    _find(args, app, sources, found)
    made = collated(found, args.kind)
    tell(made.notices)
    if named:
        _refuse_misnamed(args.out, made.table.comments)
    written(args.out, table_text(made.table))
    if args.out is not None:
        print(f"{len(made.table.rows)} {args.kind} events in {args.out}")
    return 0


def _find(args: argparse.Namespace, app: App, sources: TablePlaces, found: Gathered) -> None:
    """Event folders and tables; blocks of trials where there are no event folders, or when they are asked for."""
    from dataclasses import replace

    from llama.studies.tables import Today, block_parts, event_parts, is_study, shard_parts
    from llama.studies.trials import blocks_folder

    here = Path.cwd().resolve()
    shard_parts(sources, found)
    events = event_parts(sources, found, here) if args.depth != "kernel" else 0
    studies = tuple(study for place in sources.places for study in _studies(place) if is_study(study))
    if events:
        for study in studies if args.depth is None else ():
            if any(blocks_folder(study, sources.kind, "kernel").glob("*.npz")):
                found.notices.append(f"trials of kernel depth in {study} are not in it; --depth kernel takes them")
        return
    block_parts(
        replace(sources, places=studies), found, here, args.depth or "kernel", Today(app.searches, app.season)
    )


def _studies(place: Path) -> list[Path]:
    """The place and every folder below it that is a study."""
    return [] if place.is_file() else sorted({path.parent for path in place.rglob("study.json")})


def _named(out: Path | None, kind: str) -> dict[str, str]:
    """What the table's name says; nothing for a name of another kind, from which no populations.hdf5 can be made."""
    from llama.formats.background_table import BACKGROUND, name_parts
    from llama.formats.errors import FormatError

    try:
        return {} if out is None else name_parts(out)
    except FormatError as error:
        if kind == BACKGROUND:
            tell([f"{error}; rename it before it goes into populations.hdf5"])
        return {}


def _refuse_misnamed(out: Path, comments: Mapping[str, str]) -> None:
    """FormatError for a name that contradicts what is in the table."""
    from llama.formats.background_table import table_name

    table_name(out, comments)
