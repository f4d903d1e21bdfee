"""`significance_opa_lvc-i3.json`: the search for public alerts, with single neutrinos and pairs of them."""

from __future__ import annotations

from dataclasses import replace

from llama.analyses.result.event_analysis import Analysis, EventInputs, event_result
from llama.analyses.result.record import Significance, SignificancePair
from llama.analyses.result.weights import odds


def significance(given: EventInputs) -> Significance:
    """Odds of each neutrino and each pair, the event's statistic, which is their sum, and the p-values."""
    analysis = Analysis.of(given, "opa")
    return replace(event_result(analysis), neutrino_pair=_pairs(analysis))


def _pairs(analysis: Analysis) -> tuple[SignificancePair, ...]:
    """Pairs that may share a source, in the order of the list; those that cannot matter are left out."""
    given = analysis.given
    rows, of_pairs = given.neutrinos.neutrinos, analysis.own[1 + len(given.neutrinos.neutrinos) :]
    return tuple(
        SignificancePair(
            i3event=(rows[one.first].i3event, rows[one.second].i3event),
            dt=(rows[one.first].gps - given.info.gps_time, rows[one.second].gps - given.info.gps_time),
            **odds(one.log_odds),
            p_value_own_map=own.p,
        )
        for one, own in zip(given.statistic.pairs, of_pairs, strict=True)
    )
