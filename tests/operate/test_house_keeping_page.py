"""Every command of the page on house-keeping is one that there is, with the options it is shown with."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from llama.cli.main import command_of, parser_of

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operate" / "house-keeping.md"
TYPED = [
    *re.findall(r"^    (llama .*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE),
    *(text for text in re.findall(r"`(llama [^`]*)`", PAGE.read_text(encoding="utf-8")) if " " in text),
]


@pytest.mark.parametrize("text", sorted(set(TYPED)))
def test_it_is_understood(text: str) -> None:
    words = shlex.split(text.replace("…", "because"))[1:]
    command = command_of(words)
    assert command is not None
    parser_of(command).parse_intermixed_args(words[len(command) :])


def test_there_are_some() -> None:
    assert len(TYPED) > 12
