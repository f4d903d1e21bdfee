"""List Fermi GBM's gamma-ray bursts by hand: those within 500 s of a time, or between two times.

A time is UTC (2017-08-17T12:41:04) or GPS seconds; with --mjd, a Modified Julian Date (UTC). Bursts come from the
archived notices (setting grb_notices), or from a catalogue (setting grb_catalogue). Without --json and --txt the list
is printed as text.
"""

from __future__ import annotations

import argparse
import sys

from llama.cli.window import add_outputs, add_window, put, window

HALF_WIDTH_S = 500.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add_window(parser, HALF_WIDTH_S)
    add_outputs(parser, "fermi_grbs.json")


def main(args: argparse.Namespace) -> int:
    """Print or write the list; 0 also when it is empty, 2 for times that are none."""
    try:
        start_gps, stop_gps = window(args, HALF_WIDTH_S)
    except ValueError as error:
        print(f"llama files fermi: {error}", file=sys.stderr)
        return 2
    from llama.app import grb_source
    from llama.messengers.fermi.record import from_window

    source = grb_source()
    found = from_window(source.window(start_gps, stop_gps), source.name)
    if args.json:
        from llama.formats.records import to_json

        put(args.json, to_json(found).decode())
    if args.txt or not args.json:
        from llama.messengers.fermi.text import as_text

        put(args.txt or "-", as_text(found))
    return 0
