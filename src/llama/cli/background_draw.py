"""Draw background trials and write a table, one row per trial, or the tables of both searches at once.

Takes a list of sky maps (one path per line) and pairs them with scrambled real neutrinos of one season. The table's
name says what is in it: opa-bns-o4-H1L1V1-IC86-2011.txt. Both searches from the same trials:
--out={opa,subthreshold}-bns-o4-H1L1V1-IC86-2011.txt. It is `llama dev trials background` and `llama dev background
table` in one: the study stays in a folder beside the table (bns-o4-H1L1V1-IC86-2011), so that the same command goes
on where it was stopped, and with -c and a larger -n has more. Maps that cannot be used are left out and told; then
trials are lacking, and the command ends with 1. Collate the tables of a folder with `llama dev background pvalue`.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count, maps, seed
from llama.cli.cluster_words import add_workforce_arguments

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("maps", type=maps, metavar="LISTFILE", help="sky maps, one path per line, or their folder")
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
    parser.add_argument("-n", "--events", type=count, default=10_000, help="how many (default %(default)s)")
    parser.add_argument("--per-map", type=count, metavar="N", help="of a block, which is one sky map")
    parser.add_argument("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")
    add_workforce_arguments(parser)
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite tables")


def main(args: argparse.Namespace, app: App) -> int:
    """Draw, with a progress bar, and say what was written."""
    from llama.cli.cluster_words import workforce_of
    from llama.cli.study_words import study_of
    from llama.cli.table_words import tell
    from llama.cli.trials import draw
    from llama.formats.background_table import UNKNOWN, write_table
    from llama.studies.tables import Gathered, TablePlaces, Today, block_parts, collated, refuse_other, tables_by_type
    from llama.studies.trials import Options, TrialRun, kernel_odds, listed

    kind, by_type = tables_by_type(args.out, args.season, overwrite=args.clobber)
    refuse_other(args.out[0], kind, args.season, app.searches())
    folder = args.out[0].parent / f"{kind.population}-{kind.run}-{kind.detectors}-{args.season}"
    detectors = "" if kind.detectors == UNKNOWN else kind.detectors
    asked = Options(args.maps, kind.population, args.season, args.seed, detectors)
    with study_of(folder, asked, app) as study:
        maps = len(listed(args.maps))
        run = TrialRun.of(folder, "background", "kernel", args.events, maps, per_map=args.per_map)
        if not len(draw(study, run, kernel_odds, app, workforce_of(args, app))):
            return 1
    lacking = 0
    for search_type, table in by_type.items():
        found = Gathered()
        places = TablePlaces((folder,), search_type)
        block_parts(places, found, Path.cwd().resolve(), "kernel", Today(app.searches, app.season))
        made = collated(found)
        tell(made.notices)
        write_table(table, made.table)
        print(f"{len(made.table.rows)} background events in {table}")
        lacking = max(lacking, args.events - len(made.table.rows))
    if lacking:
        tell([f"{lacking} of {args.events} events are lacking, as their sky maps were left out"])
    return 1 if lacking else 0
