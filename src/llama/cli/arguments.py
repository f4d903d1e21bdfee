"""Kinds of arguments that several commands share."""

from __future__ import annotations

import argparse


def count(text: str) -> int:
    """A whole number from 1 up."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0 up, as random generators take it."""
    return _whole(text, 0)


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
