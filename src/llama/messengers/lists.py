"""What holds for the list of every messenger around a trigger, whatever is in it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TypeVar

from llama.ports import Stretch
from llama.science.sky import declination_deg, right_ascension_deg, unit_vectors

T = TypeVar("T")


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


def check_covered(
    covered: Sequence[Stretch], start_gps: float, stop_gps: float, covered_s: float, *, slack_s: float
) -> None:
    """ValueError for good times that are out of order, overlap, leave the window or do not add up to `covered_s`."""
    end = start_gps
    for number, piece in enumerate(covered):
        what = f"covered[{number}] is GPS {piece.start_gps} to {piece.stop_gps}"
        if not piece.start_gps < piece.stop_gps:
            raise ValueError(f"{what}; it must start before it stops")
        if not (start_gps - slack_s <= piece.start_gps and piece.stop_gps <= stop_gps + slack_s):
            raise ValueError(f"{what}, which is not inside the window, {start_gps} to {stop_gps}")
        if number and piece.start_gps < end:
            raise ValueError(f"{what}, which begins before the piece ahead of it ends ({end})")
        end = piece.stop_gps
    if abs((total := math.fsum(piece.stop_gps - piece.start_gps for piece in covered)) - covered_s) > slack_s:
        raise ValueError(
            f"covered adds up to {total} s, but covered_s is {covered_s}: correct one of the two, or take covered out"
        )


def check_once(names: Iterable[str], what: str, rule: str = "") -> None:
    """ValueError for a name that is in the list twice."""
    if twice := sorted(name for name, count in Counter(names).items() if count > 1):
        raise ValueError(f"{what} {twice[0]} is in the list twice{rule}")


def check_direction(what: str, ra_deg: float, dec_deg: float) -> None:
    """ValueError for a direction that is not on the sky; a right ascension may be written from −360 to 720."""
    try:
        right_ascension_deg(ra_deg), declination_deg(dec_deg)
    except ValueError as error:
        message = f"{what} has direction RA {ra_deg}, Dec {dec_deg} deg, which is not on the sky: {error}"
        raise ValueError(message) from error


def once(rows: Sequence[T], names: Sequence[str], what: str) -> tuple[tuple[T, ...], str]:
    """The rows without exact repeats, and words on those; a name that two different rows share is left as it is."""
    kept: list[T] = []
    repeated: list[str] = []
    for row, name in zip(rows, names, strict=True):
        if row in kept:
            repeated.append(name)
        else:
            kept.append(row)
    if not repeated:
        return tuple(rows), ""
    listed = ", ".join(sorted(set(repeated)))
    return tuple(kept), f"{what} {listed} listed more than once, counted once"


def added(why: str, more: str) -> str:
    """What a list says of itself, and one thing more; not again what it says already."""
    return why if not more or more in why else "; ".join(filter(None, [why, more]))


Place = tuple[float, float, float]
"""Right ascension and declination (deg), and by how much they may be off (deg)."""


def same_place(one: Place | None, other: Place | None) -> bool:
    """Whether two positions may be one, each within its error; one that is not known may be anywhere."""
    if one is None or other is None:
        return True
    first, second = (unit_vectors(math.radians(ra), math.radians(dec)) for ra, dec, _ in (one, other))
    apart = math.degrees(2 * math.asin(min(math.dist(first, second) / 2, 1.0)))
    return apart <= one[2] + other[2]
