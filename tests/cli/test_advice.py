"""Every command that the program can advise exists, is understood, and names what there is."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import pytest

from llama.advice import ADOPT, REMAKE_FILE, Advice, Reason
from llama.app import pipelines
from llama.cli.event import _ACTIONS
from llama.cli.main import COMMANDS, command_of, parser_of
from llama.engine.graph import find_among
from llama.flags import Flags, parse_flags

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "llama"
FOR_ALL = {"--help", "--help-env"}
STANDS_FOR = {"EVENT", "FILE", "ACTION", "PIPELINE"}
"""What whoever reads it fills in."""
HEADS = "|".join(sorted({name[0] for name in COMMANDS}))
WRITTEN_OUT = re.compile(rf"`llama[ `]|\bllama (?:{HEADS})\b(?!:)")
NO_ADVICE = {
    "llama {}: say which file",
    "llama event {}: say which file",
    "llama demo",
    "llama flags",
    "llama files i3",
    "llama files fermi",
    "llama dev validate --size {} --seed {} -s {}",
    "the same as llama dev dv",
    "start an event by hand (also: llama files skymap_info)",
}
"""Names of the command that speaks, or of the one that did something."""


@functools.cache
def trees() -> list[tuple[str, ast.Module]]:
    """Every module of the program, by its path."""
    paths = sorted(SOURCE.rglob("*.py"))
    return [(path.relative_to(SOURCE).as_posix(), ast.parse(path.read_text(encoding="utf-8"))) for path in paths]


def constants() -> dict[str, Advice]:
    """Every advice that is a constant of a module, or in a table that is one, by where it stands and what it says."""
    found = {}
    paths = [path for path in sorted(SOURCE.rglob("*.py")) if "llama.advice" in path.read_text(encoding="utf-8")]
    modules = [path.relative_to(SOURCE).as_posix() for path in paths] + ["advice.py"]
    for name in modules:
        module = import_module(f"llama.{name.removesuffix('.py').replace('/', '.')}".removesuffix(".__init__"))
        for value in vars(module).values():
            inside: Any = value.values() if isinstance(value, dict) else [value]
            found.update({str(one): one for one in inside if isinstance(one, Advice)})
    return found


def literals(tree: ast.Module) -> Iterator[str]:
    """Every text of a module but docstrings, with `{}` where something is filled in."""
    notes = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    pieces = {id(one) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for one in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces | notes:
            yield node.value


def written_out() -> dict[str, list[str]]:
    found = {
        name: [text for text in literals(tree) if WRITTEN_OUT.search(text) and text not in NO_ADVICE]
        for name, tree in trees()
    }
    return {name: texts for name, texts in found.items() if texts}


ADVICE = constants()


class Named(Exception):
    """It is only named, without all that it needs."""


def refuse(self: argparse.ArgumentParser, message: str) -> NoReturn:
    raise Named if "required" in message else ValueError(message)


def test_there_is_advice_to_try() -> None:
    assert len(ADVICE) > 25
    assert {str(ADOPT), "`llama event remake`", "`llama event repair`", "`llama event check`"} <= ADVICE.keys()


def made_of_words(tree: ast.AST) -> list[str]:
    """Where an advice is made of words, not by filling in those of another."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [ast.unparse(call) for call in calls if ast.unparse(call.func) == "Advice"]


@pytest.mark.slow
def test_all_advice_is_a_constant_that_can_be_tried() -> None:
    """Else there would be some that is not tried here."""
    for name, tree in trees():
        constant = [call for one in tree.body if isinstance(one, ast.Assign) for call in made_of_words(one)]
        if name != "advice.py":  # where it is filled in
            assert sorted(made_of_words(tree)) == sorted(constant), name


@pytest.mark.slow
def test_no_message_writes_a_command_out() -> None:
    assert written_out() == {}


def test_a_command_that_is_written_out_is_seen() -> None:
    lines = '"""Of `llama run`."""', 'x = f"see `llama event {y}`"', 'z = "now: llama run -o"', 'w = "llama run: no"'
    found = [text for text in literals(ast.parse("\n".join(lines))) if WRITTEN_OUT.search(text)]
    assert sorted(found) == ["now: llama run -o", "see `llama event {}`"]


@pytest.mark.parametrize("advice", [pytest.param(one, id=name) for name, one in ADVICE.items()])
def test_what_is_advised_is_understood(advice: Advice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(argparse.ArgumentParser, "error", refuse)
    words = list(advice.words)
    if words[0] in FOR_ALL:
        return
    head = command_of(words)
    assert head is not None, f"there is no such command as {advice}"
    try:
        args = parser_of(head).parse_intermixed_args(words[len(head) :])
    except Named:
        return
    if head == ("event",):
        _try_event(args.words)
    if head == ("flags",) and args.flags:
        parse_flags(args.flags, Flags())


def _try_event(words: list[str]) -> None:
    """`[EVENT] [ACTION [FILE…]]`, and the files are those of a product."""
    rest = words[1:] if words and words[0] == "EVENT" else words
    assert not rest or rest[0] in {*_ACTIONS, "ACTION"}
    for name in set(rest[1:]) - STANDS_FOR:
        find_among(list(pipelines().values()), name)


@pytest.mark.slow
def test_paths_that_messages_name_exist() -> None:
    named = {
        path
        for _, tree in trees()
        for text in literals(tree)
        for path in re.findall(r"\b(?:docs|scripts|src/llama)/[\w/.-]+\w", text)
    }
    assert named and [path for path in sorted(named) if not (ROOT / path).exists()] == []


def test_what_is_known_is_filled_in_as_a_shell_reads_it() -> None:
    advice = REMAKE_FILE.of(EVENT="my events/S1", FILE="upper.txt").then("--why", "it is late")
    assert shlex.split(advice.typed) == [
        *("llama", "event", "my events/S1", "remake", "upper.txt", "--why", "it is late")
    ]
    with pytest.raises(ValueError, match="has no PATH"):
        ADOPT.of(PATH="x")


def test_a_reason_carries_its_advice() -> None:
    reason = Reason("edited by hand: ", Reason(ADOPT, " to use it"))
    assert str(reason) == "edited by hand: `llama event adopt` to use it"
    assert reason.advice == (ADOPT,)
    assert reason == Reason("edited ", "by hand: ", ADOPT, " to use it") and reason != Reason(str(reason))
