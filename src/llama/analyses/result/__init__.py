"""What a search says of an event, in numbers: odds and p-values of a list of neutrinos (`event_analysis`, the first
thing to read), the two significance files (`opa`, `subthreshold`), limits, and the marks that nobody may overlook."""

from __future__ import annotations

from llama.analyses.result.event_analysis import (
    EventInputs,
    astrophysical,
    finite,
    identity,
    measured,
    named_notes,
    neutrino_inputs,
    observed,
    odds,
    odds_and_weights,
    skymap_notes,
    trigger_inputs,
    unclassified,
    uncovered_window,
)
from llama.analyses.result.limits import LISTED_BELOW_P, is_listed
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
from llama.analyses.result.pvalues import STATISTICS, finite_odds, no_p_value, response_digest, search_digest
from llama.analyses.result.subthreshold import significance_subthreshold

__all__ = [
    "BLINDED",
    "LISTED_BELOW_P",
    "RETRACTED",
    "SIMULATED",
    "STATISTICS",
    "TEST",
    "EventInputs",
    "astrophysical",
    "blinds",
    "finite",
    "finite_odds",
    "identity",
    "in_order",
    "is_listed",
    "is_test",
    "marked",
    "marks_of",
    "measured",
    "named_notes",
    "neutrino_inputs",
    "no_p_value",
    "observed",
    "odds",
    "odds_and_weights",
    "picture_guard",
    "response_digest",
    "result_guard",
    "search_digest",
    "shows_directions",
    "significance",
    "significance_subthreshold",
    "skymap_notes",
    "trigger_inputs",
    "unclassified",
    "uncovered_window",
]
