"""Where a study command reads a list, map, folder or table, an address of a store may be typed."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from llama.cli.arguments import Address
from llama.cli.main import COMMANDS, main, parser_of

READ = {
    ("dev", "background", "draw"): {"maps", "out"},
    ("dev", "background", "pvalue"): {"folder", "others", "out"},
    ("dev", "background", "table"): {"places", "out"},
    ("dev", "background", "table_singles"): {"places", "out"},
    ("dev", "neutrinos"): {"maps", "injections", "folder"},
    ("dev", "season"): {"events", "livetime", "area", "smearing", "out"},
    ("dev", "sensitivity"): {"folders", "out"},
    ("dev", "simulate"): {"injections", "curves", "asd", "out"},
    ("dev", "skymaps", "lists"): {"file", "maps", "out"},
    ("dev", "skymaps", "compress"): {"source", "target"},
    ("dev", "trials"): {"maps", "injections", "folder"},
    ("dev", "validate"): {"maps", "keep", "out"},
}
"""By command, the words that name files."""
WRITTEN = {"out", "target", "keep"}
STUDIES = ("folder",)
"""What is written to; a study's own folder too, but where a command only reads one."""


def types(command: tuple[str, ...]) -> dict[str, argparse.Action]:
    return {one.dest: one for one in parser_of(command)._actions}


@pytest.mark.parametrize("command", READ, ids=" ".join)
def test_each_of_them_does(command: tuple[str, ...]) -> None:
    actions = types(command)
    of_files = {name for name, one in actions.items() if one.type in _of_files(actions)}
    assert of_files == READ[command]
    for name in READ[command] - WRITTEN:
        if name == "folder" and command != ("dev", "background", "pvalue"):
            continue
        word = "H1=s3://llama/x" if name == "asd" else "s3://llama/x"
        kind = actions[name].type
        assert callable(kind)
        found = kind(word)
        assert isinstance(found, Address) and found.text == "s3://llama/x", name


def _of_files(actions: dict[str, argparse.Action]) -> set[object]:
    from llama.cli.arguments import injections, maps, named_place, place

    return {Path, place, maps, injections, named_place}


def test_no_study_command_is_forgotten() -> None:
    others = {"clean", "roll", "cluster", "upload", "dataset", "dv", "drop", "rehearse"}
    assert {name for name in COMMANDS if name[0] == "dev" and name[1] not in others} == set(READ)


def test_where_a_command_writes_an_address_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["dev", "background", "pvalue", "tables", "-o", "s3://llama/populations.hdf5"]) == 1
    said = capsys.readouterr().err
    assert "s3://llama/populations.hdf5: out must be here, not in a store" in said and "llama com s3 put -r" in said
    assert list(tmp_path.glob("s3*")) == []


def test_a_list_that_is_no_text_is_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "H1L1.csv").write_bytes(b"\xff\xfe\x00")
    assert main(["dev", "trials", "background", str(tmp_path / "H1L1.csv"), "-p", "bns", "-d", str(tmp_path)]) == 1
    assert "H1L1.csv is no list of sky maps, since it is no text" in capsys.readouterr().err
