"""Run the main job on a packaged alert: a simulated merger, with the real IceCube neutrinos of that time.

The event goes into the current run like any other, as a test that uploads nothing.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing but the name."""


def main(args: argparse.Namespace) -> int:
    """Make the event and say where it is, what it says, and how to look at it."""
    from llama.analyses.gw_neutrino import SIGNIFICANCE
    from llama.app import demo

    event = demo()
    path = event.path / SIGNIFICANCE.filename
    if not path.exists():
        print(f"the demo event is in {event.path}, but has no {path.name}: `llama event {event.path}` says why")
        return 1
    result = SIGNIFICANCE.codec.read(path)
    print(f"event     {event.path}")
    print(f"p-value   {result['p_value_text']}   ({result['p_value_reason']})")
    print(f"odds      {result['odds_ratio']:.3g}, from {len(result['single_neutrino'])} neutrinos within 500 s")
    print("\nTo look at it:")
    print(f"  llama event {event.path}")
    print(f"  {event.path}/summary_lvc-I3.pdf          one page")
    print(f"  {event.path}/scatterplot_lvc-i3.png      the joint sky map")
    print(f"  {event.path}/{path.name}   every number")
    return 0
