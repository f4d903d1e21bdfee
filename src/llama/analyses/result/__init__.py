"""What a search says of an event, in numbers: the statistic (`statistic`, the first thing to read), odds and p-values
(`event_analysis`), the two significance files (`opa`, `subthreshold`), limits, and marks that nobody may overlook."""

from __future__ import annotations

from llama.analyses.result.background import BACKGROUND_FILENAME, BackgroundInputs, background
from llama.analyses.result.event_analysis import EventInputs
from llama.analyses.result.inputs import (
    astrophysical,
    finite,
    header_of,
    identity,
    named_notes,
    neutrino_inputs,
    observed,
    skymap_notes,
    trigger_inputs,
    unclassified,
    uncovered_window,
)
from llama.analyses.result.limits import LISTED_BELOW_P, FluxSensitivity, is_listed, livetime_fraction
from llama.analyses.result.marks import (
    BLINDED,
    RETRACTED,
    SIMULATED,
    TEST,
    blinds,
    in_order,
    is_test,
    marked,
    marks_of,
    picture_guard,
    result_guard,
    shows_directions,
)
from llama.analyses.result.opa import significance
from llama.analyses.result.pvalues import (
    LIST_STATISTICS,
    Found,
    finite_odds,
    lists_drawn,
    no_p_value,
    response_digest,
    search_digest,
    told_p_value,
)
from llama.analyses.result.record import (
    EnergyLimitRange,
    ListSaid,
    PAstroChange,
    PValueBackground,
    PValueTable,
    Significance,
    SingleNeutrino,
    read_significance,
)
from llama.analyses.result.statistic import STATISTIC_FILENAME, STATISTIC_GUARD, Statistic, measure
from llama.analyses.result.subthreshold import significance_subthreshold
from llama.analyses.result.weights import odds, odds_and_weights

__all__ = [
    "BACKGROUND_FILENAME",
    "BLINDED",
    "LISTED_BELOW_P",
    "LIST_STATISTICS",
    "RETRACTED",
    "SIMULATED",
    "STATISTIC_FILENAME",
    "STATISTIC_GUARD",
    "TEST",
    "BackgroundInputs",
    "EnergyLimitRange",
    "EventInputs",
    "FluxSensitivity",
    "Found",
    "ListSaid",
    "PAstroChange",
    "PValueBackground",
    "PValueTable",
    "Significance",
    "SingleNeutrino",
    "Statistic",
    "astrophysical",
    "background",
    "blinds",
    "finite",
    "finite_odds",
    "header_of",
    "identity",
    "in_order",
    "is_listed",
    "is_test",
    "lists_drawn",
    "livetime_fraction",
    "marked",
    "marks_of",
    "measure",
    "named_notes",
    "neutrino_inputs",
    "no_p_value",
    "observed",
    "odds",
    "odds_and_weights",
    "picture_guard",
    "read_significance",
    "response_digest",
    "result_guard",
    "search_digest",
    "shows_directions",
    "significance",
    "significance_subthreshold",
    "skymap_notes",
    "told_p_value",
    "trigger_inputs",
    "unclassified",
    "uncovered_window",
]
