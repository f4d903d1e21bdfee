"""What both commands that collate background into a table ask and say, in the same words."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place

if TYPE_CHECKING:
    from llama.studies.tables import TablePlaces

SHOWN = 20
"""Notices that are printed one by one; a fleet can have thousands."""


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Where it goes, and what it is made from."""
    parser.add_argument("out", type=Path, nargs="?", metavar="OUT", help="bns-o3-H1L1V1.txt (default: print it)")
    parser.add_argument("places", type=place, nargs="*", metavar="PLACE", help="folders and tables (default: here)")
    parser.add_argument("--search", choices=("opa", "subthreshold"),
                        help="whose results (default: as OUT is named, else opa)")  # fmt: skip
    parser.add_argument("--kind", choices=("background", "signal", "doublet"), default="background",
                        help="which trials (default %(default)s)")  # fmt: skip
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite")


def refuse_existing(args: argparse.Namespace) -> None:
    """FormatError for a table that is there already."""
    from llama.formats.errors import FormatError

    if args.out is not None and args.out.is_dir():
        raise FormatError(f"{args.out} is a folder; name the table to write first, then places")
    if args.out is not None and args.out.exists() and not args.clobber:
        raise FormatError(f"{args.out} exists already and was left as it is; -c overwrites it")


def sources_of(args: argparse.Namespace, named: str) -> TablePlaces:
    """What is asked for; FormatError for a place that is not there."""
    from llama.analyses.result import LIST_STATISTICS
    from llama.formats.errors import FormatError
    from llama.studies.tables import TablePlaces

    places = tuple(args.places) or (Path(),)
    if missing := [str(place) for place in places if not place.exists()]:
        raise FormatError(f"there is no {', '.join(missing)}")
    search = args.search or named
    if search not in LIST_STATISTICS:
        raise FormatError(f"{args.out.name} is named for search {search}; there are {', '.join(LIST_STATISTICS)}")
    in_order = tuple(sorted(set(places), key=lambda place: place.resolve()))  # of copies the first one counts
    return TablePlaces(in_order, search, args.kind)


def tell(notices: Sequence[str]) -> None:
    """Print what was noticed, and how many more."""
    for notice in notices[:SHOWN]:
        print(f"llama: notice: {notice}", file=sys.stderr)
    if len(notices) > SHOWN:
        print(f"llama: notice: {len(notices) - SHOWN} more of this kind; the table counts all", file=sys.stderr)


def written(out: Path | None, text: str) -> None:
    """To the file, all or nothing, or to the terminal."""
    from llama.formats.whole import put_whole

    if out is None:
        sys.stdout.write(text)
        return
    put_whole(out, text)
