"""What a rehearsal types, before anything is played: commands that there are, and all that a study needs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tests.plugins import ROOT

from llama.cli.dv import WORDS
from llama.cli.main import command_of, main, parser_of
from llama.testing.rehearsal import scenes, stage


@pytest.mark.parametrize("servers", [2, 99])
def test_every_command_is_understood(servers: int) -> None:
    for scene in scenes(Path("/folder"), servers):
        head = command_of(list(scene.words))
        assert head is not None and scene.why.strip()
        parser_of(head).parse_intermixed_args(list(scene.words[len(head) :]))
        re.compile(scene.shows)


def test_it_is_the_way_of_a_study() -> None:
    typed = [" ".join(scene.words) for scene in scenes(Path("/folder"), 3)]
    way = (
        *("com do -D", "com do -c", "dev dv init", "dev dv launch bg", "com do --snapshot", "com do -c"),
        *("dev dv init", "dev dv ls-procs", "dev dv launch bg", "dev dv done bg", "dev dv tail", "eval"),
        *(
            "dev dv killall",
            "dev dv pull",
            "dev background table",
            "dev background pvalue",
            "dev upload",
            "com do -d",
        ),
    )
    at = -1
    for words in way:
        at = next((number for number, line in enumerate(typed) if number > at and words in line), len(typed))
        assert at < len(typed), words


@pytest.mark.parametrize(("servers", "counts"), [(2, (3, 4)), (3, (5, 6)), (60, (119, 120)), (99, (197, 198))])
def test_it_waits_for_as_many_trials_as_it_says(servers: int, counts: tuple[int, int]) -> None:
    waits = [scene for scene in scenes(Path("/folder"), servers) if scene.until][-1]
    assert not re.search(waits.shows, f"total {counts[0]}\n")
    for count in (counts[1], 200, 1000, 99_999):
        assert re.search(waits.shows, f"total {count}\n")


def test_the_guide_types_nothing_to_servers_that_is_not_rehearsed() -> None:
    page = (ROOT / "docs" / "operate" / "fleet.md").read_text()
    typed = [shlex.split(line)[1:] for line in re.findall(r"^    (llama .*)$", page, re.MULTILINE)]
    played = {told(list(scene.words)) for scene in scenes(Path("/folder"), 3)}
    assert len(typed) >= 12
    assert {told(words) for words in typed} <= played


def told(words: list[str]) -> tuple[str, ...]:
    """The command, and of `llama dev dv` its word."""
    head = command_of(words) or ()
    if head != ("dev", "dv"):
        return head
    return (*head, next(word for word in words[2:] if word in WORDS))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    there = stage.find_spec
    monkeypatch.setattr(stage, "find_spec", lambda name: None if name in ("asyncssh", "moto") else there(name))
    assert main(["dev", "rehearse"]) == 1
    said = capsys.readouterr().err
    assert "be played here: pip install 'llama-astro[rehearse]' (asyncssh, moto are missing)\n" in said


def test_they_are_listed_without_being_played(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dev", "rehearse", "--list", "-n", "5"]) == 0
    said = capsys.readouterr().out
    assert "llama com do -c 'llama-parallel-bns-o4-{01..04}' -i llama-parallel-bns-o4 --wait --yes" in said
    with pytest.raises(SystemExit, match="2"):
        main(["dev", "rehearse", "-n", "1"])
    assert "'1' is not a number from 2 to 99" in capsys.readouterr().err
