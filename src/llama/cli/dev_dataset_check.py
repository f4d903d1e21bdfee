"""Say whether a data set, a folder here or in a store, is organised as a study wants it, and what is missing.

A set of simulated maps has skymaps/ (or allsky/), and skymap-lists/POPULATION/H1L1.csv, … that name each of them once
and add up to coincs-POPULATION.dat; one of alerts has superevents.txt, superevents/ID/ with map and p_astro.json, and
skymap_info.json.template. Both have bklist/ with bklist_names.txt. The exit status is 0 when nothing is wrong.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.cli.arguments import count

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("set", metavar="FOLDER|s3://…", help="the data set")
    parser.add_argument("--read", type=count, default=3, metavar="N",
                        help="open so many maps and so many lists (default %(default)s)")  # fmt: skip


def main(args: argparse.Namespace, app: App) -> int:
    """A line for each finding, then whether it will do."""
    from llama.ports import STORAGE
    from llama.studies.dataset.check import check_dataset

    findings = check_dataset(app.service(STORAGE), args.set, args.read)
    for one in findings:
        print(f"{'WRONG' if one.wrong else 'ok':<6} {one.where}: {one.said}")
    wrong = sum(one.wrong for one in findings)
    print(f"{args.set} is as a study wants it" if not wrong else f"{wrong} things are wrong with {args.set}")
    return 1 if wrong else 0
