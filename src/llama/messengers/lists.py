"""What holds for the list of every messenger around a trigger, whatever is in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


def check_coverage(
    start_gps: float, stop_gps: float, covered_s: float, *, complete: bool, slack_s: float, of: str = ""
) -> None:
    """ValueError for a window that stops before it starts, or a coverage that it cannot have.

    `slack_s` is how far times may be off; `of` follows the window's length in the message.
    """
    if not start_gps < stop_gps:
        raise ValueError(f"the window stops ({stop_gps}) before it starts ({start_gps})")
    length = stop_gps - start_gps
    if not 0 <= covered_s <= length + slack_s:
        raise ValueError(f"covered_s is {covered_s}; it must be from 0 to the window's {length} s")
    if complete and covered_s < length - slack_s:
        raise ValueError(f"it says it is complete, but covers {covered_s} of {length} s{of}")


def check_once(names: Iterable[str], what: str, rule: str = "") -> None:
    """ValueError for a name that is in the list twice."""
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{what} {twice[0]} is in the list twice{rule}")
