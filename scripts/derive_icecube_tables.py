"""Makes src/llama/data/icecube_tables.h5 from IceCube's public releases.

    python scripts/derive_icecube_tables.py DATA [OUT] [--true-energy]

DATA holds neutrinos/icecube_3yr_ps, neutrinos/icecube_10yr_ps and effective_areas as src/llama/data/README.md lists
them. The same input gives the same bytes. Prints the checks that the numbers must pass. The method and what it rests
on: docs/science/response.md; the code: llama.science.detector.derivation, which `llama dev season` uses too.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np

from icecube_seasons import OWN, UPTIME, files_of
from llama.formats.tables import IceCubeTablesFile
from llama.science.detector import SIN_DEC, IceCubeTables, SeasonTable, fluence_counts
from llama.studies.season import make_season, read_sample


def tables(data: Path, *, true_energy: bool) -> dict[str, SeasonTable]:
    """Those of all packaged seasons."""
    own, made = read_sample(files_of(data, OWN))[0], {}
    for name in UPTIME:
        files = files_of(data, name)
        if true_energy:
            files = dataclasses.replace(files, smearing=None)
        made[name] = make_season(files, None if name == OWN else own).table
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=Path("src/llama/data/icecube_tables.h5"))
    parser.add_argument("--true-energy", action="store_true", help="leave out the energy smearing, for comparison")
    args = parser.parse_args()
    made = tables(args.data, true_energy=args.true_energy)
    IceCubeTablesFile().write(IceCubeTables(made), args.out)
    for name, season in made.items():
        counts = np.interp(np.sin(np.radians([-60, -30, 0, 30, 60])), SIN_DEC, fluence_counts(season))
        print(
            f"{name:10s} rate {1e3 * season.rate_hz:.2f} mHz  alpha {season.alpha.min():.2f} to "
            f"{season.alpha.max():.2f}  n0 {season.n_51_100:.3f}  counts at E²F = 1 GeV/cm², δ = -60 … 60: "
            f"{np.round(counts, 1)}  {season.smearing}"
        )


if __name__ == "__main__":
    main()
