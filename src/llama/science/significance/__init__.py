"""From a statistic to its meaning: the search of each population (`searches`), its table of background and the
rule that chooses it (`populations`), the p-value (`pvalue`, the first thing to read)."""

from __future__ import annotations

from llama.science.significance.populations import (
    CLASSES_SUM,
    BackgroundTable,
    Conditions,
    Populations,
    TableChoice,
    TableKind,
    is_classified,
    most_likely_population,
)
from llama.science.significance.pvalue import CONFIDENCE, joint_far_hz, p_value, sigma_one_sided
from llama.science.significance.searches import PARAMETERS, UNITS, SearchChoice, Searches, SearchRecord, parameters

__all__ = [
    "CLASSES_SUM",
    "CONFIDENCE",
    "PARAMETERS",
    "UNITS",
    "BackgroundTable",
    "Conditions",
    "Populations",
    "SearchChoice",
    "SearchRecord",
    "Searches",
    "TableChoice",
    "TableKind",
    "is_classified",
    "joint_far_hz",
    "most_likely_population",
    "p_value",
    "parameters",
    "sigma_one_sided",
]
