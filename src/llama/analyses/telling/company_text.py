"""`significance_joint_….txt`: what a joint search with further messengers says, for people, numbers first."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from llama.analyses.result import BLINDED, RETRACTED, SIMULATED, TEST, marks_of, read_inputs
from llama.analyses.telling.report import or_minus_infinity
from llama.analyses.telling.skymap_used import SkymapUsed
from llama.analyses.telling.terminal import p_astro_change
from llama.analyses.telling.wording import format_odds, in_columns

_WIDTH = 100
_MEANINGS = {
    RETRACTED: "the gravitational-wave alert was taken back: what follows has no astrophysical meaning.",
    BLINDED: "right ascensions of the neutrinos are scrambled: what follows is no measurement.",
    SIMULATED: "some of the neutrinos were never detected.",
    TEST: "nothing here is an observation.",
}
_EXPLANATION = (
    "odds: one source of the merger and of what stands in the line, against everything else.",
    "B: probability of the data with one source of all in the line, over that with all of them unrelated.",
    "dt: time after the gravitational wave; window: the first and last dt that a common source allows.",
    "rate: how often unrelated candidates come, from anywhere in the sky; for transients the rate of their list,",
    "scaled from the area searched to the whole sky.",
)


def joint_text(result: Mapping[str, Any], role: str, retracted: str | None = None, *, blinded: bool = False) -> str:
    """The whole page; how the event stands by now is as for `marks_of`."""
    parts = [
        _head(result),
        [
            f"*** {word}: {_MEANINGS[word]}"
            for word in marks_of(result, role=role, retracted=retracted, blinded=blinded)
        ],
        _numbers(result),
        [f"Sky map: {SkymapUsed.of(read_inputs(result))}"],
        _candidates(result),
        _sets(result),
        _bullets("Notes", result["notes"]),
        [*_EXPLANATION],
    ]
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _head(result: Mapping[str, Any]) -> list[str]:
    messengers = ", ".join(result["messengers"])
    return [f"Joint search for {result['event_id']} (t_gw = {result['event_time']}): {messengers}"]


def _numbers(result: Mapping[str, Any]) -> list[str]:
    p_astro, alone = result["p_astro"], result["without_candidates"]
    lines = [
        f"odds      {format_odds(result['log_odds_ratio'])}, one source of the merger and anything else",
        f"p-value   {result['p_value_text']}: {result['p_value_reason']}",
        f"p_astro   {p_astro_change(p_astro['before'], p_astro['after']).removeprefix('p_astro ')}",
    ]
    if alone is not None:
        lines.append(f"odds of the merger and neutrinos by themselves: {format_odds(alone['log_odds_ratio'])}")
    return lines


def _candidates(result: Mapping[str, Any]) -> list[str]:
    rows = [
        (
            one["messenger"],
            one["name"],
            f"{one['dt']:+.2f}",
            f"{one['window_s'][0]:+g} to {one['window_s'][1]:+g}",
            f"{one['rate_hz']:.2g}",
        )
        for one in result["candidates"]
    ]
    if not rows:
        return ["No candidate of another messenger."]
    return ["Candidates", *_aligned([("messenger", "name", "dt [s]", "window [s]", "rate [Hz]"), *rows])]


def _sets(result: Mapping[str, Any]) -> list[str]:
    rows = []
    for one in result["sets"]:
        names = " + ".join(("gw", *one["candidates"].values()))
        rows.append((names, format_odds(one["log_odds_ratio"]), format_odds(one["log_b"])))
        by_b = sorted(one["with_neutrino"], key=lambda row: -or_minus_infinity(row["log_b"]))
        rows += [
            (f"{names} + {row['i3event']} at {row['dt']:+.1f} s", "", format_odds(row["log_b"])) for row in by_b[:3]
        ]
    if not rows:
        return []
    return ["What may share its source", *_aligned([("together", "odds", "B"), *rows])]


def _bullets(title: str, texts: Sequence[str]) -> list[str]:
    lines = [textwrap.fill(f"- {text}", _WIDTH, subsequent_indent="  ") for text in texts]
    return [title, *lines] if lines else []


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """With a rule under the headings, the first column left-aligned."""
    lines = in_columns(table, left=1)
    return [line.rstrip() for line in (lines[0], "-" * len(lines[0]), *lines[1:])]
