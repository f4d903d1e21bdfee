"""List neutrinos by hand: those within 500 s of a time, or between two times.

A time is UTC (2011-12-05T07:12:00) or GPS seconds; with --mjd, a Modified Julian Date (UTC). Right ascensions are
scrambled unless -u is given. Without --json and --txt the list is printed as text.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.cli.listing import add_outputs, add_window, answer

if TYPE_CHECKING:
    from llama.app import App
    from llama.messengers.icecube.record import NeutrinoList
    from llama.ports import NeutrinoSource

HALF_WIDTH_S = 500.0
"""As `llama.messengers.icecube.products.WINDOW_S`, which would cost `--help` the import of the messenger."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add_window(parser, HALF_WIDTH_S)
    parser.add_argument("-u", "--unblinded", action="store_true", help="show true right ascensions")
    add_outputs(parser, "icecube_neutrino_list.json")


def main(args: argparse.Namespace, app: App) -> int:
    """Print or write the list."""
    from llama.messengers.icecube.text import as_text

    def listed(start_gps: float, stop_gps: float) -> NeutrinoList:
        return _list(app, start_gps, stop_gps, blinded=not args.unblinded)

    return answer(args, "llama files i3", HALF_WIDTH_S, listed, as_text)


def _list(app: App, start_gps: float, stop_gps: float, *, blinded: bool) -> NeutrinoList:
    from llama.messengers.icecube.blinding import blind
    from llama.messengers.icecube.record import from_window
    from llama.ports import NEUTRINO_SOURCE

    source: NeutrinoSource = app.service(NEUTRINO_SOURCE)
    seed = f"files i3 {start_gps!r} {stop_gps!r}"
    found = from_window(source.window(start_gps, stop_gps, seed=seed), source.name)
    return blind(found, seed) if blinded else found
