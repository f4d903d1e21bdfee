"""`significance_opa_lvc-i3.json`: the search for public alerts, with single neutrinos and pairs of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from llama.analyses.result.event_analysis import Analysis, EventInputs, analyse, event_result, odds, single


def significance(given: EventInputs) -> dict[str, Any]:
    """Odds of each neutrino and each pair, the event's statistic, which is their sum, and the p-values.

    Raises NotYet when no neutrino data cover the window.
    """
    analysis = analyse(given)
    background = analysis.background("opa")
    neutrinos = range(len(analysis.arrays))
    return {
        **event_result(analysis, "opa", background),
        "single_neutrino": [single(analysis, i, background) for i in neutrinos],
        "neutrino_pair": _pairs(analysis),
    }


def _pairs(analysis: Analysis) -> list[dict[str, Any]]:
    """Pairs that may share a source, in the order of the list; those that cannot matter are left out."""
    rows, log_odds = analysis.given.neutrinos.neutrinos, analysis.result.log_odds_pairs
    return [
        {
            "i3event": [rows[i].i3event, rows[j].i3event],
            "dt": [rows[k].gps - analysis.given.info.gps_time for k in (i, j)],
            **odds(float(log_odds[i, j])),
        }
        for i, j in np.argwhere(np.isfinite(log_odds))
    ]
