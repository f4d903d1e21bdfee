"""How sensitive a search is, from the trials of a study: `efficiency` (thresholds and intervals, the first thing to
read), `study` (background and signals side by side), `tables`, `figures` and the `report` that writes them."""

from __future__ import annotations

from llama.studies.sensitivity.efficiency import (
    AXES,
    CONFIDENCE,
    EfficiencyCurve,
    Fraction,
    Threshold,
    curve,
    independent,
    weighted,
)
from llama.studies.sensitivity.report import write_report
from llama.studies.sensitivity.study import Efficiency, Sensitivity, as_json, gather, measure
from llama.studies.sensitivity.tables import as_text

__all__ = [
    "AXES",
    "CONFIDENCE",
    "Efficiency",
    "EfficiencyCurve",
    "Fraction",
    "Sensitivity",
    "Threshold",
    "as_json",
    "as_text",
    "curve",
    "gather",
    "independent",
    "measure",
    "weighted",
    "write_report",
]
