"""Background events read from IceCube's releases themselves, for tests that must not trust the derived tables."""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

import numpy as np


@cache
def read_events(data: Path, season: str) -> np.ndarray:
    """(n, 3) log10 energy, declination and angular error in degrees, the last at least 0.2 as the search has it."""
    if season == "IC40":
        text: io.BytesIO | Path = data / "neutrinos" / "icecube_10yr_ps" / "events" / "IC40_exp.csv"
    else:
        with zipfile.ZipFile(data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip") as archive:
            text = io.BytesIO(archive.read(f"3year-data-release/{season}-events.txt"))
    rows = np.loadtxt(text, skiprows=1 if season == "IC40" else 0, usecols=(1, 4, 2))
    return np.column_stack([rows[:, :2], np.maximum(rows[:, 2], 0.2)])
