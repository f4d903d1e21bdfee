"""A result in words and pictures: one reading of its file (`report`, the first thing to read), from which tables,
page, plot, notice, draft circular and the lines for the terminal are written, so that they cannot disagree."""

from __future__ import annotations

from llama.analyses.telling.circular_draft import circular
from llama.analyses.telling.company_text import joint_text
from llama.analyses.telling.gcn_notice import notice
from llama.analyses.telling.plot import scatterplot
from llama.analyses.telling.reading import read_report
from llama.analyses.telling.report import Report, Row, warning
from llama.analyses.telling.summary_page import summary
from llama.analyses.telling.tables import coincidence_list, latex_table, plain_list
from llama.analyses.telling.terminal import result_lines, unblinded_lines
from llama.analyses.telling.wording import format_energy, format_odds, found

__all__ = [
    "Report",
    "Row",
    "circular",
    "coincidence_list",
    "format_energy",
    "format_odds",
    "found",
    "joint_text",
    "latex_table",
    "notice",
    "plain_list",
    "read_report",
    "result_lines",
    "scatterplot",
    "summary",
    "unblinded_lines",
    "warning",
]
