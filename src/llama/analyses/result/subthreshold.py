"""`significance_subthreshold_lvc-i3.json`: one odds ratio for the whole neutrino list, in the exact form.

All sets of neutrinos count, triples and larger ones too (SCIENCE 2.2), so the answer is the event's: as in original
files every neutrino has the event's p-value. What a neutrino says by itself is beside it.
"""

from __future__ import annotations

from dataclasses import replace

from llama.analyses.result.event_analysis import Analysis, EventInputs, event_result
from llama.analyses.result.record import Significance


def significance_subthreshold(given: EventInputs) -> Significance:
    """The odds of the list and their p-value."""
    event = event_result(Analysis.of(given, "subthreshold"))
    return replace(
        event,
        single_neutrino=tuple(
            replace(own, p_value=event.p_value, p_value_own=own.p_value) for own in event.single_neutrino
        ),
        dump={},  # empty in original files, and read by nobody we know; there because readers may ask for it
    )
