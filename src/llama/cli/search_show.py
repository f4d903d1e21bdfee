"""Show every number of a search, its unit and where it comes from.

    llama search show bns --json > my.json

writes the search as a file. Change it, say where the new numbers come from, and set LLAMA_SEARCH=my.json. A file with
one search serves events of every population; the result says so.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from typing import TYPE_CHECKING

from llama.advice import Advice

if TYPE_CHECKING:
    from llama.app import App

_LIST = Advice(("search", "list"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("name", metavar="NAME", help=f"which search; {_LIST} lists them")
    parser.add_argument("--json", action="store_true", help="as a file that LLAMA_SEARCH can name")


def main(args: argparse.Namespace, app: App) -> int:
    """A table for people, or the file."""
    from llama.formats.errors import FormatError
    from llama.formats.searches import SearchesFile
    from llama.science.significance import UNITS, Searches, parameters

    try:
        record = app.searches()[args.name]
    except ValueError as error:
        raise FormatError(str(error)) from error
    if args.json:
        sys.stdout.write(SearchesFile().encode(Searches({args.name: record})).decode())
        return 0
    for name, value in parameters(record.search).items():
        print(f"{name:<24} {_shown(value)} {UNITS.get(name, '')}".rstrip())
        print(textwrap.fill(record.sources[name], 110, initial_indent="    ", subsequent_indent="    "))
    return 0


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return "none" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
