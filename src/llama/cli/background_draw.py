"""Draw background events and write a table, one row per event, or the tables of both searches at once.

Takes a list of sky maps (one absolute path per line, as FILES of a study are) and pairs them with scrambled real
neutrinos of one season. The table's name says what is in it: opa-bns-o4-H1L1V1-IC86-2011.txt. Both searches from the
same events, in one pass: --out={opa,subthreshold}-bns-o4-H1L1V1-IC86-2011.txt. Collate the tables of a folder with
`llama dev background pvalue`.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count, maps
from llama.cli.cluster_words import add_workforce_arguments, workforce_of

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("maps", type=maps, metavar="LISTFILE", help="sky maps, one path per line: H1L1V1.csv")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        action="append",
        required=True,
        metavar="TABLE",
        help="the table to write; once for each search type",
    )
    parser.add_argument("-s", "--season", default="IC86-2011", help="whose neutrinos (default %(default)s)")
    parser.add_argument("-n", "--events", type=count, default=10_000, help="how many events (default %(default)s)")
    add_workforce_arguments(parser)
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite tables")


def main(args: argparse.Namespace, app: App) -> int:
    """Draw, with a progress bar, and say what was written."""
    from llama.studies.background import Outside, draw_tables
    from llama.supplies import simulated_neutrinos

    drawn = draw_tables(
        args.maps,
        args.out,
        Outside(app.searches, app.season, functools.partial(simulated_neutrinos, app)),
        season=args.season,
        events=args.events,
        start=workforce_of(args, app),
        overwrite=args.clobber,
    )
    print(f"{drawn} background events in {' and in '.join(str(table) for table in args.out)}")
    return 0
