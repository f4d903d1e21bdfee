"""`llama files fermi`, with the source that the settings name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama.cli import files_i3
from llama.cli.main import main
from llama.messengers.icecube.products import WINDOW_S


@pytest.fixture
def catalogue(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_GRB_CATALOGUE", str(data / "catalogs" / "grb" / "fermigbrst_heasarc.csv"))


@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize(
    "when",
    [["-t", "2017-08-17T12:41:04"], ["-t", "57982.5285", "--mjd"], ["-i", "1187008800", "1187008900"]],
)
def test_grb170817a_is_listed(when, capsys: pytest.CaptureFixture[str]):
    assert main(["files", "fermi", *when]) == 0
    text = capsys.readouterr().out
    assert "GRB170817529" in text and "complete: yes" in text


@pytest.mark.usefixtures("catalogue")
def test_as_json_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    where = tmp_path / "fermi_grbs.json"
    assert main(["files", "fermi", "-t", "2017-08-17T12:41:04", "--json", str(where)]) == 0
    assert capsys.readouterr().out == f"{where}\n"
    assert json.loads(where.read_text())["bursts"][0]["t90_s"] == 2.048


def test_notices_from_a_folder(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LLAMA_GRB_NOTICES", str(data / "notices" / "fermi"))
    assert main(["files", "fermi", "-t", "2018-01-16T00:36:52"]) == 0
    text = capsys.readouterr().out
    assert "bn180116026" in text and "complete: no" in text


def test_without_any_source_it_says_what_to_do(capsys: pytest.CaptureFixture[str]):
    assert main(["files", "fermi", "-t", "2018-01-16T00:36:52"]) == 0
    assert "set LLAMA_GRB_NOTICES (a folder of notices) or LLAMA_GRB_CATALOGUE" in capsys.readouterr().out


@pytest.mark.parametrize("when", [["-t", "soon"], ["-i", "1187008900", "1187008800"], ["-t", "57982"]])
def test_times_that_are_none(when, capsys: pytest.CaptureFixture[str]):
    assert main(["files", "fermi", *when]) == 2
    assert capsys.readouterr().err.startswith("llama files fermi: ")


def test_the_neutrinos_window_is_the_messengers():
    assert files_i3.HALF_WIDTH_S == WINDOW_S
