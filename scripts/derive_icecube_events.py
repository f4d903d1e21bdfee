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
import io
import zipfile
from pathlib import Path

import numpy as np

from llama.formats.tables import IceCubeEventsFile, IceCubeTablesFile
from llama.science.detector import IceCubeEvents, SeasonEvents, SeasonTable
from llama.services.icecube import SIGMA_FLOOR_DEG

PACKAGED = Path(__file__).resolve().parent.parent / "src" / "llama" / "data"
THREE_YEARS = "neutrinos/icecube_3yr_ps/3year-data-release.zip"
IC40 = "neutrinos/icecube_10yr_ps/events/IC40_exp.csv"
RELEASES = {
    THREE_YEARS: "IceCube 3-year point-source release (2010-2012; its copy names no DOI)",
    IC40: "IceCube 10-year point-source release (2008-2018, doi:10.7910/DVN/VKL316)",
}


def released(data: Path, season: str) -> tuple[bytes, str]:
    """The season's table of events as released, and where it comes from."""
    container = IC40 if season == "IC40" else THREE_YEARS
    content = (data / container).read_bytes()
    digests = [f"{Path(container).name} sha256 {hashlib.sha256(content).hexdigest()}"]
    if container == THREE_YEARS:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(f"3year-data-release/{season}-events.txt")
        digests.append(f"{season}-events.txt in it sha256 {hashlib.sha256(content).hexdigest()}")
    how = (
        "all events; dec, log10_energy and sigma are the columns Dec, log10(E/GeV) and AngErr, the last at least "
        f"{SIGMA_FLOOR_DEG} deg; made by scripts/derive_icecube_events.py"
    )
    return content, "; ".join([RELEASES[container], *digests, how])


def season_events(data: Path, table: SeasonTable) -> SeasonEvents:
    """All events of a season. SystemExit when they are not those that the season's background counts."""
    content, source = released(data, table.name)
    _, _, body = content.partition(b"\n")
    log10_energy, sigma_deg, dec_deg = np.loadtxt(io.BytesIO(body), usecols=(1, 2, 4)).T
    edges = (table.counts_dec_deg, table.counts_log10_energy)
    if not np.array_equal(np.histogram2d(dec_deg, log10_energy, bins=edges)[0], table.counts):
        raise SystemExit(f"{table.name}: these are not the events that icecube_tables.h5 counts")
    return SeasonEvents(
        name=table.name,
        dec_rad=np.radians(dec_deg),
        sigma_rad=np.radians(np.maximum(sigma_deg, SIGMA_FLOOR_DEG)),
        energy_gev=10.0**log10_energy,
        digest="",  # the file takes it
        source=source,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path, nargs="?", default=PACKAGED / "icecube_events.h5")
    args = parser.parse_args()
    tables = IceCubeTablesFile().read(PACKAGED / "icecube_tables.h5")
    IceCubeEventsFile().write(
        IceCubeEvents({name: season_events(args.data, table) for name, table in tables.seasons.items()}), args.out
    )
    for name, season in IceCubeEventsFile().read(args.out).seasons.items():
        print(f"{name:10s} {season.dec_rad.size} events  digest {season.digest[:16]}")


if __name__ == "__main__":
    main()
