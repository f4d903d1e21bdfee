"""`significance_opa_lvc-i3.json`: the search for public alerts, with single neutrinos and pairs of them."""

from __future__ import annotations

from typing import Any

from llama.analyses.result.event_analysis import Analysis, EventInputs, event_result, single
from llama.analyses.result.weights import odds


def significance(given: EventInputs) -> dict[str, Any]:
    """Odds of each neutrino and each pair, the event's statistic, which is their sum, and the p-values."""
    analysis = Analysis.of(given, "opa")
    return {
        **event_result(analysis),
        "single_neutrino": [single(analysis, i) for i in range(len(given.neutrinos.neutrinos))],
        "neutrino_pair": _pairs(analysis),
    }


def _pairs(analysis: Analysis) -> list[dict[str, Any]]:
    """Pairs that may share a source, in the order of the list; those that cannot matter are left out."""
    given = analysis.given
    rows, of_pairs = given.neutrinos.neutrinos, analysis.own[1 + len(given.neutrinos.neutrinos) :]
    return [
        {
            "i3event": [rows[k].i3event for k in (one.first, one.second)],
            "dt": [rows[k].gps - given.info.gps_time for k in (one.first, one.second)],
            **odds(one.log_odds),
            "p_value_own_map": own.p,
        }
        for one, own in zip(given.statistic.pairs, of_pairs, strict=True)
    ]
