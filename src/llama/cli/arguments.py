"""Kinds of arguments that several commands share."""

from __future__ import annotations

import argparse


def count(text: str) -> int:
    """A whole number from 1 up."""
    return _whole(text, 1)


def seed(text: str) -> int:
    """A whole number from 0 up, as random generators take it."""
    return _whole(text, 0)


def _whole(text: str, least: int) -> int:
    try:
        found = int(text)
    except ValueError:
        found = least - 1
    if found < least:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
    return found
