"""`summary_lvc-I3.pdf`: everything a person on shift wants to know about an event, on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from llama.analyses.result import LISTED_BELOW_P
from llama.analyses.telling.parameters import in_words
from llama.analyses.telling.report import Report, Row, title, warning
from llama.analyses.telling.sources import METHOD, neutrino_release
from llama.analyses.telling.tables import LIST_COLUMNS, SIGNIFICANCE_COLUMNS, voiding
from llama.analyses.telling.wording import (
    capitalised,
    energy_range,
    format_odds,
    format_probability,
    found,
    readable_time,
    shorten,
)
from llama.formats.pdf import typeset
from llama.plots.skymap import HEADER, HEIGHT_IN, WIDTH_IN

MAX_ROWS = 20
MAX_NOTES = 6
MAX_NOTE_LENGTH = 300
MAX_PARAMETERS = 40
COLUMNS = (*(column for column in LIST_COLUMNS if column.name != "sigma"), *SIGNIFICANCE_COLUMNS)
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
    template = files("llama.analyses.telling").joinpath("summary.typ").read_text(encoding="utf-8")
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
        "title": title(report),
        "time": readable_time(report.event_time),
        "warning": warning(report),
        "marks": list(report.marks),
        "subtitle": _subtitle(report),
        "plot": {"height": HEIGHT_IN / WIDTH_IN, "header": HEADER},
        "footer": f"Written by LLAMA version {version}. ICRS, UTC. p-values are not corrected for trials.",
        "result": [(name, shorten(text, 200)) for name, text in _result(report)],
        "input": [(name, shorten(text, 150)) for name, text in _input(report, distance, classification)],
        "table_title": _table_title(report, shown),
        "columns": [f"{column.name} ({column.unit})" if column.unit else column.name for column in COLUMNS],
        "rows": [[shorten(column.cell(row), 26) for column in COLUMNS] for row in shown],
        "table_note": _table_note(report),
        "notes": _notes(report),
        "parameters": [
            (shorten(words, 45), shorten(value, 30)) for words, value in in_words(report.parameters)[:MAX_PARAMETERS]
        ],
        "sources": _sources(report),
    }


def _subtitle(report: Report) -> str:
    kind = {"opa": "open public alert search", "subthreshold": "sub-threshold search"}.get(report.search_type)
    return f"Joint search, gravitational wave and IceCube neutrinos ({kind or report.search_type}), ±500 s"


def _result(report: Report) -> list[tuple[str, str]]:
    return [
        *_significance(report),
        ("odds", f"{format_odds(report.log_odds)} for a common source, against everything else{report.caveat}"),
        ("neutrinos", capitalised(found(len(report.rows), report.covered_s))),
        ("coincident", _coincident(report)),
        ("direction", _direction(report)),
        ("p_astro", _p_astro(report)),
        *_limits(report),
    ]


def _significance(report: Report) -> list[tuple[str, str]]:
    if report.p_value is None:
        return [("p-value", f"none: {report.p_basis}")]
    pairs = [("p-value", f"{report.p_text}{_sigma(report)}, {report.p_basis}{report.caveat}")]
    if report.false_alarms is not None and not report.void:
        pairs.append(("false alarms", str(report.false_alarms)))
    return pairs


def _sigma(report: Report) -> str:
    """One-sided Gaussian significance, where it says anything: not below 0."""
    if report.sigma is None or report.sigma <= 0:
        return ""
    more_than = "> " if report.p_text.startswith("<") else ""
    return f" ({more_than}{report.sigma:.1f} σ, one-sided)"


def _coincident(report: Report) -> str:
    if not report.coincident:
        return f"none listed: {report.nothing_coincides}"
    return f"number {', '.join(str(row.number) for row in report.coincident)} (p < {LISTED_BELOW_P:g})"


def _direction(report: Report) -> str:
    if report.direction is None:
        return f"none given: {report.nothing_coincides}"
    ra, dec = report.direction
    return f"most probable RA {ra:.2f}°, Dec {dec:+.2f}°"


def _p_astro(report: Report) -> str:
    """What the neutrinos change of the alert's own statement that the trigger is real."""
    if report.p_astro_before is None:
        return "the alert gives none"
    before, after = format_probability(report.p_astro_before), format_probability(report.p_astro_after)
    return f"probability that the trigger is real: {before} from the alert, {after} with the neutrinos{report.caveat}"


def _limits(report: Report) -> list[tuple[str, str]]:
    given = report.flux_sensitivity
    if not given:
        return []
    low, high = given.flux_sensitivity
    energies = energy_range(*given.sensitive_energy_range)
    shown = [("sensitivity", f"E² F = {low:#.2g} to {high:#.2g} GeV cm⁻² over the 90 % region (E⁻², {energies})")]
    if (limit := report.energy_limit) is not None:
        shown.append(("energy limit", f"{limit} (isotropic, muon neutrinos, {limit.counts:.1f} events)"))
    return shown


def _input(
    report: Report, distance: Mapping[str, float | None] | None, classification: Mapping[str, float | None] | None
) -> list[tuple[str, str]]:
    far = "not given" if report.far_hz is None else f"{report.far_hz:.2e} Hz"
    made_by = ", ".join(filter(None, (report.pipeline, "".join(report.instruments)))) or "not given"
    classes = ", ".join(f"{name} {format_probability(value)}" for name, value in (classification or {}).items())
    state = "complete" if report.complete else "NOT COMPLETE"
    why = f"; {report.coverage_why}" if report.coverage_why else ""
    sample = ", ".join(filter(None, (report.source, report.season))) or "not recorded"
    mode = DISTANCE_MODES.get(report.distance_mode, report.distance_mode)
    return [
        ("alert", f"{made_by}; FAR {far}"),
        ("sky map", str(report.skymap)),
        ("distance", f"{_distance(distance)}; used: {mode}"),
        ("classification", classes or "not given"),
        ("neutrino data", sample),
        ("coverage", f"{state}, {report.covered_s:.1f} s of 1000 s{why}"),
    ]


def _distance(distance: Mapping[str, float | None] | None) -> str:
    mean, std = (distance or {}).get("distmean"), (distance or {}).get("diststd")
    if mean is None:
        return "not given"
    return f"{mean:.0f} Mpc" if std is None else f"{mean:.0f} ± {std:.0f} Mpc"


def _table_title(report: Report, shown: Sequence[Row]) -> str:
    if not report.rows:
        return capitalised(found(0, report.covered_s))
    if len(shown) == len(report.rows):
        return "Neutrinos, most significant first"
    left_out = len(report.rows) - len(shown)
    return (
        f"The {len(shown)} most significant of {len(report.rows)} neutrinos "
        f"({left_out} left out; all are in icecube_neutrino_list_coinc.txt)"
    )


def _table_note(report: Report) -> str:
    note = (
        "Numbers as in the plot. dt = t_neutrino − t_gw. r90: radius of 90 % probability = 2.146 sigma. Energy: "
        "reconstructed, of the muon. Odds: common source against everything else. p-value: part of the background "
        "events whose odds reach this neutrino's."
    )
    return " ".join([*voiding(report), note])


def _notes(report: Report) -> list[str]:
    notes = [shorten(note, MAX_NOTE_LENGTH) for note in report.notes[:MAX_NOTES]]
    more = len(report.notes) - len(notes)
    return [*notes, f"and {more} more in the significance file"] if more else notes


def _sources(report: Report) -> str:
    cited = (
        f"Neutrinos: {neutrino_release(report.source) or report.source or 'source not recorded'}.",
        f"Sky map: {report.skymap.method}.",
        f"Method: {METHOD}.",
    )
    return " ".join(cited)
