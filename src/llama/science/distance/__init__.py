"""How many neutrinos a source gives, averaged over how far away it is: the counts (`poisson`, the first thing to
read), one distance distribution for the whole sky (`radial`), one per cell (`percell`), one per direction
(`directional`), one with weights of another messenger (`weighted`), and the fits and sums that make the
averages cheap."""

from __future__ import annotations

from llama.science.distance.directional import heard_anywhere
from llama.science.distance.fit import along_log_alpha
from llama.science.distance.percell import CellColumns, PerCell
from llama.science.distance.poisson import log_j1, q_exactly
from llama.science.distance.radial import (
    At,
    Distances,
    LargerSets,
    Likely,
    Pinned,
    Points,
    Radial,
    Volume,
    typical_patches,
)
from llama.science.distance.weighted import Weighted

__all__ = [
    "At",
    "CellColumns",
    "Distances",
    "LargerSets",
    "Likely",
    "PerCell",
    "Pinned",
    "Points",
    "Radial",
    "Volume",
    "Weighted",
    "along_log_alpha",
    "heard_anywhere",
    "log_j1",
    "q_exactly",
    "typical_patches",
]
