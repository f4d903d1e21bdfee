"""`significance_subthreshold_lvc-i3.json`: one odds ratio for the whole neutrino list, in the exact form.

All sets of neutrinos count, triples and larger ones too (SCIENCE 2.2), so the answer is the event's: as in original
files every neutrino has the event's p-value. What a neutrino says by itself is beside it.
"""

from __future__ import annotations

from typing import Any

from llama.analyses.result.event_analysis import Analysis, EventInputs, event_result, single


def significance_subthreshold(given: EventInputs) -> dict[str, Any]:
    """The odds of the list and their p-value."""
    analysis = Analysis.of(given, "subthreshold")
    event = event_result(analysis)
    neutrinos = range(len(given.neutrinos.neutrinos))
    return {
        **event,
        "single_neutrino": [_of_list(analysis, i, event["p_value"]) for i in neutrinos],
        "dump": {},  # empty in original files, and read by nobody we know; there because readers may ask for it
    }


def _of_list(analysis: Analysis, i: int, event_p: float | None) -> dict[str, Any]:
    own = single(analysis, i)
    return {**own, "p_value": event_p, "p_value_own": own["p_value"]}
