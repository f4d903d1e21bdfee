"""Put files into a store that speaks S3, as `s3cmd put` does.

An address that ends with a slash is a folder. -r puts all below a folder: `maps` goes to s3://…/maps, of `maps/` the
content goes there. What is there already (same size and digest) is not put again, and what was cut goes on.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("sources", nargs="+", metavar="FILE|FOLDER", help="what is put")
    parser.add_argument("url", metavar="s3://…", help="where to")
    parser.add_argument("-r", "--recursive", action="store_true", help="all below a folder")
    parser.add_argument("-P", "--public", action="store_true", help="whoever knows the address may read it")


def main(args: argparse.Namespace, app: App) -> int:
    """Put, and count; 1 when a file failed."""
    from llama.cli.store_words import carried
    from llama.operate.errors import StoreError
    from llama.operate.stores.copying import put, to_put
    from llama.ports import STORAGE, Storage

    if not args.url.startswith("s3://"):
        raise StoreError(f"{args.url} is no address of a store; write s3://BUCKET/KEY last")
    storage: Storage = app.service(STORAGE)
    transfers = to_put(storage, args.sources, args.url, recursive=args.recursive)
    return carried(put(storage, transfers, public=args.public), len(transfers), "put")
