"""Blinding: each right ascension is replaced by a uniform one, so that no direction can be compared with anything.

Declination, energy, error and time stay, so a blinded list has the statistics of background. The new value depends
on a seed (the event's id) and on which neutrino it is, on nothing else: making a list again gives the same bytes,
in whatever order the neutrinos came, and a neutrino that arrives late changes none of the others. It does not
depend on the true right ascension, so knowing the seed does not undo it. Blinding a blinded list changes nothing.

`GUARD` is the one door: whatever way a list came into an event, the steps of other products are given it blinded
while the event's flag says so (docs/decisions/blinding.md).
"""

from __future__ import annotations

import dataclasses
import hashlib
import re

from llama.engine.graph import FlagValues, Guard
from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.ports import SIMULATED_SOURCE
from llama.science.detector import azimuth_deg, zenith_deg

FLAG = "blinded_neutrinos"

_MEANING = (
    "BLINDED: right ascensions are scrambled. Each is a random number and not the neutrino's own; {rest}. Whether a "
    "neutrino coincides with anything cannot be told from this list."
)
_DRAWN = "SIMULATED NEUTRINOS: they were drawn at random and never detected."
_SOME = "SIMULATED NEUTRINOS: some of them never happened."


WITHHELD = "[withheld]"
_HARMLESS = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?Z?)?|[0-9]+(?:\.[0-9]+)? of "
    r"[0-9]+(?:\.[0-9]+)? s\b|[0-9]+ event\(s\)"
)
"""Times, coverage and counts, as our own sources write them."""
_MAY_BE_A_PLACE = (
    r"[0-9]+(?:\.[0-9]*)?(?:\s*[hmsd°′″'\":]\s*[0-9]+(?:\.[0-9]*)?)+|[0-9]*[.,][0-9]+|[0-9]+(?=\s*(?:°|d|h|rad))"
    r"|(?<=ra)[0-9]+|(?<![a-z0-9])(?<![a-z0-9]-)[0-9]+(?![a-z0-9]|-[a-z0-9])"
)
"""A number in a text, in degrees, hours or radians; not one that is part of a name (IC86-2012, icecube-3yr)."""


def meanings(source: str, *, blinded: bool, made_up: bool = False) -> list[str]:
    """What a list for people says of blinded neutrinos and of simulated ones: one line each.

    `made_up` is whether some never happened; of a simulated `source` all did not.
    """
    drawn = source.startswith(SIMULATED_SOURCE)
    rest = "declination, energy, error and time are " + (
        "as they were drawn" if drawn else "as the list had them" if made_up else "real"
    )
    simulated = [_DRAWN] if drawn else [_SOME] if made_up else []
    return [*simulated, *([_MEANING.format(rest=rest)] if blinded else [])]


def blind(neutrinos: NeutrinoList, seed: str) -> NeutrinoList:
    """The same list, right ascensions scrambled, type `blinded`, and in its texts no number that may be one of them.

    Somebody may have written where a neutrino came from, in words of their own; their numbers are withheld.
    """
    names = [row.i3event for row in neutrinos.neutrinos]
    rows = tuple(
        dataclasses.replace(_blind(row, seed), season=_without_places(row.season, names))
        for row in neutrinos.neutrinos
    )
    pieces = neutrinos.covered and tuple(
        dataclasses.replace(piece, season=_without_places(piece.season, names)) for piece in neutrinos.covered
    )
    return dataclasses.replace(
        neutrinos,
        covered=pieces,
        neutrinos=rows,
        made_up=neutrinos.invented,
        season=None if neutrinos.season is None else _without_places(neutrinos.season, names),
        source=_without_places(neutrinos.source, names),
        why=_without_places(neutrinos.why, names),
    )


def withheld_in(text: str) -> str:
    """The first number in a text that blinding withholds; empty when it is told whole."""
    matches = re.finditer(rf"(?P<kept>{_HARMLESS})|{_MAY_BE_A_PLACE}", text, flags=re.IGNORECASE)
    return next((found[0] for found in matches if found["kept"] is None), "")


def _without_places(text: str, names: list[str]) -> str:
    """The text with its numbers withheld, but for names of neutrinos, which stay, and what is harmless."""
    known = [
        rf"(?<![A-Za-z0-9.]){re.escape(name)}(?![A-Za-z0-9.])" for name in sorted(filter(None, names), key=len)[::-1]
    ]
    kept = "|".join([*known, _HARMLESS])
    return re.sub(
        rf"(?P<kept>{kept})|{_MAY_BE_A_PLACE}", lambda found: found["kept"] or WITHHELD, text, flags=re.IGNORECASE
    )


def _blind(row: NeutrinoRow, seed: str) -> NeutrinoRow:
    """Zenith and azimuth follow from declination, time and the new value alone: their own last digits, which hold
    precession since J2000, would tell the true right ascension to a few degrees."""
    ra = round(scrambled_ra_deg(seed, row.i3event), 4) % 360.0  # the releases' own digits
    zenith, azimuth = zenith_deg(row.dec), azimuth_deg(row.mjd, ra)
    return dataclasses.replace(row, ra=ra, zenith=zenith, azimuth=azimuth, type="blinded")


def scrambled_ra_deg(seed: str, i3event: str) -> float:
    """Uniform in [0, 360): the first 53 bits of a SHA-256, the same on every machine and with every numpy."""
    digest = hashlib.sha256(f"blind\0{seed}\0{i3event}".encode()).digest()
    return 360.0 * (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53


def _as_flagged(neutrinos: NeutrinoList, event_id: str, flags: FlagValues) -> NeutrinoList:
    return blind(neutrinos, event_id) if flags[FLAG] else neutrinos


GUARD: Guard[NeutrinoList] = Guard((FLAG,), _as_flagged)
"""Of every list of neutrinos that is a file of an event."""
