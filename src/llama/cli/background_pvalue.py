"""Collate background tables into populations.hdf5, from which p-values are read.

Takes every table (SEARCH-POPULATION-RUN-DETECTORS-SEASON.txt) of a folder. Without a search in its name
(bns-o3-H1L1V1.txt) a table is one of search opa; what neither name nor comment lines say is unknown, and no p-value
is read from a table that does not say what it was made with. A table whose name contradicts it is left out and told;
then the command ends with 1.

Of more than 10000 events every value of the upper 1 % is kept and 2000 of those below, evenly in ln p: p-values are
exact up to 0.01, and above that too large by at most 0.23 % of themselves.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("folder", type=place, nargs="?", default=Path(), help="the tables' folder (default: here)")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        metavar="FILE",
        help="default: populations.hdf5 in that folder, of one in a store here",
    )
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite")
    parser.add_argument("-s", "--season", default="", help="of tables that do not say theirs")
    parser.add_argument(
        "--search", default="", choices=("opa", "subthreshold"), help="of tables that do not say theirs"
    )
    parser.add_argument("--others", type=place, metavar="FILE",
                        help="also the tables of this populations.hdf5 that the folder does not have")  # fmt: skip
    parser.add_argument("--whole", action="store_true", help="keep every value")


def main(args: argparse.Namespace, app: App) -> int:
    """Collate and list what is in it."""
    import sys

    from llama.formats.populations import Said, collate

    out = args.out or (Path() if "folder" in args.fetched else args.folder) / "populations.hdf5"
    said = Said(args.search, args.season)
    found = collate(args.folder, out, overwrite=args.clobber, said=said, whole=args.whole, others=args.others)
    for notice in found.notices:
        print(f"llama: notice: {notice}", file=sys.stderr)
    for table in found.populations.tables.values():
        print(f"{table.name:<36} {table.events:>8} events")
    print(f"in {out}; to use it, set LLAMA_POPULATIONS={out.absolute()}")
    return 1 if found.refused else 0
