"""Time windows as people type them, for the commands that list what a messenger saw."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


def add_window(parser: argparse.ArgumentParser, half_width_s: float) -> None:
    """-t, -i and --mjd, and where to write the answer."""
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("-t", "--time", metavar="TIME", help=f"list TIME ± {half_width_s:g} s")
    when.add_argument("-i", "--interval", nargs=2, metavar=("START", "STOP"), help="list START <= time < STOP")
    parser.add_argument("--mjd", action="store_true", help="times are Modified Julian Dates (UTC)")


def add_outputs(parser: argparse.ArgumentParser, filename: str) -> None:
    """--json and --txt."""
    for kind, what in (("json", f"JSON, as in {filename}"), ("txt", "text")):
        parser.add_argument(f"--{kind}", nargs="?", const="-", metavar="FILE", help=f"write {what} (default: stdout)")


def window(args: argparse.Namespace, half_width_s: float) -> tuple[float, float]:
    """Start and stop in GPS seconds; ValueError says what is wrong with a time."""
    if args.time is not None:
        moment = _gps(args.time, mjd=args.mjd)
        return moment - half_width_s, moment + half_width_s
    start, stop = (_gps(text, mjd=args.mjd) for text in args.interval)
    if start >= stop:
        raise ValueError(f"START {args.interval[0]} is not before STOP {args.interval[1]}")
    return start, stop


def answer(
    args: argparse.Namespace,
    command: str,
    half_width_s: float,
    listed: Callable[[float, float], T],
    text: Callable[[T], str],
) -> int:
    """Print or write the list of the window that was typed; 0 also when it is empty, 2 for times that are none."""
    try:
        start_gps, stop_gps = window(args, half_width_s)
    except ValueError as error:
        print(f"{command}: {error}", file=sys.stderr)
        return 2
    found = listed(start_gps, stop_gps)
    if args.json:
        from llama.formats.records import to_json

        put(args.json, to_json(found).decode())
    if args.txt or not args.json:
        put(args.txt or "-", text(found))
    return 0


def put(where: str, text: str) -> None:
    """To standard output for `-`, else to a file, whose name is printed."""
    if where == "-":
        sys.stdout.write(text)
    else:
        Path(where).write_text(text, encoding="utf-8")
        print(where)


def _gps(text: str, *, mjd: bool) -> float:
    from llama.science.times import gps_from_mjd, is_julian_date

    try:
        number = float(text)
    except ValueError:
        if mjd:
            raise ValueError(f"{text!r} is not a Modified Julian Date; without --mjd it may be UTC") from None
        return _utc(text)
    if mjd:
        try:
            return float(gps_from_mjd(number))
        except ValueError as error:
            raise ValueError(f"{text} is not a Modified Julian Date: {error}") from error
    if not math.isfinite(number) or not 0 <= number < 1e10:
        raise ValueError(f"{text} is not a GPS time")
    if number < 100_000:
        raise ValueError(f"{text} as GPS seconds is in January 1980; for a Modified Julian Date add --mjd")
    if is_julian_date(number):
        raise ValueError(f"{text} as GPS seconds is in January 1980, and it looks like a Julian Date; write UTC")
    return number


def _utc(text: str) -> float:
    from llama.science.times import check_leap_second, check_offset, gps_from_utc

    check_leap_second(text)
    check_offset(text)
    try:
        return gps_from_utc(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a time; write UTC like 2011-12-05T07:12:00, or GPS seconds") from error
