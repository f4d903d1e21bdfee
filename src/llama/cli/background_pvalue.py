"""Collate background tables into populations.hdf5, from which p-values are read.

Takes every table (SEARCH-POPULATION-RUN-DETECTORS-SEASON.txt) of a folder.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), help="the tables' folder (default: here)")
    parser.add_argument("-o", "--out", type=Path, metavar="FILE", help="default: populations.hdf5 in that folder")
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite")


def main(args: argparse.Namespace, app: App) -> int:
    """Collate and list what is in it."""
    from llama.formats.populations import collate

    out = args.out or args.folder / "populations.hdf5"
    for table in collate(args.folder, out, overwrite=args.clobber).tables.values():
        print(f"{table.name:<36} {table.statistics.size:>8} events")
    print(f"in {out}; to use it, set LLAMA_POPULATIONS={out.absolute()}")
    return 0
