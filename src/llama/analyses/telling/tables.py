"""The neutrino list for people: plain text, plain text with significance, and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llama.analyses.telling.report import Report, Row
from llama.analyses.telling.wording import capitalised, format_energy, format_odds, found, in_columns
from llama.messengers.icecube.blinding import meanings
from llama.messengers.icecube.record import NeutrinoList
from llama.ports import SIMULATED_SOURCE

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
} | {character: f"\\{character}" for character in "&%$#_"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: name and unit for the header, and how a row's cell is written."""

    name: str
    unit: str
    cell: Callable[[Row], str]


NUMBER = Column("no", "", lambda row: str(row.number))
LIST_COLUMNS = (
    NUMBER,
    Column("event", "", lambda row: row.i3event),
    Column("dt", "s", lambda row: f"{row.dt_s:+.2f}"),
    Column("RA", "deg", lambda row: f"{row.ra_deg:.2f}"),
    Column("Dec", "deg", lambda row: f"{row.dec_deg:+.2f}"),
    Column("r90", "deg", lambda row: f"{row.r90_deg:.2f}"),
    Column("sigma", "deg", lambda row: f"{row.sigma_deg:.2f}"),
    Column("energy", "GeV", lambda row: format_energy(row.energy_gev)),
    Column("type", "", lambda row: row.kind),
)
SIGNIFICANCE_COLUMNS = (
    Column("odds", "", lambda row: format_odds(row.log_odds)),
    Column("p-value", "", lambda row: row.p_text),
)
EXPLANATION = (
    "dt = t_neutrino - t_gw: positive when the neutrino came after the gravitational wave.",
    "r90 = radius of the circle with 90 % of the probability = 2.146 sigma; sigma = 1 sigma circular error.",
    "RA, Dec: ICRS. Energy: reconstructed muon energy, to three digits.",
)
SIGNIFICANCE_EXPLANATION = (
    "odds = common source against everything else.",
    "p-value of a neutrino: part of background events whose odds, of all their neutrinos together, reach its own.",
    "p-values are not corrected for trials: other alerts, other maps of this one, other searches.",
)


def rows_of_list(neutrinos: NeutrinoList, gps_time: float) -> tuple[Row, ...]:
    """The rows of a `NeutrinoList`, in time order, with times relative to the gravitational wave (GPS seconds)."""
    ordered = sorted(neutrinos.neutrinos, key=lambda nu: nu.gps)
    return tuple(
        Row(
            number=number,
            i3event=nu.i3event,
            dt_s=nu.gps - gps_time,
            ra_deg=nu.ra,
            dec_deg=nu.dec,
            sigma_deg=nu.sigma,
            energy_gev=nu.energy,
            kind=nu.type,
        )
        for number, nu in enumerate(ordered, start=1)
    )


def plain_list(
    neutrinos: NeutrinoList,
    event_id: str,
    gps_time: float,
    event_time: str,
    *,
    retracted: str | None = None,
    test: bool = False,
    blinded: bool = False,
) -> str:
    """`icecube_neutrino_list.txt`: who was in the window, and how much of the window the data cover.

    `gps_time` and `event_time` are those of the gravitational wave, `retracted` is when it was taken back; `blinded`
    is whether the event's flag says so, which holds of an empty list too.
    """
    rows = rows_of_list(neutrinos, gps_time)
    head = [
        f"IceCube neutrinos around {event_id} (t_gw = {event_time})",
        coverage(neutrinos.source, neutrinos.season, neutrinos.covered_s, neutrinos.complete, neutrinos.why),
        *([retraction(event_id, retracted)] if retracted else []),
        *meanings(neutrinos.source, blinded=blinded or neutrinos.blinded, made_up=neutrinos.invented),
        *([_TEST] if test else []),
    ]
    return _document(head, LIST_COLUMNS, rows, found(len(rows), neutrinos.covered_s), EXPLANATION)


def coincidence_list(report: Report) -> str:
    """`icecube_neutrino_list_coinc.txt`: the list with each neutrino's odds and p-value, and the event's."""
    head = [
        f"IceCube neutrinos around {report.event_id} (t_gw = {report.event_time})",
        coverage(report.source, report.season, report.covered_s, report.complete, report.coverage_why),
        f"Event: odds {format_odds(report.log_odds)}, p-value {report.p_text} ({report.p_basis}){report.caveat}",
        *voiding(report),
        *report.skymap.lines,
    ]
    explanation = (*EXPLANATION, *SIGNIFICANCE_EXPLANATION)
    return _document(head, LIST_COLUMNS + SIGNIFICANCE_COLUMNS, report.rows, _found(report), explanation)


