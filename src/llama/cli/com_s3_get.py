"""Fetch files from a store that speaks S3, as `s3cmd get` does; `https://` works too.

-r fetches all below a folder: `s3://b/maps` becomes DEST/maps, of `s3://b/maps/` the content goes to DEST. What is
here already is not fetched again, and what was cut goes on, so type the same again. What is here and differs is left
alone unless -f says otherwise. Each file is checked against the digest that the store states.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("words", nargs="+", metavar="s3://… [DEST]", help="what; then where to (default: here)")
    parser.add_argument("-r", "--recursive", action="store_true", help="all below a folder")
    parser.add_argument("-f", "--force", action="store_true", help="overwrite what is here and differs")


def main(args: argparse.Namespace, app: App) -> int:
    """Fetch, and count; 1 when a file failed."""
    from llama.cli.store_words import carried
    from llama.operate.errors import StoreError
    from llama.operate.stores.copying import fetch, to_fetch
    from llama.ports import STORAGE, Storage

    named = len(args.words) > 1 and "://" not in args.words[-1]
    urls, dest = (args.words[:-1], args.words[-1]) if named else (args.words, ".")
    if here := [word for word in urls if "://" not in word]:
        raise StoreError(f"{here[0]} is no address; write s3://BUCKET/KEY, and last where to")
    as_file = named and not dest.endswith("/")
    storage: Storage = app.service(STORAGE)
    transfers = to_fetch(storage, urls, Path(dest).expanduser(), recursive=args.recursive, named=as_file)
    return carried(fetch(storage, transfers, force=args.force), len(transfers), "fetched")
