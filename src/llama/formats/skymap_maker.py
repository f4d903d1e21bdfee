"""Who made a sky map, in the words of its own header."""

from __future__ import annotations

from collections.abc import Mapping

READ_NOTE = "READNOTE"
"""Key of a map's origin, and of the files we write: what was odd in the map when it was read, for people."""


def maker(origin: Mapping[str, str]) -> str:
    """Program and organisation, by header keyword (CREATOR, ORIGIN); empty when the header does not say."""
    named, of = origin.get("CREATOR", ""), origin.get("ORIGIN", "")
    return f"{named} ({of})" if named and of else named or of
