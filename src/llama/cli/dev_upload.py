"""Put the files of a folder into a store, each under a key that says its content, and write a manifest of them.

A key is PREFIX/TITLE-SHA256.EXTENSION, as objects/1-0f…e2.fits.gz: what is there is not put again, from whichever
folder it came. The manifest goes to standard output, to a file here, and beside the files; `llama install MANIFEST`
brings them back under the paths they had. Stopped or killed, type the same again.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.stores.uploading import AsFound, Upload


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("-r", "--root", type=Path, default=Path(), metavar="ROOT", help="the folder (default: here)")
    add("-g", "--glob", default="*", metavar="GLOB", help="which files and folders in it (default: all)")
    add("-p", "--prefix", default="objects", metavar="PREFIX", help="before all keys (default %(default)s)")
    add("-b", "--bucket", default="llama", metavar="BUCKET", help="(default %(default)s)")
    add("-P", "--public", action="store_true", help="whoever knows the address may read it")
    add("-R", "--recursive", action="store_true", help="GLOB is of names in all folders below")
    add("-o", "--out", type=Path, metavar="FILE", help="the manifest (default: ROOT-manifest.json here)")
    add("--dry-run", action="store_true", help="print the manifest and what would be put, and stop")


def main(args: argparse.Namespace, app: App) -> int:
    """Upload, and print the manifest; 1 when a file failed."""
    from llama.cli.store_words import carried
    from llama.operate.stores.uploading import (
        choose,
        keep_manifest,
        manifest_name,
        plan_upload,
        upload,
    )
    from llama.ports import STORAGE, Storage

    storage: Storage = app.service(STORAGE)
    out = args.out or Path(manifest_name(args.root))
    found = _digests(choose(args.root, args.glob, recursive=args.recursive, but=out))
    planned = plan_upload(storage, args.root, found, args.bucket, args.prefix)
    sys.stdout.write(planned.manifest.text())
    if args.dry_run:
        return _tell(planned)
    status = carried(upload(storage, planned, public=args.public), len(planned.transfers), "put", sys.stderr)
    if status:
        print("llama: no manifest was written; type the same again to go on", file=sys.stderr)
        return status
    url = keep_manifest(storage, planned.manifest, out, args.prefix, public=args.public)
    print(f"manifest in {out} and {url}", file=sys.stderr)
    return 0


def _digests(chosen: list[AsFound]) -> list[tuple[AsFound, str]]:
    from tqdm import tqdm

    from llama.operate.stores.uploading import digests

    return list(tqdm(digests(chosen), total=len(chosen), unit="file", desc="digests", leave=False, disable=None))


def _tell(planned: Upload) -> int:
    there = len(planned.transfers) - planned.missing
    print(f"{planned.missing} would be put, {there} are there; nothing was done", file=sys.stderr)
    return 0
