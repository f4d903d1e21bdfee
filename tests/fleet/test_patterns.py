"""Names, ranges and globs of servers, against what a shell makes of the same words."""

from __future__ import annotations

import subprocess

import pytest
from tests.needs import program

from llama.fleet.errors import BadPattern
from llama.fleet.patterns import MOST_NAMES, exact, expand, expanded, is_glob, matched

WORDS = [
    "llama-{00..97}",
    "llama-{0..11}",
    "llama-{7..11}",
    "llama-{08..101}",
    "llama-{5..1}",
    "llama-{00..10..5}",
    "llama-{a,b,c-d}-{1..3}",
    "llama-{x,}",
    "{1..2}{3..4}",
    "plain",
]


@pytest.mark.parametrize("word", WORDS)
def test_it_is_what_a_shell_makes_of_it(word: str) -> None:
    bash = program("bash", "bash")
    said = subprocess.run(
        [bash, "--norc", "-c", f"printf '%s\\n' {word}"], capture_output=True, text=True, check=True
    )
    assert list(expand(word)) == said.stdout.splitlines()


def test_the_width_of_a_range_is_kept() -> None:
    names = expand("llama-parallel-{00..97}")
    assert (names[0], names[9], names[10], names[-1], len(names)) == (
        "llama-parallel-00",
        "llama-parallel-09",
        "llama-parallel-10",
        "llama-parallel-97",
        98,
    )


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("llama-{00..97", "do not pair"),
        ("llama-00..97}", "do not pair"),
        ("llama-{{1..2}}", "do not pair"),
        ("llama-{1}", "neither a range"),
        ("llama-{}", "neither a range"),
        ("llama-{a..c}", "neither a range"),
        ("llama-{1..}", "neither a range"),
        ("llama-{0..10000}", "means 10001 names"),
        ("llama-{0..999999999}", "means 1000000000 names"),
        ("{0..999}{0..99}", "means 100000 names"),
    ],
)
def test_what_cannot_be_read_is_said(word: str, why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        expand(word)


def test_the_most_names_are_read() -> None:
    assert len(expand(f"{{1..{MOST_NAMES}}}")) == MOST_NAMES


def test_words_that_mean_the_same_are_told_once() -> None:
    assert expanded(["a-{1..3}", "a-2", "b*"]) == ("a-1", "a-2", "a-3", "b*")


def test_globs_and_names_choose_among_those_that_are() -> None:
    known = ["llama-02", "llama-01", "other", "llama-10"]
    assert matched(["llama-0*"], known).names == ("llama-02", "llama-01")
    assert matched(["llama-{09..10}", "nobody*"], known).names == ("llama-10",)
    assert matched(["llama-{09..10}", "nobody*"], known).missed == ("llama-09", "nobody*")
    assert matched(["LLAMA-*"], known).names == ()
    assert matched(["llama-[01]?"], known).names == ("llama-02", "llama-01", "llama-10")
    assert matched(["*"], [*known, "other"]).names == tuple(known)
    assert matched([], known) == matched([], [])


@pytest.mark.parametrize(("word", "answer"), [("llama-*", True), ("a?", True), ("a[b]", True), ("a-{1..2}", False)])
def test_a_glob_is_known(word: str, answer: bool) -> None:
    assert is_glob(word) is answer


def test_servers_that_are_to_be_have_names() -> None:
    assert exact(["llama-{00..02}", "x.example-1"]) == ("llama-00", "llama-01", "llama-02", "x.example-1")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["llama-*"], "is a glob"),
        (["llama_1"], "letters, digits, hyphens"),
        (["-c"], "letters, digits, hyphens"),
        ([""], "letters, digits, hyphens"),
        (["llama-"], "letters, digits, hyphens"),
        (["llama ü"], "letters, digits, hyphens"),
        (["a" * 256], "letters, digits, hyphens"),
        (["llama-{1..3}", "llama-2"], "llama-2 is named twice, by 'llama-{1..3}' and by 'llama-2'"),
    ],
)
def test_what_no_server_can_be_called_is_refused(words: list[str], why: str) -> None:
    with pytest.raises(BadPattern, match=why):
        exact(words)
