"""`lvk_nu_track_search.json`: the result as a GCN notice in IceCube's schema of that name.

Schema: gcn.nasa.gov/schema/main/gcn/notices/icecube/lvk_nu_track_search.schema.json. What is listed, and how numbers
are rounded, follows the notices IceCube sends (FastResponseAnalysis). The generic transient search is IceCube's and
not ours, so its p-values are null here.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from llama.analyses.telling.report import Report, Row
from llama.analyses.telling.wording import WINDOW_S, capitalised, round_p, upper_limit
from llama.science.times import utc_from_gps

SCHEMA = "https://gcn.nasa.gov/schema/main/gcn/notices/icecube/lvk_nu_track_search.schema.json"


def notice(report: Report) -> dict[str, Any]:
    """The notice as a JSON object.

    A notice about an alert that was taken back is a retraction itself. `observation_livetime` is the length of the
    window by convention; when the data cover less or may still change, `additional_info` says so. With blinded
    neutrinos no direction is real: the p-value is null, no event is listed and `additional_info` says why. The same
    holds after a retraction, and when there is no p-value.
    """
    listed = [_coincident(row) for row in report.coincident]
    result: dict[str, Any] = {
        "$schema": SCHEMA,
        "type": "IceCube LVK Alert Nu Track Search",
        "reference": {"gcn.notices.LVK.alert": report.event_id},
        "ref_ID": report.graceid,
        **({"alert_datetime": report.notice_time} if report.notice_time else {}),
        **({"alert_tense": tense} if (tense := _tense(report)) else {}),
        **({"alert_type": "retraction"} if report.retracted else {}),
        "trigger_time": report.event_time,
        "observation_start": utc_from_gps(report.gps_time - WINDOW_S, digits=3),
        "observation_stop": utc_from_gps(report.gps_time + WINDOW_S, digits=3),
        "observation_livetime": round(2 * WINDOW_S),
        "pval_generic": None,
        "pval_bayesian": None if report.void else _p_number(report.p_value, report.p_text),
        "n_events_coincident": len(listed),
        "coincident_events": listed,
    }
    if report.direction is not None:
        ra, dec = report.direction
        result["most_probable_direction"] = {"ra": round(ra, 2), "dec": round(dec, 2)}
    if report.flux_sensitivity is not None:
        result["neutrino_flux_sensitivity_range"] = {
            key: list(pair) for key, pair in asdict(report.flux_sensitivity).items()
        }
    if info := " ".join(_additional_info(report)):
        result["additional_info"] = info
    return result


def _coincident(row: Row) -> dict[str, Any]:
    return {
        "event_dt": round(row.dt_s, 2),
        "localization": {
            "ra": round(row.ra_deg, 2),
            "dec": round(row.dec_deg, 2),
            "ra_dec_error": round(row.r90_deg, 2),
            "containment_probability": 0.9,
            "systematic_included": False,
        },
        "id": [row.i3event],
        "event_pval_generic": None,
        "event_pval_bayesian": _p_number(row.p_value, row.p_text),
    }


def _p_number(p_value: float | None, p_text: str) -> float | None:
    """Rounded; the limit itself where only `p < limit` is known, since a p-value of zero would claim too much."""
    if p_value is None:
        return None
    return round_p(upper_limit(p_text) if p_text.startswith("<") else p_value)


def _tense(report: Report) -> str | None:
    if report.test:
        return "test"
    return "injection" if report.made_up else None


def _additional_info(report: Report) -> list[str]:
    lines = ["TEST: this is a test, not an observation."] if report.test else []
    if report.retracted:
        lines.append(f"RETRACTED: the alert was taken back at {report.retracted}, so no result is given.")
    if report.made_up:
        lines.append("SIMULATED NEUTRINOS: the neutrino list contains simulated events.")
    if report.blinded:
        lines.append("BLINDED: the neutrinos are blinded (right ascensions scrambled), so no result is given.")
    elif report.p_value is None:
        lines.append(f"No p-value: {report.p_basis}.")
    elif report.p_text.startswith("<") and not report.retracted:
        lines.append(f"The p-value is an upper limit (p {report.p_text}).")
    if not report.complete:
        lines.append(_coverage(report))
    return lines + _skymap(report, told_anyway=bool(lines))


def _skymap(report: Report, *, told_anyway: bool) -> list[str]:
    """Who made the map and what is to be known of it; nothing where a notice has nothing else to say."""
    used = report.skymap
    if used.maker and not used.remarks and not told_anyway:
        return []
    return [f"{capitalised(line)}." for line in used.lines]


def _coverage(report: Report) -> str:
    why = f" ({report.coverage_why})" if report.coverage_why else ""
    return f"Neutrino data are not complete: {report.covered_s:.0f} s of the 1000 s window are covered{why}."
