"""Split the sky maps of a population into one list per detector combination: H1L1.csv, H1L1V1.csv, …

FILE is a coincs.dat or a participating-detectors-*.txt: a header line, then the detectors joined by commas and the
map's name without extension. A folder is taken by its coincs.dat, or by what its maps' headers say. The lists go to
skymap-lists/POPULATION, and what they hold is counted against FILE.

The maps are those beside FILE (in allsky, skymaps, or FILE's own folder), or in the --maps folder; --prefix writes
the folder that they have on another machine.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("file", type=place, metavar="FILE", help="which detectors heard each source, or a folder")
    add("--prefix", metavar="PATH", help="the maps' folder on the machine that will read the lists")
    add(
        "-m", "--maps", type=place, metavar="FOLDER", help="the maps here: each must be there, and says its extension"
    )
    add("--extension", default=".fits.gz", metavar="EXT", help="of the maps, without --maps (default %(default)s)")
    add("-p", "--population", metavar="NAME", help="default: as FILE is named (coincs-bns-o3.dat is bns-o3)")
    add("-o", "--out", type=Path, metavar="FOLDER", help="default: skymap-lists/POPULATION")
    add("-c", "--clobber", action="store_true", help="overwrite lists")


def main(args: argparse.Namespace, app: App) -> int:
    """Write the lists and print the check that `wc -l` did."""
    from llama.formats.errors import FormatError
    from llama.studies.skymap_lists import maps_beside, population_of, split

    source = args.file / "coincs.dat" if (args.file / "coincs.dat").is_file() else args.file
    population = args.population or population_of(source)
    if args.out is None and population is None:
        raise FormatError(
            f"{source.absolute().name} does not say which population it is of; say it with -p, as bns-o3"
        )
    maps = args.maps or (maps_beside(source) if source.is_dir() or not args.prefix else None)
    prefix = args.prefix or (maps and str(maps.resolve()))
    if not prefix:
        raise FormatError(
            f"none of the maps of {source.name} is beside it: say where they are, --prefix PATH for a server's, or "
            "--maps FOLDER for those here"
        )
    out = args.out or Path("skymap-lists") / str(population)
    found = split(source, out, prefix=prefix, maps=maps, ending=args.extension, overwrite=args.clobber)
    for path, count in found.lists.items():
        print(f"{count:>7} {path}")
    whole = "sky maps in it" if source.is_dir() else "below its header line"
    print(f"{found.total:>7} total, as many as {found.source} has {whole}")
    return 0
