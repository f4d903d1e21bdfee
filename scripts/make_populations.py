"""Make populations.hdf5 from folders of simulated sky maps, for all their populations, detectors and some seasons.

Usage: python scripts/make_populations.py FOLDER... -o OUT [-n EVENTS] [-s SEASON...] [--maps N] [-j N]
           [--cluster WHERE]

FOLDER is one that `llama dev simulate` wrote: its lists skymap-lists/POPULATION-RUN/DETECTORS.csv say what tables
are made. OUT keeps the text tables of both searches (tables/), blocks of events as soon as they are drawn (blocks/),
and at the end populations.hdf5. The same command goes on where it was stopped, and makes again what other maps,
searches or seasons have made out of date. The events do not depend on how many processes draw them.

The search is that of the population, with the run of the list as its sensitivity: tables of a run serve searches of
that run. A list with a map that cannot be used is named and left out, and the command ends with 1.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import pairwise, product
from pathlib import Path

from tqdm import tqdm

from llama.analyses.result import LIST_STATISTICS
from llama.app import App
from llama.cli.cluster_words import add_workforce_arguments, workforce_of
from llama.formats.background_table import read_table
from llama.formats.errors import FormatError
from llama.formats.populations import collate
from llama.installed import ServiceUnavailable
from llama.science.significance import TableKind
from llama.studies.background import Study, comments_of, draw, in_order, listed_maps, write_tables
from llama.studies.clusters import ClusterError
from llama.supplies import simulated_neutrinos

SEASONS = ("IC79-2010", "IC86-2011", "IC86-2012")


@dataclass(frozen=True)
class Job:
    """One list of sky maps with the neutrinos of one season."""

    study: Study
    kind: TableKind

    def tables(self, folder: Path) -> dict[str, Path]:
        """Its tables by search type."""
        kinds = {name: replace(self.kind, search_type=name) for name in LIST_STATISTICS}
        return {name: folder / f"{kind.name.replace('/', '-')}.txt" for name, kind in kinds.items()}

    def is_done(self, folder: Path) -> bool:
        """Whether its tables are there, whole, of as many events, of these maps, and made with the same numbers."""
        for name, path in self.tables(folder).items():
            if not path.exists():
                return False
            there, wanted = read_table(path), comments_of(self.study, replace(self.kind, search_type=name))
            maps = {one.name for one in self.study.maps[: self.study.events]}
            if not there.whole or len(there.rows) != self.study.events or there.used_maps != maps:
                return False
            if dict(there.comments) != wanted:
                return False
        return True


def lists_in(folders: Sequence[Path]) -> list[Path]:
    """The lists of sky maps of all folders; FormatError where two have the same name, and where there is none."""
    found = sorted((path for folder in folders for path in folder.glob("skymap-lists/*/*.csv")), key=_name)
    for one, two in pairwise(found):
        if _name(one) == _name(two):
            raise FormatError(f"{one} and {two} are of the same population, run and detectors; give one of them")
    if not found:
        raise FormatError(f"no list of sky maps (skymap-lists/*/*.csv) in {', '.join(map(str, folders))}")
    return found


def _name(path: Path) -> tuple[str, str]:
    return path.parent.name, path.stem


def job_of(path: Path, season: str, events: int, maps: int | None, app: App) -> Job:
    """Of one list and season; FormatError for a list with a map that is not there, ValueError for its population."""
    population, _, run = path.parent.name.partition("-")
    search = replace(app.searches()[population].search, run=run)
    kind = TableKind("opa", population, run, path.stem, season)
    label = f"{population}-{run}-{path.stem}-{season}"
    return Job(Study(listed_maps(path)[:maps], events, label, app.season(season), search), kind)


def make(job: Job, out: Path, app: App, executor: Executor) -> int:
    """Draw one and write its tables; how many events were drawn."""
    study, blocks = job.study, out / "blocks" / job.study.label
    connect = functools.partial(simulated_neutrinos, app)(study.season.name)
    bar = tqdm(draw(study, connect, executor, blocks), total=len(study.blocks), unit="map", desc=study.label)
    write_tables(study, in_order(study, list(bar)), job.tables(out / "tables"))
    for path in blocks.glob("*.npz"):
        path.unlink()
    return study.events


def main(args: argparse.Namespace) -> int:
    """Make what is missing, then populations.hdf5 of all tables."""
    app, failed, drawn, began = App.read(), 0, 0, time.monotonic()
    (args.out / "tables").mkdir(parents=True, exist_ok=True)
    todo = list(product(lists_in(args.folders), args.season or SEASONS))
    with workforce_of(args, app)() as executor:
        for path, season in todo:
            try:
                job = job_of(path, season, args.events, args.maps, app)
                if not job.is_done(args.out / "tables"):
                    drawn += make(job, args.out, app, executor)
            except ClusterError:
                raise  # it would be the same for every list
            except (ValueError, OSError) as error:
                failed += 1
                print(f"left out: {path}, {season}: {error}", file=sys.stderr)
    if drawn:
        spent = time.monotonic() - began
        print(f"{drawn} events in {spent:.0f} s: {drawn / spent / args.workers:.0f} per second and process")
    found = collate(args.out / "tables", args.out / "populations.hdf5", overwrite=True)
    for notice in found.notices:
        print(f"notice: {notice}", file=sys.stderr)
    size = (args.out / "populations.hdf5").stat().st_size
    print(f"{len(found.populations.tables)} tables in {args.out / 'populations.hdf5'}, {size / 1e6:.1f} MB")
    return 1 if failed else 0


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-n", "--events", type=int, default=100_000, help="of each table (default %(default)s)")
    parser.add_argument("-s", "--season", action="append", help=f"default: {' '.join(SEASONS)}")
    parser.add_argument("--maps", type=int, help="of each list, the first so many (default: all)")
    add_workforce_arguments(parser)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main(arguments()))
    except (FormatError, ServiceUnavailable) as error:
        sys.exit(str(error))
