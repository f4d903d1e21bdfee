"""`llama files i3` and `llama install` as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama.cli.main import main


@pytest.fixture
def release(data: Path) -> Path:
    return data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip"


@pytest.fixture
def installed(release: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["install", "icecube-3yr", "--from", str(release)]) == 0
    capsys.readouterr()


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        status = main(["files", "i3", *words])
    except SystemExit as stop:  # argparse
        status = int(stop.code or 0)
    out, err = capsys.readouterr()
    return status, out, err


@pytest.mark.slow
def test_install_is_done_once(release, capsys, tmp_path):
    assert main(["install"]) == 0
    assert "not installed" in capsys.readouterr().out
    assert main(["install", "icecube-3yr", "--from", str(release)]) == 0
    said = capsys.readouterr().out
    assert "digests checked" in said and str(tmp_path) in said
    assert main(["install", "icecube-3yr"]) == 0
    assert "already installed" in capsys.readouterr().out
    assert main(["install", "antares"]) == 1
    assert "there is icecube-3yr" in capsys.readouterr().err


@pytest.mark.slow
def test_around_a_time_blinded_by_default(installed, capsys):
    status, out, _ = run(capsys, "-t", "2011-12-05T07:12:00", "--json")
    blinded = json.loads(out)
    assert status == 0 and len(blinded["neutrinos"]) == 5 and blinded["complete"]
    assert {n["type"] for n in blinded["neutrinos"]} == {"blinded"}
    assert json.loads(run(capsys, "-t", "2011-12-05T07:12:00Z", "--json")[1]) == blinded
    true = json.loads(run(capsys, "-t", "2011-12-05T07:12:00", "--json", "-u")[1])
    assert true["neutrinos"][0]["ra"] == 130.9697 and true["neutrinos"][0]["type"] == "archival"


@pytest.mark.slow
def test_times_in_every_form_mean_the_same(installed, capsys):
    expected = run(capsys, "-t", "2011-12-05T07:12:00", "-u", "--json")[1]
    forms = [("-t", "1007104335"), ("-t", "55900.3", "--mjd"), ("-i", "1007103835", "1007104835")]
    forms.append(("-i", "2011-12-05T07:03:40", "2011-12-05T07:20:20"))
    for form in forms:
        found = json.loads(run(capsys, *form, "-u", "--json")[1])
        assert found["neutrinos"] == json.loads(expected)["neutrinos"]


@pytest.mark.slow
def test_text_and_files(installed, capsys, tmp_path):
    status, out, _ = run(capsys, "-t", "55900.3", "--mjd", "-u")
    assert status == 0 and out.startswith("# 5 neutrinos") and "IC86-2011_78447" in out
    status, out, _ = run(
        capsys, "-t", "55900.3", "--mjd", "--json", str(tmp_path / "a.json"), "--txt", str(tmp_path / "a.txt")
    )
    assert status == 0 and json.loads((tmp_path / "a.json").read_text())["complete"]
    assert (tmp_path / "a.txt").read_text().startswith("# 5 neutrinos")


@pytest.mark.slow
def test_a_time_outside_all_runs_is_a_list_that_says_so(installed, capsys):
    status, out, _ = run(capsys, "-t", "2017-08-17T12:41:04")
    assert status == 0 and "complete: no" in out and "IC86-2012 (2012-04-26 to 2013-05-02)" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-t", "yesterday"), "'yesterday' is not a time"),
        (("-t", "2011-13-05"), "is not a time"),
        (("-t", "yesterday", "--mjd"), "not a Modified Julian Date"),
        (("-t", "55900.3"), "add --mjd"),
        (("-t", "nan"), "not a GPS time"),
        (("-t", "1007104335", "--mjd"), "not a Modified Julian Date"),
        (("-t", "2455900.8", "--mjd"), "looks like a Julian Date: subtract 2400000.5"),
        (("-t", "2455900.8"), "looks like a Julian Date; write UTC"),
        (("-t", "2012-05-30T23:59:60"), "no leap second is known at 2012-05-30"),
        (("-i", "2012-05-30T23:59:60Z", "2012-05-31"), "no leap second is known at 2012-05-30"),
        (("-i", "55900.4", "55900.3", "--mjd"), "is not before STOP"),
        ((), "required"),
        (("-t", "1007104335", "-i", "1", "2"), "not allowed with"),
    ],
)
def test_bad_times_are_one_clear_message(capsys, words, message):
    status, out, err = run(capsys, *words)
    assert status == 2 and out == "" and message in err and "Traceback" not in err


def test_a_damaged_archive_is_one_clear_message(installed, capsys, tmp_path):
    path = next((tmp_path / "xdg").rglob("3year-data-release.zip"))
    path.write_bytes(path.read_bytes()[:4_000_000])
    status, _, err = run(capsys, "-t", "55900.3", "--mjd")
    assert status == 1 and "is damaged" in err and "llama install icecube-3yr --force" in err
