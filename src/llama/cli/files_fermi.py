"""List Fermi GBM's gamma-ray bursts by hand: those within 500 s of a time, or between two times.

A time is UTC (2017-08-17T12:41:04) or GPS seconds; with --mjd, a Modified Julian Date (UTC). Bursts come from the
archived notices (LLAMA_GRB_NOTICES), or from a catalogue (LLAMA_GRB_CATALOGUE). Without --json and --txt the list is
printed as text.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.cli.listing import add_outputs, add_window, answer

if TYPE_CHECKING:
    from llama.app import App
    from llama.messengers.burst_record import BurstList
    from llama.ports import GRBSource

HALF_WIDTH_S = 500.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add_window(parser, HALF_WIDTH_S)
    add_outputs(parser, "fermi_grbs.json")


def main(args: argparse.Namespace, app: App) -> int:
    """Print or write the list."""
    from llama.messengers.fermi.text import as_text

    def listed(start_gps: float, stop_gps: float) -> BurstList:
        return _list(app, start_gps, stop_gps)

    return answer(args, "llama files fermi", HALF_WIDTH_S, listed, as_text)


def _list(app: App, start_gps: float, stop_gps: float) -> BurstList:
    from llama.messengers.burst_record import from_window
    from llama.ports import GRB_SOURCE

    source: GRBSource = app.service(GRB_SOURCE)
    return from_window(source.window(start_gps, stop_gps), source.name)
