"""`summary_lvc-I3.pdf`: everything a person on shift wants to know about an event, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from llama.analyses.report import Report, Row, format_odds, shorten
from llama.analyses.scatterplot import readable_time, warning
from llama.analyses.tables import LIST_COLUMNS, SIGNIFICANCE_COLUMNS
from llama.formats.pdf import typeset

MAX_ROWS = 20
MAX_NOTES = 6
MAX_NOTE_LENGTH = 300
MAX_PARAMETERS = 40
COLUMNS = LIST_COLUMNS + SIGNIFICANCE_COLUMNS
DISTANCE_MODES = {
    "map": "map (per direction, from the sky map)",
    "pinned": "pinned (the map's mean distance)",
    "marginal": "marginal (no distance estimate used)",
}


def summary(
    report: Report,
    plot_pdf: bytes,
    version: str,
    *,
    distance: Mapping[str, float | None] | None = None,
    classification: Mapping[str, float | None] | None = None,
) -> bytes:
    """The page as PDF.

    `plot_pdf` is the joint sky map, `distance` the content of `lvc_skymap_distances.json` (Mpc), `classification`
    that of `p_astro.json`, `version` the software's.
    """
    template = files("llama.analyses").joinpath("summary.typ").read_text(encoding="utf-8")
    return typeset(template, page(report, version, distance, classification), {"plot.pdf": plot_pdf})


def page(
    report: Report,
    version: str,
    distance: Mapping[str, float | None] | None,
    classification: Mapping[str, float | None] | None,
) -> dict[str, Any]:
    """What the template shows, all of it text: the template only lays out."""
    shown = report.by_significance[:MAX_ROWS]
    return {
        "title": shorten(report.event_id, 40),
        "time": readable_time(report.event_time),
        "warning": warning(report),
        "subtitle": _subtitle(report),
        "footer": f"llama {version}; ICRS, UTC. dt = t_neutrino − t_gw. Not corrected for trials.",
        "result": _result(report),
        "input": _input(report, distance, classification),
        "table_title": _table_title(report, shown),
        "columns": [f"{column.name} ({column.unit})" if column.unit else column.name for column in COLUMNS],
        "rows": [[shorten(column.cell(row), 26) for column in COLUMNS] for row in shown],
        "table_note": "dt > 0: the neutrino came after the gravitational wave. r90: 90 % radius = 2.146 sigma. "
        "Odds: common source against everything else. Numbers as in the plot.",
        "notes": _notes(report),
        "parameters": _parameters(report.parameters),
    }


def _subtitle(report: Report) -> str:
    kind = {"opa": "open public alert search", "subthreshold": "sub-threshold search"}.get(report.search_type)
    return f"Joint search, gravitational wave and IceCube neutrinos ({kind or report.search_type}), ±500 s"


def _result(report: Report) -> list[tuple[str, str]]:
    reason = f" ({shorten(report.p_reason, 160)})" if report.p_reason else ""
    coincident = str(len(report.coincident)) if report.p_value is not None and not report.blinded else "not stated"
    pairs = [
        ("p-value", f"{report.p_text}{reason}"),
        ("odds", format_odds(report.log_odds)),
        ("neutrinos", f"{len(report.rows)} in the window; coincident (p < 0.1): {coincident}"),
        ("p_astro", f"before {_number(report.p_astro_before)}, after {_number(report.p_astro_after)}"),
        ("distance mode", DISTANCE_MODES.get(report.distance_mode, report.distance_mode)),
    ]
    if report.direction is not None and not report.blinded:
        ra, dec = report.direction
        pairs.append(("most probable", f"RA {ra:.2f}°, Dec {dec:+.2f}°"))
    return pairs


def _input(
    report: Report, distance: Mapping[str, float | None] | None, classification: Mapping[str, float | None] | None
) -> list[tuple[str, str]]:
    far = "not given" if report.far_hz is None else f"{report.far_hz:.2e} Hz"
    made_by = ", ".join(filter(None, (report.pipeline, "".join(report.instruments)))) or "not given"
    classes = ", ".join(f"{name} {_number(value)}" for name, value in (classification or {}).items())
    state = "complete" if report.complete else "NOT COMPLETE"
    why = f"; {shorten(report.coverage_why, 140)}" if report.coverage_why else ""
    sample = ", ".join(filter(None, (report.source, report.season))) or "not recorded"
    return [
        ("alert", shorten(f"{made_by}; FAR {far}", 90)),
        ("sky map", shorten(report.skymap_filename or "not named", 60)),
        ("distance", _distance(distance)),
        ("classification", shorten(classes, 90) or "not given"),
        ("neutrinos", shorten(sample, 90)),
        ("coverage", f"{state}, {report.covered_s:.1f} s of 1000 s{why}"),
    ]


def _distance(distance: Mapping[str, float | None] | None) -> str:
    mean, std = (distance or {}).get("distmean"), (distance or {}).get("diststd")
    if mean is None:
        return "not given"
    return f"{mean:.0f} Mpc" if std is None else f"{mean:.0f} ± {std:.0f} Mpc"


def _table_title(report: Report, shown: Sequence[Row]) -> str:
    if not report.rows:
        return "No neutrino in the window"
    more = len(report.rows) - len(shown)
    return "Neutrinos, most significant first" + (f" ({len(shown)} shown, and {more} more)" if more else "")


def _notes(report: Report) -> list[str]:
    notes = [shorten(note, MAX_NOTE_LENGTH) for note in report.notes[:MAX_NOTES]]
    more = len(report.notes) - len(notes)
    return [*notes, f"and {more} more in the significance file"] if more else notes


def _parameters(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    scalars = [(name, value) for name, value in parameters.items() if isinstance(value, int | float | str)]
    return [(shorten(name, 24), shorten(_parameter(value), 24)) for name, value in scalars[:MAX_PARAMETERS]]


def _parameter(value: float | str) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.3f}" if value == 0 or 0.001 <= value <= 0.999 or value == 1 else f"{value:.3g}"
