"""Make src/llama/data/icecube_uptime.csv from the good-run lists of IceCube's 10-year point-source release.

Usage: python scripts/derive_icecube_uptime.py FOLDER/uptime [OUT]

FOLDER is the unpacked release (IceCube Collaboration 2021, doi:10.7910/DVN/VKL316; readme of 28 January 2021).
Runs that touch or overlap, within 1 s because the lists give whole seconds, become one interval: only the
livetime matters here.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np

SEASONS = ("IC40", "IC59", "IC79", "IC86_I", "IC86_II", "IC86_III", "IC86_IV", "IC86_V", "IC86_VI", "IC86_VII")
OUT = Path(__file__).resolve().parent.parent / "src" / "llama" / "data" / "icecube_uptime.csv"
TOUCHING_DAYS = 1.0 / 86400.0
HEADER = """\
# Good-run intervals of IceCube's point-source samples 2008-2018, MJD (days) as released.
# Derived by scripts/derive_icecube_uptime.py from the files uptime/*_exp.csv of the 10-year release
# (IceCube Collaboration 2021, doi:10.7910/DVN/VKL316, arXiv:2101.09836; CC0 1.0 by its Dataverse page);
# intervals closer than 1 s are joined. The seasons of the 3-year release are IC79, IC86_I and IC86_II here.
"""


def joined(runs: np.ndarray) -> np.ndarray:
    """Runs (m, 2) in days as disjoint ascending intervals; gaps shorter than a second are closed."""
    runs = runs[np.argsort(runs[:, 0], kind="stable")]
    stops = np.maximum.accumulate(runs[:, 1])
    first = np.concatenate([[True], runs[1:, 0] - stops[:-1] > TOUCHING_DAYS])
    last = np.concatenate([first[1:], [True]])
    return np.column_stack([runs[first, 0], stops[last]])


def main(folder: Path, out: Path = OUT) -> None:
    """Write the table, with the digest of every list it was made from."""
    rows: list[str] = []
    digests: list[str] = []
    for season in SEASONS:
        path = folder / f"{season}_exp.csv"
        digests.append(f"# {path.name} sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n")
        intervals = joined(np.loadtxt(path, skiprows=1, ndmin=2))
        rows += [f"{season},{start:.8f},{stop:.8f}\n" for start, stop in intervals]
    out.write_text(HEADER + "".join(digests) + "season,start_mjd,stop_mjd\n" + "".join(rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(Path, sys.argv[2:]))