def latex_table(report: Report) -> str:
    """`IceCubeNeutrinoList.tex`: a `tabular` to \\input in a paper; needs no package."""
    columns = LIST_COLUMNS + SIGNIFICANCE_COLUMNS
    cells = [[_latex_number(escape_latex(column.cell(row))) for column in columns] for row in report.rows]
    header = [escape_latex(f"{column.name} [{column.unit}]" if column.unit else column.name) for column in columns]
    span = rf"\multicolumn{{{len(columns)}}}{{c}}"
    body = [" & ".join(line) + r" \\" for line in cells] or [rf"{span}{{{escape_latex(_found(report))}}} \\"]
    printed = [rf"{span}{{\textbf{{{'; '.join(report.marks)}}}}} \\"] if report.marks else []  # no comment is
    comments = [
        f"{report.event_id}, t_gw = {report.event_time}; event p-value {report.p_text} ({report.p_basis})"
        f"{report.caveat}",
        *voiding(report),
        *report.skymap.lines,
        *EXPLANATION,
        *SIGNIFICANCE_EXPLANATION,
    ]
    alignment = "".join("l" if column.name in ("event", "type") else "r" for column in columns)
    lines = [
        *(f"% {' '.join(comment.split())}" for comment in comments),
        rf"\begin{{tabular}}{{{alignment}}}",
        r"\hline",
        *printed,
        " & ".join(header) + r" \\",
        r"\hline",
        *body,
        r"\hline",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def coverage(source: str, season: str | None, covered_s: float, complete: bool, why: str) -> str:
    """One line on what the neutrino data cover."""
    what = "drawn at random" if source.startswith(SIMULATED_SOURCE) else "good data"
    text = f"Data: {source or 'unknown source'}, season {season or 'none'}; {covered_s:.1f} s of 1000 s are {what}"
    text += "" if complete else "; NOT COMPLETE"
    return f"{text} ({why})" if why else text


def voiding(report: Report) -> list[str]:
    """What makes the numbers no result, one sentence or two each."""
    lines = [retraction(report.graceid, report.retracted)] if report.retracted else []
    lines += meanings(report.source, blinded=report.blinded, made_up=report.made_up)
    return [*lines, *([_TEST] if report.test else [])]


_TEST = "TEST EVENT: nothing here is an observation."


def retraction(name: str, retracted: str) -> str:
    """For an alert of this name that was taken back."""
    return (
        f"RETRACTED: the gravitational-wave alert {name} was taken back at {retracted}. What "
        "follows is what was computed before; it has no astrophysical meaning."
    )


def escape_latex(text: str) -> str:
    """Text as LaTeX would print it."""
    return "".join(_LATEX.get(character, character) for character in text)


def aligned(columns: Sequence[Column], rows: Sequence[Row]) -> list[str]:
    """Header, unit line, rule and rows; every column right-aligned to its widest cell."""
    units = [f"[{column.unit}]" if column.unit else "" for column in columns]
    table = [[column.name for column in columns], units, *([column.cell(row) for column in columns] for row in rows)]
    lines = in_columns(table)
    return [line.rstrip() for line in (*lines[:2], "-" * len(lines[0]), *lines[2:])]


def _found(report: Report) -> str:
    return found(len(report.rows), report.covered_s)


def _document(
    head: Sequence[str], columns: Sequence[Column], rows: Sequence[Row], count: str, foot: Sequence[str]
) -> str:
    table = aligned(columns, rows) if rows else [f"{capitalised(count)}."]
    return "\n".join([*head, "", *table, "", *foot]) + "\n"


def _latex_number(text: str) -> str:
    """Signs as minus and plus, not hyphens; `1.2e-45` as a power of ten."""
    mantissa, e, exponent = text.partition("e")
    try:
        float(text)
    except ValueError:
        return text
    if e:
        return rf"${mantissa}\times10^{{{int(exponent)}}}$"
    return f"${text}$" if text[0] in "+-" else text
