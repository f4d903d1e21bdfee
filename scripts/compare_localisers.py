"""How like BAYESTAR's a table of background is that was made beside the fast localiser's maps of the same sources.

Usage: python scripts/compare_localisers.py FAST BAYESTAR -p POPULATION [-s SEASON] [-n LISTS] [--search opa]

FAST and BAYESTAR are folders of `llama dev simulate POPULATION` with the same words but --localiser; maps that both
have are taken. Beside the two maps of a source stand the same lists of unrelated neutrinos, so many each. Where all
lists beside the fast maps together say p, the same fraction of those beside BAYESTAR's maps should be. The error is
that of 2 000 samples of the sources, drawn with replacement. A p that fewer than ten lists have is not told.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.analyses.result import LIST_STATISTICS
from llama.app import App
from llama.science.statistic import list_statistics, rate_hz
from llama.studies.blocks import generator
from llama.studies.listed import Listed
from llama.studies.pool import Pool
from llama.studies.trials.drawing import TrialMap
from llama.studies.truth import merged, scrambled

LEVELS = (0.1, 0.05, 0.01, 0.001)
SAMPLES, LEAST = 2000, 10
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """The two maps of one source.

    Attributes:
        fast_deg2, bayestar_deg2: areas of their 90 % regions.
        fast, bayestar: (lists,) ln of the odds of the same lists beside each.
    """

    fast_deg2: float
    bayestar_deg2: float
    fast: Floats
    bayestar: Floats


class Judge:
    """Draws lists and compares them with maps, as background trials do."""

    def __init__(self, app: App, population: str, season: str, lists: int, search_type: str) -> None:
        self.season, self.search = app.season(season), app.searches().choose(population).search
        self.pool, self.lists = Pool.of(app.season_events(season)).within(self.search), lists
        self.log_odds = LIST_STATISTICS[search_type]

    def pair(self, number: int, fast: Path, bayestar: Path, detectors: str) -> Pair:
        """The same lists beside both."""
        hosts = [TrialMap.read(str(path), detectors, self.season, self.search) for path in (fast, bayestar)]
        rng = generator(1, "fast localiser against BAYESTAR", number)
        noise = scrambled(rng, self.pool, rate_hz(self.season, self.search), self.search, self.lists)
        found = [self._judged(host, Listed.of(merged((noise,), self.lists), host.trigger.gps_s, self.season.name))
                 for host in hosts]  # fmt: skip
        return Pair(hosts[0].area_deg2, hosts[1].area_deg2, *found)

    def _judged(self, host: TrialMap, listed: Listed) -> Floats:
        return np.asarray(
            self.log_odds(
                list_statistics(host.prepared, host.trigger, listed.as_kernel(), self.season, self.search, quick=True)
            )
        )


def told(pairs: list[Pair]) -> list[str]:
    """A line for the areas, and one for each level."""
    areas = np.array([(one.fast_deg2, one.bayestar_deg2) for one in pairs])
    quartiles = np.quantile(areas, [0.25, 0.5, 0.75], axis=0)
    each = "; ".join(f"{fast:.0f} and {theirs:.0f} deg2" for fast, theirs in quartiles)
    lines = [f"{len(pairs)} sources, {pairs[0].fast.size} lists each", f"90 % areas, quartiles: {each}"]
    fast, theirs = (np.stack([getattr(one, name) for one in pairs]) for name in ("fast", "bayestar"))
    levels = [level for level in LEVELS if level * fast.size >= LEAST]
    threshold = np.quantile(fast, 1 - np.array(levels))
    rng = np.random.default_rng(2)
    weight = rng.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), SAMPLES) / len(pairs)
    for level, least in zip(levels, threshold.tolist(), strict=True):
        stated, really = (fast >= least).mean(axis=1), (theirs >= least).mean(axis=1)
        ratio, some = really.mean() / stated.mean(), weight @ stated > 0  # samples without any have no ratio
        samples = (weight @ really)[some] / (weight @ stated)[some]
        lines.append(
            f"p <= {level:g} by the fast maps: {really.mean():.5f} by BAYESTAR's, "
            f"ratio {ratio:.3f} +- {samples.std():.3f}"
        )
    return lines


def detectors_of(folder: Path) -> dict[str, str]:
    """Of each map's name, from the lists of the folder."""
    lists = folder.glob("skymap-lists/*/*.csv")
    return {Path(line).name: path.stem for path in lists for line in path.read_text().split()}


def main(args: argparse.Namespace) -> int:
    """Print what `told` says."""
    heard = detectors_of(args.fast)
    names = sorted(path.name for path in (args.bayestar / "allsky").glob("*.fits") if path.name in heard)
    if not names:
        sys.exit(f"{args.fast} and {args.bayestar} have no map of the same source")
    judge = Judge(App.read(), args.population, args.season, args.lists, args.search)
    pairs = [judge.pair(k, args.fast / "allsky" / name, args.bayestar / "allsky" / name, heard[name])
             for k, name in enumerate(names)]  # fmt: skip
    print("\n".join(told(pairs)))
    return 0


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fast", type=Path)
    parser.add_argument("bayestar", type=Path)
    parser.add_argument("-p", "--population", required=True)
    parser.add_argument("-s", "--season", default="IC86-2012")
    parser.add_argument("-n", "--lists", type=int, default=1000, help="beside each map (default %(default)s)")
    parser.add_argument("--search", choices=tuple(LIST_STATISTICS), default="opa")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments()))
