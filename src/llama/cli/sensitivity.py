"""How many signals a search finds at a fixed false alarm probability, from the trials of a study.

Reads background, signal and doublet trials that `llama dev trials` drew (give the folders of all machines that took
part) and writes tables (CSV, JSON, text) and figures (PNG, PDF): efficiency against neutrino energy, distance and
declination with intervals, and the distributions of p-values and odds.
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
    parser.add_argument("folders", type=place, nargs="*", default=[Path()], metavar="STUDY", help="default: here")
    parser.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="default: sensitivity/ in the first folder, or here"
    )
    parser.add_argument("--depth", choices=("kernel", "pipeline"), default="kernel", help="default %(default)s")
    parser.add_argument(
        "--search", choices=("opa", "subthreshold"), action="append", default=[], help="default: both"
    )
    level = parser.add_mutually_exclusive_group()
    level.add_argument("-p", "--false-alarm", type=_probability, default=0.01, metavar="P",
                       help="false alarm probability per alert (default %(default)s)")  # fmt: skip
    level.add_argument("--far-per-year", type=float, metavar="N", help="the same as false alarms per year of alerts")
    parser.add_argument("--confidence", type=_probability, default=0.6827, help="of intervals (default %(default)s)")


def _probability(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return found


def _of_an_alert(far_per_year: float, alerts_per_year: float) -> float:
    """FormatError for more false alarms than alerts, and for none."""
    from llama.formats.errors import FormatError

    if not 0 < far_per_year < alerts_per_year:
        raise FormatError(
            f"--far-per-year {far_per_year:g} is not between 0 and {alerts_per_year:.3g}, "
            "the alerts of this population in a year; a false alarm is one of them"
        )
    return far_per_year / alerts_per_year


def main(args: argparse.Namespace, app: App) -> int:
    """Measure, write, and print the text of each search."""
    from llama.studies.sensitivity import as_text, gather, measure, write_report
    from llama.studies.trials import SEARCH_TYPES

    trials = gather(args.folders, args.depth)
    rate_hz = app.searches().choose(trials["background"].study.population).search.alert_rate_hz
    p = args.false_alarm if args.far_per_year is None else _of_an_alert(args.far_per_year, rate_hz * 365.25 * 86400)
    out = args.out or (Path() if "folders" in args.fetched else args.folders[0]) / "sensitivity"
    for search_type in args.search or SEARCH_TYPES:
        found = measure(trials, search_type, p, rate_hz, args.confidence)
        paths = write_report(found, out)
        print(as_text(found))
        print(f"{len(paths)} files in {out}\n")
    return 0
