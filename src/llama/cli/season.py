"""Make a season of the response tables from a sample in the public formats, and its file of events to draw from.

Events, good runs and effective area are in the formats of IceCube's 3-year and 10-year point-source releases; a file
in a zip is named like one in a folder. Energy smearing is a table of the 10-year release or PLEnuM's compact
matrices. Where it is another season's, energies are compared with that season's by the backgrounds of both; without
it the table says so, and overrates the highest energies.

The new season stands beside those in force unless --alone is given; the settings that are printed name both files.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place

if TYPE_CHECKING:
    from llama.app import App

SMEARING_OF = "IC86-2012"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("name", metavar="NAME", help="of the season, as neutrino lists name it")
    parser.add_argument("--events", type=place, nargs="+", required=True, metavar="FILE", help="tables of events")
    parser.add_argument("--livetime", type=place, nargs="+", required=True, metavar="FILE", help="lists of good runs")
    parser.add_argument("--area", type=place, required=True, metavar="FILE", help="effective areas")
    parser.add_argument("--smearing", type=place, metavar="FILE", help="energy smearing; without it there is none")
    parser.add_argument(
        "--smearing-of",
        default=SMEARING_OF,
        metavar="SEASON",
        help=f"whose smearing it is (default {SMEARING_OF}); NAME says that it is this season's own",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="FOLDER", help="where to write both files")
    parser.add_argument("--alone", action="store_true", help="leave out the seasons that there are")
    parser.add_argument("-c", "--clobber", action="store_true", help="overwrite files, and a season of that name")


def main(args: argparse.Namespace, app: App) -> int:
    """Make and write it, and tell what it is."""
    from llama.analyses.tables import ICECUBE_EVENTS, ICECUBE_TABLES
    from llama.studies.season import SeasonFiles, add_season

    files = SeasonFiles(args.name, tuple(args.events), tuple(args.livetime), args.area, args.smearing)
    there = app.shared(ICECUBE_TABLES), app.shared(ICECUBE_EVENTS)
    added = add_season(files, there, args.out, smearing_of=args.smearing_of, alone=args.alone, overwrite=args.clobber)
    table = added.table
    days = table.livetime_s / 86400
    print(f"{table.name}: {table.n_observed} events in {days:.2f} days, {1e3 * table.rate_hz:.3f} mHz")
    print(f"alpha {table.alpha.min():.2f} to {table.alpha.max():.2f}, n0 {table.n_51_100:.3f}; {table.smearing}")
    if added.outside:
        print(f"{added.outside} event(s) lie in no good run; they count in the rate and the background")
    print(f"digest {added.digest}")
    print(f"in {added.tables_path} and {added.events_path}; to use them, set")
    print(f"  LLAMA_SCIENCE_ICECUBE_TABLES={added.tables_path.absolute()}")
    print(f"  LLAMA_SCIENCE_ICECUBE_EVENTS={added.events_path.absolute()}")
    return 0
