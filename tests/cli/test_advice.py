"""Every command that a message, a help text or a docstring tells people to type exists and is understood."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import NoReturn

import pytest

from llama.cli.event import _ACTIONS
from llama.cli.main import command_of, parser_of

SOURCE = Path(__file__).resolve().parents[2] / "src" / "llama"
COMMAND = re.compile(r"`(llama(?:\s[^`]*)?)`")
FOR_ALL = {"--help", "--help-env", "--version", "-V"}
ANY = "llama S1"
"""Where the program names a command that was typed."""


def told() -> dict[str, str]:
    """Each command as it stands in the program, with names filled in, and a place that tells it."""
    found: dict[str, str] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        text = re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))  # as if literals were joined
        for command in COMMAND.findall(text):
            filled = re.sub(r"\{[^{}]*\}", "S1", " ".join(command.split())).partition(" > ")[0]
            found.setdefault(filled, path.relative_to(SOURCE).as_posix())
    found.pop(ANY, None)
    return found


TOLD = told()


class Named(Exception):
    """It is only named, without all that it needs."""


def refuse(self: argparse.ArgumentParser, message: str) -> NoReturn:
    raise Named if "are required" in message else ValueError(message)


def test_there_is_advice_to_try() -> None:
    assert len(TOLD) > 25
    assert {"llama event adopt", "llama event remake", "llama event repair", "llama event check"} <= TOLD.keys()


@pytest.mark.parametrize("command", sorted(TOLD))
def test_what_is_told_to_type_is_understood(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argparse.ArgumentParser, "error", refuse)
    words = command.split()[1:]
    if not words or words[0] in FOR_ALL:
        return
    head = command_of(words)
    assert head is not None, f"{TOLD[command]} tells of `{command}`, and there is no such command"
    try:
        args = parser_of(head).parse_intermixed_args(words[len(head) :])
    except Named:
        return
    if head == ("event",) and args.words:
        assert set(args.words[:2]) & set(_ACTIONS) or len(args.words) == 1, f"no action in `{command}`"
