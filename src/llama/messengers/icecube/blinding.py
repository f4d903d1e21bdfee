"""Blinding: each right ascension is replaced by a uniform one, so that no direction can be compared with anything.

Declination, energy, error and time stay, so a blinded list has the statistics of background. The new value depends
on a seed (the event's id) and on which neutrino it is, on nothing else: making a list again gives the same bytes,
in whatever order the neutrinos came, and a neutrino that arrives late changes none of the others. It does not
depend on the true right ascension, so knowing the seed does not undo it.
"""

from __future__ import annotations

import dataclasses
import hashlib

from llama.messengers.icecube.record import NeutrinoList, NeutrinoRow
from llama.ports import SIMULATED_SOURCE

_MEANING = (
    "BLINDED: right ascensions are scrambled. Each is a random number and not the neutrino's own; {rest}. Whether a "
    "neutrino coincides with anything cannot be told from this list."
)
_SIMULATED = "SIMULATED NEUTRINOS: they were drawn at random and never detected."


def meanings(source: str, *, blinded: bool) -> list[str]:
    """What a list for people says of blinded neutrinos and of simulated ones, by their source: one line each."""
    simulated = source.startswith(SIMULATED_SOURCE)
    rest = "declination, energy, error and time are " + ("as they were drawn" if simulated else "real")
    return [*([_SIMULATED] if simulated else []), *([_MEANING.format(rest=rest)] if blinded else [])]


def blind(neutrinos: NeutrinoList, seed: str) -> NeutrinoList:
    """The same list with every right ascension scrambled and type `blinded`."""
    return dataclasses.replace(neutrinos, neutrinos=tuple(_blind(row, seed) for row in neutrinos.neutrinos))


def _blind(row: NeutrinoRow, seed: str) -> NeutrinoRow:
    ra = round(scrambled_ra_deg(seed, row.i3event), 4) % 360.0  # the releases' own digits
    # At the Pole azimuth + RA follows the Earth's rotation alone: turning both keeps that, and hides the old RA
    azimuth = round((row.azimuth + row.ra - ra) % 360.0, 4) % 360.0
    return dataclasses.replace(row, ra=ra, azimuth=azimuth, type="blinded")


def scrambled_ra_deg(seed: str, i3event: str) -> float:
    """Uniform in [0, 360): the first 53 bits of a SHA-256, the same on every machine and with every numpy."""
    digest = hashlib.sha256(f"blind\0{seed}\0{i3event}".encode()).digest()
    return 360.0 * (int.from_bytes(digest[:8], "big") >> 11) / 2.0**53
