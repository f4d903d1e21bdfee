"""The five review cases, through the real pipeline: a > b > e > c in log odds, d exactly zero.

Each case becomes an event in a folder (a temporary one unless -d names one to keep), with a simulated map and one
injected neutrino, and is taken to its significance file by the engine.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App
    from llama.engine.folder import Event


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("-d", "--folder", type=Path, metavar="DIR", help="keep the five events in this folder")


def main(args: argparse.Namespace, app: App) -> int:
    """Run the cases, print the table and the verdict; exit with 1 when the order is wrong."""
    from llama.analyses.gw_neutrino import SIGNIFICANCE
    from llama.operate.update import bring_up_to_date
    from llama.studies.review import CASES, review

    def update(events: Iterable[Event]) -> None:
        bring_up_to_date(events, app.pipeline().only([SIGNIFICANCE.name], ancestors=True), app)

    verdict = review(args.folder, update)
    print("case  log odds      what")
    for case in CASES:
        value = verdict.log_odds[case.name]
        print(f"  {case.name}   {'odds = 0' if value is None else f'{value:8.2f}':<12}  {case.what}")
    print("\na > b > e > c and d = 0: " + ("yes" if not verdict.wrong else "NO: " + "; ".join(verdict.wrong)))
    return 1 if verdict.wrong else 0
