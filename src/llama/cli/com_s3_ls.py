"""List what is in a store that speaks S3, as `s3cmd ls` does: when, bytes, address; folders are DIR.

Without an address it lists the buckets. What stands after the last slash is how names begin.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App
    from llama.ports import StoredObject


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("urls", nargs="*", metavar="s3://BUCKET/PREFIX", help="default: the buckets")
    parser.add_argument("-r", "--recursive", action="store_true", help="all below, without folders")


def main(args: argparse.Namespace, app: App) -> int:
    """A line for each, folders first."""
    from llama.ports import STORAGE, Storage

    storage: Storage = app.service(STORAGE)
    for url in args.urls or ["s3://"]:
        found = storage.list(url, recursive=args.recursive, prefix=not url.endswith("/"))
        there = False
        for one in found if args.recursive else sorted(found, key=lambda one: not one.folder):
            there = True
            print(_line(one, of_bucket=url == "s3://"))
        if not there:
            print(f"llama: there is nothing under {url}", file=sys.stderr)
    return 0


def _line(one: StoredObject, *, of_bucket: bool) -> str:
    when = one.modified[:16].replace("T", " ")
    if of_bucket:
        return f"{when:16}  {one.url.rstrip('/')}"
    return f"{when:16}{'DIR' if one.folder else one.size:>10}   {one.url}"
