"""Run the main job on a packaged alert: a simulated merger, with the real IceCube neutrinos of that time.

The event goes into the current run like any other, as a test that uploads nothing.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.advice import SHOW_EVENT

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but the name."""


def main(args: argparse.Namespace, app: App) -> int:
    """Make the event and say where it is, what it says, and how to look at it."""
    from llama.analyses.gw_neutrino import SIGNIFICANCE
    from llama.analyses.telling import format_odds, found, read_report
    from llama.app import DEMO_ALERT, packaged
    from llama.engine.folder import Run
    from llama.operate.demo import demo_event
    from llama.operate.update import bring_up_to_date

    event = demo_event(Run(app.settings.current_run), packaged(DEMO_ALERT).read_bytes(), app.gracedb)
    bring_up_to_date([event], app.pipeline(), app, app.processes())
    path = event.path / SIGNIFICANCE.filename
    if not path.exists():
        why = SHOW_EVENT.of(EVENT=event.path)
        print(f"the demo event is in {event.path}, but has no {path.name}: {why} says why")
        return 1
    report = read_report(SIGNIFICANCE.codec.read(path))
    print(f"event     {event.path}")
    if report.marks:
        print(f"marks     {', '.join(report.marks)}")
    print(f"p-value   {report.p_text}   ({report.p_basis})")
    print(f"odds      {format_odds(report.log_odds)}, from {found(len(report.rows), report.covered_s)}")
    print("\nTo look at it:")
    print(f"  {SHOW_EVENT.of(EVENT=event.path).typed}")
    print(f"  {event.path}/summary_lvc-I3.pdf          one page")
    print(f"  {event.path}/scatterplot_lvc-i3.png      the joint sky map")
    print(f"  {event.path}/{path.name}   every number")
    return 0
