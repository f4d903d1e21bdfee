"""What p-values of a population say of unrelated neutrinos beside sky maps that its tables have not seen.

Usage: python scripts/populations_on_maps.py POPULATIONS.hdf5... --study STUDY=DETECTORS... [--search opa]

STUDY holds background trials of kernel depth (`llama dev trials background`) beside such maps, which DETECTORS heard.
Of each file and all studies together it prints which fraction of the trials has p ≤ 0.1, 0.05, 0.01 and 0.001, by the
table of the study's population, detectors and season, with the spread over the maps (half of it 68 %) as its error.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from llama.formats.populations import PopulationsFile
from llama.science.significance import BackgroundTable, Populations, TableKind
from llama.studies.trials import collate, read_study

RUN = "o4"
LEVELS = (0.1, 0.05, 0.01, 0.001)


def p_values(table: BackgroundTable, log_odds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each trial."""
    return np.array([table.p_value(odds).p for odds in np.exp(log_odds)])


def by_map(tables: Populations, study: Path, detectors: str, search_type: str) -> dict[str, NDArray[np.float64]]:
    """The p-values of a study's trials beside each map; KeyError, which names it, where there is no such table."""
    asked, found = read_study(study), collate([study], "background", "kernel")
    kinds = [kind for kind in tables.tables if kind.endswith(f"/{detectors}/{asked.season}")]
    kind = next(
        k for k in kinds if (n := TableKind.named(k)).population == asked.population and n.search_type == search_type
    )
    maps: dict[str, list[NDArray[np.float64]]] = {}
    for block in found.blocks:
        maps.setdefault(block.skymap, []).append(p_values(tables.tables[kind], getattr(block, search_type)))
    return {name: np.concatenate(parts) for name, parts in maps.items()}


def told(maps: Sequence[NDArray[np.float64]]) -> str:
    """The fraction at each level, mean over the maps."""
    words = []
    for level in LEVELS:
        fractions = np.array([np.mean(p <= level) for p in maps])
        error = fractions.std(ddof=1) / np.sqrt(len(maps))
        low, high = np.quantile(fractions, [0.16, 0.84])
        words.append(f"p <= {level:g}: {fractions.mean():.5f} +- {error:.5f} (maps {low:.5f} to {high:.5f})")
    return "  ".join(words)


def main(args: argparse.Namespace) -> int:
    """Print a line for each file."""
    for path in args.files:
        tables = PopulationsFile().read(path)
        found: list[NDArray[np.float64]] = []
        for study, detectors in (text.rsplit("=", 1) for text in args.study):
            found += by_map(tables, Path(study), detectors, args.search).values()
        print(f"{path}: {len(found)} maps\n  {told(found)}")
    return 0


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+", metavar="POPULATIONS.hdf5")
    parser.add_argument("--study", action="append", required=True, metavar="STUDY=DETECTORS")
    parser.add_argument("--search", choices=("opa", "subthreshold"), default="opa")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main(arguments()))
