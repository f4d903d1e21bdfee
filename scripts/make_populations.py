"""Make populations.hdf5 from folders of simulated sky maps, for all their populations, detectors and some seasons.

Usage: python scripts/make_populations.py FOLDER... -o OUT [-n EVENTS] [-s SEASON...] [--maps N] [-j N]
    [--cluster WHAT]

FOLDER is one that `llama dev simulate` wrote: its lists skymap-lists/POPULATION-RUN/DETECTORS.csv say what tables
are made. It types `llama dev background draw` and `llama dev background pvalue`. OUT keeps the text tables of both
searches, with a study of trials for each list and season beside them (tables/), and at the end populations.hdf5. The
same command goes on where it was stopped. The events do not depend on how many processes draw them.

The search is that of the population, with the run of the list as its sensitivity (searches-RUN.json in OUT): tables
of a run serve searches of that run. A list that cannot be used is named and left out, and the command ends with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path

from llama.app import packaged

SEASONS = ("IC79-2010", "IC86-2011", "IC86-2012")
SEARCH_TYPES = ("opa", "subthreshold")


@dataclass(frozen=True)
class Job:
    """One list of sky maps with the neutrinos of one season."""

    maps: Path
    season: str

    @property
    def run(self) -> str:
        return self.maps.parent.name.partition("-")[2]

    @property
    def name(self) -> str:
        return f"{self.maps.parent.name}-{self.maps.stem}-{self.season}"


class Maker:
    """Types commands for OUT."""

    def __init__(self, out: Path, events: int, maps: int | None, drawn_by: Sequence[object]) -> None:
        self.out, self.events, self.maps, self.drawn_by = out, events, maps, drawn_by

    def make(self, job: Job) -> bool:
        """Draw one and write its tables; whether that could be done."""
        tables = [f"--out={self.out / 'tables' / f'{kind}-{job.name}.txt'}" for kind in SEARCH_TYPES]
        words = ["background", "draw", self._first(job), *tables, "-s", job.season, "-n", self.events, "-c"]
        return self._llama([*words, *self.drawn_by], job.run)

    def collate(self) -> bool:
        """All tables as one file."""
        return self._llama(["background", "pvalue", self.out / "tables", "-o", self.out / "populations.hdf5", "-c"])

    def _first(self, job: Job) -> Path:
        """The list, or one of its first maps."""
        if self.maps is None:
            return job.maps
        chosen = self.out / "lists" / job.maps.parent.name / job.maps.name
        chosen.parent.mkdir(parents=True, exist_ok=True)
        chosen.write_text("".join(f"{line}\n" for line in job.maps.read_text().splitlines()[: self.maps]))
        return chosen

    def _searches(self, run: str) -> Path:
        """The packaged searches for another run."""
        searches = json.loads(packaged("search.json").read_text())
        for search in searches.values():
            search["parameters"]["run"] = run
        path = self.out / f"searches-{run}.json"
        path.write_text(json.dumps(searches, indent=2))
        return path

    def _llama(self, words: Sequence[object], run: str = "") -> bool:
        own = {"LLAMA_SEARCH": str(self._searches(run))} if run else {}
        command = [sys.executable, "-m", "llama", "dev", *map(str, words)]
        return subprocess.run(command, env=os.environ | own, check=False).returncode == 0


def lists_in(folders: Sequence[Path]) -> list[Path]:
    """The lists of sky maps of all folders; ends where two have the same name, and where there is none."""
    found = sorted((path for folder in folders for path in folder.glob("skymap-lists/*/*.csv")), key=_name)
    for one, two in pairwise(found):
        if _name(one) == _name(two):
            sys.exit(f"{one} and {two} are of the same population, run and detectors; give one of them")
    return found or sys.exit(f"no list of sky maps (skymap-lists/*/*.csv) in {', '.join(map(str, folders))}")


def _name(path: Path) -> tuple[str, str]:
    return path.parent.name, path.stem


def main(args: argparse.Namespace) -> int:
    """Make what is missing, then populations.hdf5 of all tables."""
    (args.out / "tables").mkdir(parents=True, exist_ok=True)
    cluster = () if args.cluster is None else ("--cluster", args.cluster)
    maker, failed = Maker(args.out, args.events, args.maps, ("-j", args.workers, *cluster)), 0
    for path, season in product(lists_in(args.folders), args.season or SEASONS):
        if not maker.make(Job(path, season)):
            failed += 1
            print(f"left out: {path}, {season}", file=sys.stderr)
    return 1 if not maker.collate() or failed else 0


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("-n", "--events", type=int, default=100_000, help="of each table (default %(default)s)")
    parser.add_argument("-s", "--season", action="append", help=f"default: {' '.join(SEASONS)}")
    parser.add_argument("--maps", type=int, help="of each list, the first so many (default: all)")
    parser.add_argument("-j", "--workers", type=int, default=2, help="processes (default %(default)s)")
    parser.add_argument("--cluster", help="who draws, as for `llama dev trials`")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments()))
