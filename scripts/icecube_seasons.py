"""Where the packaged seasons are from: files of IceCube's releases, in a folder as src/llama/data/README.md has it.

Both scripts that make packaged files of IceCube read them here, by the code of `llama dev season`.
"""

from __future__ import annotations

from pathlib import Path

from llama.studies.season import SeasonFiles

KDE = "effective_areas/plenum_irfs/energy_smearing_2D_step-0.1_KDE.npz"
THREE_YEARS = "neutrinos/icecube_3yr_ps/3year-data-release.zip"
TEN_YEARS = "neutrinos/icecube_10yr_ps"
OWN = "IC86-2012"  # the season whose own smearing is public
UPTIME = {"IC40": "IC40", "IC79-2010": "IC79", "IC86-2011": "IC86_I", "IC86-2012": "IC86_II"}


def files_of(data: Path, name: str) -> SeasonFiles:
    """The files of a packaged season."""
    livetime = (data / TEN_YEARS / f"uptime/{UPTIME[name]}_exp.csv",)
    if name == "IC40":
        events = data / TEN_YEARS / "events/IC40_exp.csv"
        area = data / "effective_areas/icecube_10yr_ps/IC40_effectiveArea.csv"
        return SeasonFiles(name, (events,), livetime, area, data / KDE, "IceCube 10-year point-source release")
    inside = data / THREE_YEARS / "3year-data-release"
    events, area = inside / f"{name}-events.txt", inside / f"{name}-TabulatedAeff.txt"
    return SeasonFiles(name, (events,), livetime, area, data / KDE, "IceCube 3-year point-source release")
