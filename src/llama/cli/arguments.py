"""Kinds of arguments that several commands share."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Address:
    """What is to be brought here before a command sees it, as a path.

    Attributes:
        text: an address, `s3://…` or `https://…`; of a list, a path as well.
        lines: whether it is a list of sky maps, whose lines may be addresses.
        beside: names of files of the same folder that are wanted with it.
        before: what stands before the path, in a word like H1=FILE.
    """

    text: str
    lines: bool = False
    beside: tuple[str, ...] = ()
    before: str = ""


def place(text: str) -> Path | Address:
    """A file or folder here, or in a store."""
    return Address(text) if "://" in text else Path(text)


def maps(text: str) -> Address:
    """A list of sky maps here, or in a store."""
    return Address(text, lines=True)


def injections(text: str) -> Path | Address:
    """A table of sources, with what says which map is of which beside it."""
    return Address(text, beside=("coincs.dat",)) if "://" in text else Path(text)


def named_place(text: str) -> str | Address:
    """H1=FILE, where the file may be in a store."""
    name, equals, value = text.partition("=")
    return Address(value, before=f"{name}{equals}") if "://" in value else text


def count(text: str) -> int:
    """A whole number from 1 up."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0 up, as random generators take it."""
    return _whole(text, 0)


def detectors(text: str) -> str:
    """`H1L1V1`, also written `H1,L1,V1` or `HLV`; empty for none."""
    from llama.formats.coincs import detectors_in

    found = detectors_in(text) if text else ()
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} are no detectors, each once, as H1L1V1")
    return "".join(found)


def blocks(text: str) -> tuple[int, int]:
    """FIRST:LAST, both included."""
    first, colon, last = text.partition(":")
    if not (colon and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise argparse.ArgumentTypeError(f"{text!r} are no blocks FIRST:LAST, as in 0:99")
    return int(first), int(last)


def _whole(text: str, least: int) -> int:
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if found < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
    return found
