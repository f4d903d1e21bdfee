"""Results of several messengers together: the sky map of a common source (`map`, the first thing to read), and the
search with candidates of further messengers beside the neutrinos (`company`)."""

from __future__ import annotations

from llama.analyses.joint.company import company_significance
from llama.analyses.joint.map import MapInputs, averaged_skymap, most_significant_skymap

__all__ = [
    "MapInputs",
    "averaged_skymap",
    "company_significance",
    "most_significant_skymap",
]
