"""What is typed after `llama dev dv`, as shells hand it on, and as the old guide has it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.cli.typed import typed

import llama
from llama.cli.dv import DEFAULTS, WORDS, arranged
from llama.cli.main import command_of, parser_of
from llama.fleet.remote import script

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operate" / "servers.md").read_text(encoding="utf-8")


def parsed(text: str) -> tuple[list[str], list[str], str | None]:
    """Words, patterns and CMD."""
    args = parser_of(("dev", "dv")).parse_intermixed_args(arranged(shlex.split(text)))
    return args.words, args.pattern, args.cmd


@pytest.mark.parametrize(
    ("text", "words", "patterns", "cmd"),
    [
        ("-p llama-bns-o3-00 eval 'ls /home/v/events/injection-0'", ["eval"], ["llama-bns-o3-00"],
         "ls /home/v/events/injection-0"),
        ("eval 'ls -l | wc -l' -p a -t 3", ["eval"], ["a"], "ls -l | wc -l"),
        ("eval -p a -t 3 'ls -l'", ["eval"], ["a"], "ls -l"),
        ("eval ls -l 'a b'", ["eval"], [], "ls -l 'a b'"),
        ("eval -- -x", ["eval"], [], "-x"),
        ("eval -- 'a b' -p", ["eval"], [], "'a b' -p"),
        ("eval 'echo --cmd=x'", ["eval"], [], "echo --cmd=x"),
        ("-p a b c ls-procs", ["ls-procs"], ["a", "b", "c"], None),
        ("ls-procs -p a b c", ["ls-procs"], ["a", "b", "c"], None),
        ("done bg -p a b", ["done", "bg"], ["a", "b"], None),
        ("-p a b done bg", ["done", "bg"], ["a", "b"], None),
        ("done -p a b bg", ["done", "bg"], ["a", "b"], None),
        ("launch -p a bg /x//H1L1.csv", ["launch", "bg", "/x//H1L1.csv"], ["a"], None),
        ("-t 5 launch bg /x//H1L1.csv -n 3", ["launch", "bg", "/x//H1L1.csv"], [], None),
        ("-P 'eval x' launch bg l.csv", ["launch", "bg", "l.csv"], [], None),
        ("pull -p a events", ["pull", "events"], ["a"], None),
        ("batch", ["batch"], [], None),
        ("batch -p a -- --random 3 --seed 1", ["batch"], ["a"], "--random 3 --seed 1"),
    ],
)  # fmt: skip
def test_options_stand_before_or_after_the_word(text: str, words: list[str], patterns: list[str], cmd: str) -> None:
    assert parsed(text) == (words, patterns, cmd)


def test_every_command_of_the_page_is_understood() -> None:
    found = {*re.findall(r"^    (llama .*)$", PAGE, re.MULTILINE), *re.findall(r"`(llama dev [^`…]*)`", PAGE)}
    assert len(found) > 10
    for text in sorted(found):
        words = shlex.split(text)[1:]
        command = command_of(words)
        assert command is not None, text
        if command not in {("dev", "dv"), ("dev", "drop")}:
            continue
        args = parser_of(command).parse_intermixed_args(arranged(words[len(command) :]))
        assert not args.words or args.words[0] in WORDS, text


def test_every_word_and_option_is_on_the_page() -> None:
    listed = "".join(re.findall(r"^\| .*$", PAGE, re.MULTILINE))
    assert [word for word in WORDS if f"`{word}" not in listed] == []
    assert DEFAULTS.keys() == WORDS.keys()


def test_what_it_lists_needs_no_server(tmp_path: Path) -> None:
    assert typed("dev", "dv", "-d", home=tmp_path).count("\n") == len(WORDS)
    assert "-r linecount" in typed("dev", "drop", "-D", home=tmp_path)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ([], 2, "say what; `llama dev dv -d` lists them"),
        (["lsprocs"], 2, "there is no word 'lsprocs'"),
        (["ls-procs"], 1, "llama-* names no server of "),
        (["-p", "{a", "ls-procs"], 1, "braces do not pair"),
        (["--from", "none.txt", "ls-procs"], 1, "none.txt"),
        (["-l", "done", "much"], 1, "done what? Write done bg, done signal or done doublet"),
        (["-l", "eval"], 1, "eval what?"),
        (["-l", "tail", "x"], 1, "tail takes no 'x'"),
        (["-l", "-f", "{nobody}", "tail"], 1, "it may have {name}"),
        (["-l", "launch", "bg"], 1, "takes one list of sky maps"),
    ],
)
def test_what_cannot_be_done_is_one_message(tmp_path: Path, words: list[str], status: int, says: str) -> None:
    said = typed("dev", "dv", *words, home=tmp_path, status=status, HOME=str(tmp_path))
    assert says in said and said.count("\n") == 1


def test_on_this_machine(tmp_path: Path) -> None:
    def here(*words: str, status: int = 0) -> str:
        return typed("dev", "dv", "-l", *words, home=tmp_path, status=status, HOME=str(tmp_path), SHELL="/bin/sh")

    assert here("eval", 'echo "$HOME" $((6*7))') == f"local  {tmp_path} 42\n"
    assert here("eval", "printf", "%s|", "a b", "$HOME", "it's", "-f", "raw") == "local  a b|$HOME|it's|-f|raw|\n"
    assert here("-r", "sum", "eval", "echo 7") == "local  7\ntotal 7\n"
    assert here("-r", "linecount", "eval", "seq 5") == "local  5\ntotal 5\n"
    assert here("-f", "{name}\\t{out}", "eval", "echo x") == "local\tx\n"
    assert "local  exit status 3" in here("eval", "exit 3", status=1)
    assert here("ls-procs") == "total 0\n"
    assert here("killall").endswith("total 0\n")
    assert "there is no log in " in here("tail", status=1)
    (tmp_path / "pre-er14-background" / "LOCKDIR").mkdir(parents=True)
    for number, name in enumerate(("injection-1", "injection-2", "half")):
        event = tmp_path / "pre-er14-background" / "events" / name
        event.mkdir(parents=True)
        if number < 2:
            (event / "significance_opa_lvc-i3.json").write_text("{}")
            (event / "significance_subthreshold_lvc-i3.json").write_text("{}")
    assert here("done", "bg") == "local  2\ntotal 2\n"
    assert here("done", "signal") == "local  0\ntotal 0\n"
    logs = tmp_path / "pre-er14-background" / "logs"
    logs.mkdir()
    for number in ("9", "10"):
        (logs / f"{number}.log").write_text(f"log {number}\n")
    (logs / "other.log").write_text("no\n")
    assert here("tail") == f"==> local <==\n{logs}/10.log\nlog 10\n\n"
    assert "--yes does it" in here("clean", status=1) and logs.exists()
    assert "removed from 1 servers" in here("clean", "--yes") and not logs.exists()
    assert (tmp_path / "pre-er14-background" / "LOCKDIR").exists()


def test_scripts_hold_no_words_that_some_shells_take_apart() -> None:
    """fish unescapes a backslash before another one or a quote within single quotes."""
    for path in (Path(llama.__file__).parent / "fleet" / "scripts").glob("*.sh"):
        assert not re.search(r"\\[\\']", script(path.stem))
