"""List neutrinos by hand: those within 500 s of a time, or between two times.

A time is UTC (2011-12-05T07:12:00) or GPS seconds; with --mjd, a Modified Julian Date (UTC). Right ascensions are
scrambled unless -u is given. Without --json and --txt the list is printed as text.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.messengers.icecube.record import NeutrinoList


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("-t", "--time", metavar="TIME", help="list TIME ± 500 s")
    when.add_argument("-i", "--interval", nargs=2, metavar=("START", "STOP"), help="list START <= time < STOP")
    parser.add_argument("--mjd", action="store_true", help="times are Modified Julian Dates (UTC)")
    parser.add_argument("-u", "--unblinded", action="store_true", help="show true right ascensions")
    for kind, what in (("json", "JSON, as in icecube_neutrino_list.json"), ("txt", "text")):
        parser.add_argument(f"--{kind}", nargs="?", const="-", metavar="FILE", help=f"write {what} (default: stdout)")


def main(args: argparse.Namespace) -> int:
    """Print or write the list; 0 also when it is empty, 2 for times that are none."""
    try:
        start_gps, stop_gps = _window(args)
    except ValueError as error:
        print(f"llama files i3: {error}", file=sys.stderr)
        return 2
    found = _list(start_gps, stop_gps, blinded=not args.unblinded)
    if args.json:
        from llama.formats.records import to_json

        _put(args.json, to_json(found).decode())
    if args.txt or not args.json:
        from llama.messengers.icecube.text import as_text

        _put(args.txt or "-", as_text(found))
    return 0


def _list(start_gps: float, stop_gps: float, *, blinded: bool) -> NeutrinoList:
    from llama.app import neutrino_source
    from llama.messengers.icecube.blinding import blind
    from llama.messengers.icecube.record import from_window

    source = neutrino_source()
    seed = f"files i3 {start_gps!r} {stop_gps!r}"
    found = from_window(source.window(start_gps, stop_gps, seed=seed), source.name)
    return blind(found, seed) if blinded else found


def _window(args: argparse.Namespace) -> tuple[float, float]:
    """Start and stop in GPS seconds; ValueError says what is wrong with a time."""
    from llama.messengers.icecube.products import WINDOW_S

    if args.time is not None:
        moment = _gps(args.time, mjd=args.mjd)
        return moment - WINDOW_S, moment + WINDOW_S
    start, stop = (_gps(text, mjd=args.mjd) for text in args.interval)
    if start >= stop:
        raise ValueError(f"START {args.interval[0]} is not before STOP {args.interval[1]}")
    return start, stop


def _gps(text: str, *, mjd: bool) -> float:
    from llama.science.times import gps_from_mjd

    try:
        number = float(text)
    except ValueError:
        if mjd:
            raise ValueError(f"{text!r} is not a Modified Julian Date; without --mjd it may be UTC") from None
        return _utc(text)
    if not math.isfinite(number) or not (0 <= number < (100_000 if mjd else 1e10)):
        raise ValueError(f"{text} is not a {'Modified Julian Date' if mjd else 'GPS time'}")
    if not mjd and number < 100_000:
        raise ValueError(f"{text} as GPS seconds is in January 1980; for a Modified Julian Date add --mjd")
    return float(gps_from_mjd(number)) if mjd else number


def _utc(text: str) -> float:
    from llama.science.times import gps_from_utc

    try:
        return gps_from_utc(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time; write UTC like 2011-12-05T07:12:00, or GPS seconds") from error


def _put(where: str, text: str) -> None:
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text, encoding="utf-8")
        print(where)
