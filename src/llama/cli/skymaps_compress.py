"""Compress every .fits map below SOURCE, which may be a folder one can only read, into DEST.

Copies are put in place whole: typed again, it goes on with what is missing. Maps that are no FITS files are named and
left out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place
from llama.cli.cluster_words import add_workforce_arguments, workforce_of
from llama.cli.stopping import goes_on, some

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.skymap_lists import Compressed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("source", type=place, metavar="SOURCE", help="the folder of .fits maps")
    parser.add_argument("target", type=Path, metavar="DEST", help="where NAME.fits.gz of each goes")
    add_workforce_arguments(parser)


def main(args: argparse.Namespace, app: App) -> int:
    """Compress with a progress bar, and say what was done."""
    from tqdm import tqdm

    from llama.studies.skymap_lists import ToCompress, compress

    workforce, asked = workforce_of(args, app), ToCompress.below(args.source, args.target)
    done: list[Compressed] = []
    with (
        goes_on(lambda: some(str(args.target), len([one for one in done if not one.why]), "maps")),
        workforce() as executor,
        tqdm(total=len(asked.maps), unit="map", leave=False, disable=None) as bar,
    ):
        for one in compress(asked, executor):
            done.append(one)
            bar.update()
    left_out = [one for one in done if one.why]
    for one in left_out:
        print(f"left out: {one.source}: {one.why}", file=sys.stderr)
    made = [one for one in done if not one.why]
    before = sum(one.was_there for one in made)
    size_mb = sum(one.size for one in made) / 1e6
    print(f"{len(made)} maps in {args.target}, {size_mb:.1f} MB; {before} of them were there from before")
    if asked.already:
        print(f"{asked.already} in {args.source} are compressed already and were not copied")
    return 1 if left_out else 0
