"""What the significance files of an event say, in a few lines for the terminal: the headline's result first.

Reads the files as JSON, with nothing that takes long to import: a status is to appear at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llama.analyses.report import Report, read_report
from llama.analyses.skymap_used import SkymapUsed
from llama.analyses.wording import NOT_AVAILABLE, format_odds, format_probability
from llama.engine.status import Kind, Status

_PREFIX = "significance_"
_NO_TABLE = (
    "which background tables there are: src/llama/data/README.md; `llama dev background draw` makes others from sky "
    "maps of yours"
)


def result_lines(event: Path, statuses: Mapping[str, Status], role: str) -> list[str]:
    """Lines for each significance file that is there, of all whose status is given; `role` is the event's flag."""
    found = []
    for name, status in statuses.items():
        if name.startswith(_PREFIX) and name.endswith(".json") and (event / name).is_file():
            place, lines = _of_file(event / name, role)
            mark = "" if status.kind is Kind.HELD else "OUT OF DATE: "
            stale = [] if status.kind is Kind.DONE else [f"{mark}{name} is {status.kind}: {status.why}"]
            found.append((place, [*stale, *lines]))
    return [line for _, lines in sorted(found, key=lambda one: one[0]) for line in lines]


def _of_file(path: Path, role: str) -> tuple[int, list[str]]:
    """Where among the files it comes, and its lines."""
    try:
        result = json.loads(path.read_bytes())
        if result["search_type"] == "o2":
            return 3, _o2(result)
        if "single_neutrino" not in result:
            return 2, _joint(result)
        report = read_report(result, role=role)
        return (0, _headline(report)) if result.get("headline") else (1, [_first(report)])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return 4, [f"{path.name} cannot be read as a result: {error!r}"]


def marks(*, retracted: str | None, blinded: bool, made_up: bool, test: bool) -> list[str]:
    """What nobody may overlook, one word each."""
    words = {
        "RETRACTED": retracted is not None,
        "BLINDED": blinded,
        "SIMULATED NEUTRINOS": made_up,
        "TEST": test,
    }
    return [word for word, applies in words.items() if applies]


def _told(words: list[str]) -> str:
    return ", ".join("BLINDED (right ascensions are scrambled)" if word == "BLINDED" else word for word in words)


def _headline(report: Report) -> list[str]:
    words = marks(retracted=report.retracted, blinded=report.blinded, made_up=report.made_up, test=report.test)
    no_table = [_NO_TABLE] if report.p_value is None and report.p_reason.startswith("no background table") else []
    return [
        *([_told(words)] if words else []),
        f"{_first(report)}; {p_astro_change(report.p_astro_before, report.p_astro_after)}",
        *no_table,
        *([] if report.complete else ["NOT COMPLETE: the neutrino data do not cover the window, or are not final"]),
        _most_significant(report),
        *report.skymap.lines,
    ]


def _first(report: Report) -> str:
    p_value = f"p-value {report.p_text} ({report.p_basis}){report.caveat}"
    return f"{report.search_type}: odds {format_odds(report.log_odds)}, {p_value}"


def p_astro_change(before: float | None, after: float | None) -> str:
    """What the neutrinos change of the alert's own statement that the trigger is real."""
    if before is None:
        return "p_astro not given by the alert"
    return f"p_astro {format_probability(before)} before, {format_probability(after)} after"


def _most_significant(report: Report) -> str:
    if not report.rows:
        return "no neutrino in the window"
    row = report.by_significance[0]
    return (
        f"most significant of {len(report.rows)}: neutrino {row.number} ({row.i3event}), {row.dt_s:+.1f} s, odds "
        f"{format_odds(row.log_odds)}, p-value {row.p_text}"
    )


def _joint(result: Mapping[str, Any]) -> list[str]:
    p_astro = result["p_astro"]
    return [
        f"{' + '.join(result['messengers'])}: odds {format_odds(result['log_odds_ratio'])}, p-value "
        f"{result['p_value_text']} ({result['p_value_reason']}); "
        f"{p_astro_change(p_astro['before'], p_astro['after'])}{_voided(result)}",
        *SkymapUsed.of(result["inputs"]).remarks,
    ]


def _o2(result: Mapping[str, Any]) -> list[str]:
    best = result["best_neutrino"] or "no neutrino is coincident"
    return [f"o2: likelihood ratio {result['likelihood']:.3g} ({best}), p-value {NOT_AVAILABLE}{_voided(result)}"]


def _voided(result: Mapping[str, Any]) -> str:
    return "; RETRACTED" if result.get("retracted") else ""
