"""What the significance files of an event say, in a few lines for the terminal: the headline's result first.

Reads the files as JSON, with nothing that takes long to import: a status is to appear at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from llama.advice import REMAKE_FILE, RUN, Advice
from llama.analyses.result import BLINDED, RETRACTED, in_order, marks_of, read_inputs, shows_directions
from llama.analyses.telling.reading import read_report
from llama.analyses.telling.report import Report
from llama.analyses.telling.skymap_used import SkymapUsed
from llama.analyses.telling.wording import NOT_AVAILABLE, format_odds, format_probability
from llama.engine.folder import State
from llama.engine.graph import FlagValues, Product
from llama.engine.running import Kind, Status
from llama.flags import Flags
from llama.messengers.icecube.blinding import FLAG

_PREFIX = "significance_"
_OF_THE_ALERT = 1  # the place of the other search type's result of the same alert
_DRAW = Advice(("dev", "background", "draw"))
_NO_TABLE = (
    f"which background tables there are: src/llama/data/README.md; {_DRAW} makes others from sky maps of yours"
)


def result_lines(event: Path, statuses: Mapping[str, Status], recorded: FlagValues) -> list[str]:
    """Lines for each significance file that is there, of all whose status is given; the flags are the event's."""
    found, flags = [], Flags.of(recorded)
    taken_back = _is_taken_back(event)
    for name, status in statuses.items():
        if name.startswith(_PREFIX) and name.endswith(".json") and (event / name).is_file():
            place, lines = _of_file(event / name, flags, taken_back)
            mark = "" if status.kind is Kind.HELD else "OUT OF DATE: "
            stale = [] if status.kind is Kind.DONE else [f"{mark}{name} is {status.kind}: {status.why}"]
            found.append((place, [*stale, *lines]))
    return [line for _, lines in sorted(found, key=lambda one: one[0]) for line in lines]


def _is_taken_back(event: Path) -> bool:
    """Whether a retraction notice in the event's folder takes it back, known to its results or not."""
    from llama.messengers.gw.retraction import retractions

    return any(line.startswith(RETRACTED) for line in retractions(event))


def _of_file(path: Path, flags: Flags, taken_back: bool) -> tuple[int, list[str]]:
    """Where among the files it comes, and its lines: none of a result that the flags want blinded and is not."""
    try:
        result = json.loads(path.read_bytes())
        if flags.blinded_neutrinos and shows_directions(result):
            return 4, [f"{path.name} is not blinded, but flag {FLAG} is set: what it says is not shown"]
        marks = in_order({*marks_of(result, role=flags.role), *([RETRACTED] if taken_back else [])})
        told = _told(marks)
        if result.get("headline"):
            return 0, [*([told] if told else []), *_headline(read_report(result, role=flags.role))]
        place, line = _other(result)
        remarks = (
            [] if place == _OF_THE_ALERT else SkymapUsed.of(read_inputs(result)).remarks
        )  # else the headline has them
        return place, [f"{line}; {told}" if told else line, *remarks]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return 4, [f"{path.name} cannot be read as a result: {error!r}"]


def _other(result: Mapping[str, Any]) -> tuple[int, str]:
    """Of a result that is not the headline, in one line."""
    if result["search_type"] == "o2":
        return 3, _o2(result)
    if "single_neutrino" not in result:
        return 2, _joint(result)
    return _OF_THE_ALERT, _first(read_report(result))


def _told(marks: Sequence[str]) -> str:
    return ", ".join("BLINDED (right ascensions are scrambled)" if mark == BLINDED else mark for mark in marks)


def unblinded_lines(event: Path, products: Iterable[Product[Any]], state: State) -> list[str]:
    """What in the folder may show true right ascensions although the event's flag blinds them, and how to go on.

    `products` are those of every pipeline: an event may hold files of several.
    """
    if not Flags.of(state.flags).blinded_neutrinos:
        return []
    decided = {product.filename: product for product in products if FLAG in product.decided_by}
    found = [name for name, product in decided.items() if (event / name).is_file() and _shows(event, product, state)]
    if not found:
        return []
    return [
        f"NOT BLINDED: true right ascensions may be in {', '.join(found)}, though flag {FLAG} is set. What is made "
        f"from them is blinded or waits. {RUN} makes anew what it made, {REMAKE_FILE} what "
        "was adopted or received; any other file can be moved out of the folder"
    ]


def _shows(event: Path, product: Product[Any], state: State) -> bool:
    """Whether a file in view may show directions: by what it says, else by how it came about."""
    path, file = event / product.filename, state.file(product.filename)
    if path.suffix == ".json":
        try:
            return shows_directions(json.loads(path.read_bytes()))
        except (OSError, ValueError):
            return True
    return file.outside or file.inputs.get(f"flag:{FLAG}") != "true"


def _headline(report: Report) -> list[str]:
    no_table = [_NO_TABLE] if report.p_value is None and report.p_reason.startswith("no background table") else []
    return [
        f"{_first(report)}; {p_astro_change(report.p_astro_before, report.p_astro_after)}",
        *no_table,
        *([_own_map(report)] if report.own_map is None and report.of_earlier_version else []),
        *([] if report.complete else ["NOT COMPLETE: the neutrino data do not cover the window, or are not final"]),
        _most_significant(report),
        *report.skymap.lines,
    ]


def _own_map(report: Report) -> str:
    """How to get the p-value that is stated today."""
    remake = REMAKE_FILE.of(EVENT=report.event_id, FILE=f"significance_{report.search_type}_lvc-i3.json")
    return f"p of the population, by an earlier version; {remake} states that of this alert's own map"


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


def _joint(result: Mapping[str, Any]) -> str:
    p_astro = result["p_astro"]
    return (
        f"{' + '.join(result['messengers'])}: odds {format_odds(result['log_odds_ratio'])}, p-value "
        f"{result['p_value_text']} ({result['p_value_reason']}); "
        f"{p_astro_change(p_astro['before'], p_astro['after'])}"
    )


def _o2(result: Mapping[str, Any]) -> str:
    best = result["best_neutrino"] or "no neutrino is coincident"
    p_value = f"p-value {result.get('p_value_text', NOT_AVAILABLE)}"
    why = f" ({result['p_value_reason']})" if "p_value_reason" in result else ""  # older files have none
    return f"o2: likelihood ratio {result['likelihood']:.3g} ({best}), {p_value}{why}"
