"""`scatterplot_lvc-i3`: the joint sky map of one result, as a figure for PNG and PDF alike."""

from __future__ import annotations

from typing import Any

from llama.analyses.result import LISTED_BELOW_P
from llama.analyses.telling.report import Report, title, warning
from llama.analyses.telling.wording import capitalised, format_odds, found, readable_time
from llama.plots.skymap import Caption, NeutrinoMark, joint_skymap
from llama.science.sky import SkyMap


def scatterplot(report: Report, skymap: SkyMap, version: str) -> Any:
    """The figure: neutrinos numbered as in the tables, the coincident ones in colour, zoomed on the most significant.

    `version` is the software's. When no neutrino is coincident the zoom shows the map, and says why.
    """
    notable = {row.number for row in report.coincident}
    marks = [
        NeutrinoMark(row.number, row.ra_deg, row.dec_deg, row.r90_deg, row.number in notable) for row in report.rows
    ]
    focus = report.coincident[0].number if report.coincident else None
    caption = Caption(
        title=title(report),
        time=readable_time(report.event_time),
        result=_result(report),
        version=f"llama {version}",
        warning=warning(report),
        notable=f"p < {LISTED_BELOW_P:g}",
        zoom_note=report.nothing_coincides,
    )
    figure = joint_skymap(skymap, marks, caption, focus)
    figure.set_label("; ".join(report.marks))
    return figure


def _result(report: Report) -> str:
    count = capitalised(found(len(report.rows), report.covered_s))
    shown = "this map" if report.own_map else report.background
    basis = f" ({shown})" if shown and not report.void else ""  # the line holds no more
    return f"{count}; odds {format_odds(report.log_odds)}; p-value {report.p_text}{basis}{report.caveat}"
