"""Makes src/llama/data/icecube_events.h5, the real events to draw from, from IceCube's public releases.

    python scripts/derive_icecube_events.py DATA [OUT]

DATA holds neutrinos/icecube_3yr_ps and neutrinos/icecube_10yr_ps as src/llama/data/README.md lists them. Of each
season that icecube_tables.h5 has, every event that its background counts is there with declination, angular error and
energy, exactly as released but for the search's least angular error of 0.2 degrees. Right ascension and time are left
out. The same input gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path

import numpy as np

from icecube_seasons import files_of
from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import IceCubeEvents, SeasonEvents, SeasonTable, season_events
from llama.studies.season import LEAST_SIGMA_DEG, read_sample
from llama.studies.season_files import find

PACKAGED = Path(__file__).resolve().parent.parent / "src" / "llama" / "data"
RELEASES = {
    "3year-data-release.zip": "IceCube 3-year point-source release (2010-2012; its copy names no DOI)",
    "IC40_exp.csv": "IceCube 10-year point-source release (2008-2018, doi:10.7910/DVN/VKL316)",
}


def source_of(data: Path, season: str) -> str:
    """Where the season's table of events comes from, for people."""
    found = find(files_of(data, season).events[0])
    digests = [f"{found.container.name} sha256 {found.digest}"]
    if found.container != found.path:
        digests.append(f"{found.path.name} in it sha256 {hashlib.sha256(found.content).hexdigest()}")
    how = (
        "all events; dec, log10_energy and sigma are the columns Dec, log10(E/GeV) and AngErr, the last at least "
        f"{LEAST_SIGMA_DEG} deg; made by scripts/derive_icecube_events.py"
    )
    return "; ".join([RELEASES[found.container.name], *digests, how])


def events_of(data: Path, table: SeasonTable) -> SeasonEvents:
    """All events of a season. SystemExit when they are not those that the season's background counts."""
    sample, _ = read_sample(files_of(data, table.name))
    edges = (table.counts_dec_deg, table.counts_log10_energy)
    if not np.array_equal(np.histogram2d(sample.dec_deg, sample.log10_energy, bins=edges)[0], table.counts):
        raise SystemExit(f"{table.name}: these are not the events that icecube_tables.h5 counts")
    return season_events(sample, source_of(data, table.name), LEAST_SIGMA_DEG)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=PACKAGED / "icecube_events.h5")
    args = parser.parse_args()
    tables = IceCubeTablesFile().read(PACKAGED / "icecube_tables.h5")
    IceCubeEventsFile().write(
        IceCubeEvents({name: events_of(args.data, table) for name, table in tables.seasons.items()}), args.out
    )
    for name, season in IceCubeEventsFile().read(args.out).seasons.items():
        print(f"{name:10s} {season.dec_rad.size} events  digest {season.digest[:16]}")


if __name__ == "__main__":
    main()
