"""From a statistic to its meaning: the search of each population (`searches`), its table of background and the
rule that chooses it (`populations`), kept small (`compact`), the p-value of a table (`pvalue`, the first thing to
read); the background of one alert's own map (`own_map`), drawn from a bank of neutrinos (`bank`) that are sought near
it (`proposal`); that of the O2 search, from lists as they come (`own_o2`); that of joint searches, whose candidates
are drawn too (`own_company`)."""

from __future__ import annotations

from llama.science.significance.bank import Beside, SeasonData
from llama.science.significance.compact import compacted
from llama.science.significance.own_company import CompanyBackground, Gathering, company_background
from llama.science.significance.own_map import OwnBackground, OwnMapP, own_background
from llama.science.significance.own_o2 import O2Background, o2_background
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
    "CompanyBackground",
    "Conditions",
    "Gathering",
    "O2Background",
    "OwnBackground",
    "OwnMapP",
    "Populations",
    "SearchChoice",
    "SearchRecord",
    "Searches",
    "SeasonData",
    "TableChoice",
    "TableKind",
    "compacted",
    "company_background",
    "is_classified",
    "joint_far_hz",
    "most_likely_population",
    "o2_background",
    "own_background",
    "p_value",
    "p_value_text",
    "parameters",
    "sigma_one_sided",
]
