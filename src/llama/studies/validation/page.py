"""The report: one HTML page that needs nothing else, and a JSON twin with the same numbers."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from llama.studies.validation.check import Cell, Check, PageTable, Plot

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 Georgia, 'DejaVu Serif', serif; color: #1a1a1a; background: #fff; margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 0 0 .5rem; }
section { border-top: 1px solid #bbb; margin-top: 2rem; padding-top: 1.2rem; }
.verdict { font: 700 .85rem/1 Helvetica, Arial, sans-serif; border: 2px solid; border-radius: 3px;
  padding: .15rem .45rem; margin-right: .5rem; white-space: nowrap; }
.pass { color: #005a3c; } .fail { color: #a32100; } .not { color: #555; }
dl { display: grid; grid-template-columns: 7.5rem 1fr; gap: .3rem 1rem; margin: .6rem 0; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; font: .82rem/1.35 Helvetica, Arial, sans-serif; margin: .8rem 0;
  font-variant-numeric: tabular-nums; width: 100%; }
caption { text-align: left; color: #444; padding-bottom: .3rem; }
th, td { border-bottom: 1px solid #ddd; padding: .2rem .7rem .2rem 0; text-align: left; vertical-align: top; }
th { vertical-align: bottom; }
td.number, th.number { text-align: right; padding-left: .7rem; }
figure { margin: 1rem 0; } figure img { width: 100%; height: auto; }
figcaption, .small { font-size: .88rem; color: #444; }
code, pre { font: .85rem/1.4 'DejaVu Sans Mono', Menlo, monospace; background: #f4f4f4; }
pre { padding: .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
summary { cursor: pointer; color: #444; font-size: .9rem; margin: .5rem 0; }
.scroll { overflow-x: auto; }
@media print { body { font-size: 10.5pt; margin: 0; max-width: none; } figure, tr { break-inside: avoid; }
  h2, caption { break-after: avoid; } details { display: none; } }
""".strip()


_SHORT = 20  # rows; longer tables are folded away
_IN_JSON = ("name", "title", "question", "criterion", "value", "verdict", "limits")


@dataclass(frozen=True)
class Header:
    """What the report is about; `facts` are pairs of a word and what it stands for."""

    version: str
    command: str
    facts: tuple[tuple[str, str], ...]


def as_json(header: Header, checks: Sequence[Check]) -> dict[str, Any]:
    """The page's numbers."""
    return {
        "version": header.version,
        "command": header.command,
        "facts": dict(header.facts),
        "passed": all(check.verdict == "pass" for check in checks),
        "checks": [
            {name: getattr(check, name) for name in _IN_JSON}
            | {"tables": [{"caption": t.caption, "columns": list(t.columns), "rows": [list(r) for r in t.rows]}
                          for t in check.tables]}
            for check in checks
        ],
    }  # fmt: skip


def as_html(header: Header, checks: Sequence[Check]) -> str:
    """The page. The same checks give the same bytes."""
    verdict = in_words(checks)
    return "\n".join(
        (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>Validation of the statistic: {escape(verdict)}</title>\n<style>\n{_STYLE}\n</style>",
            "</head>\n<body>",
            f"<header>\n<h1>Is the statistic right?</h1>\n<p><strong>{escape(verdict)}</strong> "
            f"LLAMA {escape(header.version)}. Each criterion was fixed before anything was drawn.</p>",
            _overview(checks),
            _facts(header),
            "</header>\n<main>",
            *map(_section, checks),
            "</main>\n</body>\n</html>\n",
        )
    )


def in_words(checks: Sequence[Check]) -> str:
    """How many pass, fail, and could not be judged."""
    count = {word: sum(check.verdict == word for check in checks) for word in ("pass", "fail", "not judged")}
    if count["pass"] == len(checks):
        return f"All {len(checks)} checks pass."
    failed = f"{count['fail']} of {len(checks)} checks fail"
    return failed + (f", {count['not judged']} could not be judged." if count["not judged"] else ".")


def _overview(checks: Sequence[Check]) -> str:
    rows = "\n".join(
        f'<tr><td>{_badge(check)}</td><td><a href="#{check.name}">{escape(check.title)}</a></td>'
        f"<td>{escape(check.value)}</td></tr>"
        for check in checks
    )
    head = "<thead><tr><th>verdict</th><th>check</th><th>found</th></tr></thead>"
    return f"<table>\n{head}\n<tbody>\n{rows}\n</tbody>\n</table>"


def _facts(header: Header) -> str:
    facts = "\n".join(f"<dt>{escape(word)}</dt><dd>{escape(text)}</dd>" for word, text in header.facts)
    return f"<dl>\n{facts}\n</dl>\n<p>To make this page again:</p>\n<pre>{escape(header.command)}</pre>"


def _badge(check: Check) -> str:
    kind = check.verdict.split()[0]
    return f'<span class="verdict {kind}">{check.verdict.upper()}</span>'


def _section(check: Check) -> str:
    shown = [table for table in check.tables[:1] if len(table.rows) <= _SHORT]
    rest = [table for table in check.tables if table not in shown]
    folded = "".join(map(_table, rest))
    more = f"<details>\n<summary>More numbers</summary>\n{folded}</details>" if rest else ""
    return "\n".join(
        (
            f'<section id="{check.name}">\n<h2>{_badge(check)} {escape(check.title)}</h2>',
            f"<p>{escape(check.question)}</p>",
            f"<dl><dt>criterion</dt><dd>{escape(check.criterion)}</dd><dt>found</dt><dd>{escape(check.value)}</dd></dl>",
            *map(_figure, check.plots),
            *map(_table, shown),
            more,
            f'<p class="small"><strong>What it does not prove.</strong> {escape(check.limits)}</p>\n</section>',
        )
    )


def _figure(plot: Plot) -> str:
    image = base64.b64encode(_svg(plot.figure)).decode("ascii")
    return (
        f'<figure><img alt="{escape(plot.alt)}" src="data:image/svg+xml;base64,{image}">'
        f"<figcaption>{escape(plot.caption)}</figcaption></figure>"
    )


def _svg(figure: Any) -> bytes:
    """The figure as SVG without date, version or random names; a user's matplotlibrc changes nothing."""
    import matplotlib

    own = {name: value for name, value in matplotlib.rcParamsDefault.items() if not name.startswith("backend")}
    buffer = io.BytesIO()
    with matplotlib.rc_context(own | {"svg.hashsalt": "llama", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _table(table: PageTable) -> str:
    numeric = [all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    head = "".join(_cell("th", name, right) for name, right in zip(table.columns, numeric, strict=True))
    body = "\n".join(
        f"<tr>{''.join(_cell('td', value, right) for value, right in zip(row, numeric, strict=True))}</tr>"
        for row in table.rows
    )
    return (
        f'<div class="scroll"><table>\n<caption>{escape(table.caption)}</caption>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>\n"
    )


def _cell(tag: str, value: Cell, right: bool) -> str:
    text = f"{value:,}" if isinstance(value, int) else f"{value:.6g}" if isinstance(value, float) else value
    kind = ' class="number"' if right else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
