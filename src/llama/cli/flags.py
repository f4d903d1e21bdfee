"""Show or set the flags of events.

Flags are set by presets and single values, each applied to what came before: `--flags TRIGGERED_TEST upload=false`.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from llama.advice import RUN, Advice

if TYPE_CHECKING:
    from llama.app import App
    from llama.flags import Flags

_VETO = Advice(("event", "veto"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama flags` understands."""
    parser.epilog = "What each flag decides:\n" + _explained()
    add = parser.add_argument
    add("events", nargs="*", metavar="EVENT", help=f"which events, as for {RUN} (default: this folder)")
    add("--flags", nargs="+", metavar="PRESET|NAME=value", help="what to set; without it the flags are shown")
    add("--flag-presets", action="store_true", help="print the presets, and stop")
    add("--dry-run-flags", action="store_true", help="print what would be set, and stop")
    add("--why", default="", help="the reason, for the event's history")


def main(args: argparse.Namespace, app: App) -> int:
    """Show or set."""
    from llama.cli.selection import target
    from llama.engine.errors import EventError
    from llama.flags import Flags, parse_flags

    if args.flag_presets:
        return print_presets()
    events = [event for word in args.events or ["."] for event in target(word, app.settings.current_run).events()]
    for event in events:
        state = event.refresh()
        flags = Flags.of(state.flags)
        if args.flags:
            try:
                flags = parse_flags(args.flags, flags)
            except ValueError as error:
                raise EventError(str(error)) from None
            if not args.dry_run_flags:
                event.flag(flags.as_dict(), why=args.why or "llama flags", now=datetime.now(UTC))
        veto = f"  VETOED by {_VETO}: {state.vetoes[None]}" if None in state.vetoes else ""
        print(f"{event.id:<28} {shown(flags)}{veto}")
    if not args.flags:
        print(f"\n{_explained()}")
    return 0


def _explained() -> str:
    from llama.flags import meanings

    return "\n".join(f"  {name:<18} {text}" for name, text in meanings().items())


def print_presets() -> int:
    """Each preset with its flags; the command's exit status."""
    from llama.flags import PRESETS

    for name, flags in PRESETS.items():
        print(f"{name:<20} {shown(flags)}")
    return 0


def shown(flags: Flags) -> str:
    """Flags on one line, as they would be typed."""
    return " ".join(f"{name}={str(value).lower()}" for name, value in flags.as_dict().items())
