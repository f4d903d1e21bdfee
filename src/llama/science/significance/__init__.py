"""From a statistic to its meaning: the search of each population (`searches`), its table of background and the
rule that chooses it (`populations`), the p-value of a table (`pvalue`, the first thing to read); and the background
of one alert's own map (`own_map`), drawn from a bank of neutrinos (`bank`) that are sought near it (`proposal`)."""

from __future__ import annotations

from llama.science.significance.bank import Beside, SeasonData
from llama.science.significance.own_map import OwnBackground, OwnMapP, own_background
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
from llama.science.significance.pvalue import CONFIDENCE, joint_far_hz, p_value, p_value_text, sigma_one_sided
from llama.science.significance.searches import PARAMETERS, UNITS, SearchChoice, Searches, SearchRecord, parameters

__all__ = [
    "CLASSES_SUM",
    "CONFIDENCE",
    "PARAMETERS",
    "UNITS",
    "BackgroundTable",
    "Beside",
    "Conditions",
    "OwnBackground",
    "OwnMapP",
    "Populations",
    "SearchChoice",
    "SearchRecord",
    "Searches",
    "SeasonData",
    "TableChoice",
    "TableKind",
    "is_classified",
    "joint_far_hz",
    "most_likely_population",
    "own_background",
    "p_value",
    "p_value_text",
    "parameters",
    "sigma_one_sided",
]
