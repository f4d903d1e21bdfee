"""`llama skymap_info`, as an operator types it."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from llama.cli.main import main
from llama.engine.folder.event import Event
from llama.flags import PRESETS

BNS = "notices/igwn_json/igwn_gwalert_preliminary.json"
O3 = "notices/lvk_voevent/S190425z_initial.xml"
FLAT = "skymaps/events/S190425z_bayestar_G330561.fits.gz"
GBM = "skymaps/grb/glg_healpix_all_bn180116026.fit"
MULTI = "skymaps/events/S240621_G495305_bayestar.multiorder.fits"


def info(event: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((event / "skymap_info.json").read_bytes())
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_alert(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skymap_info", "--alert", str(data / BNS), "-d", str(tmp_path), "--flags", "TRIGGERED_TEST"]) == 0
    event = tmp_path / "MS260605l"
    assert f"MS260605l is in {event}" in capsys.readouterr().out
    assert info(event)["gps_time"] == 1464695864.395
    assert Event.open(event).refresh().flags == PRESETS["TRIGGERED_TEST"]
    assert (event / "igwn_alert.json").read_bytes() == (data / BNS).read_bytes()


def test_voevent_and_map_into_the_current_run(data: Path, tmp_path: Path) -> None:
    words = ["files", "skymap_info", "--voevent", str(data / O3), "--skymap", str(data / FLAT)]
    assert main([*words, "--graceid", "S190425z", "--flags", "RERUN", "manual=true"]) == 0
    event = tmp_path / "xdg" / "share" / "llama" / "current_run" / "S190425z"
    assert info(event)["event_time"] == "2019-04-25T08:18:05.017147Z"
    assert (event / "lvc_skymap.fits.gz").read_bytes() == (data / FLAT).read_bytes()
    flags = Event.open(event).refresh().flags
    assert (flags["role"], flags["manual"], flags["upload"]) == ("observation", True, False)


def test_a_map_of_another_event_is_warned_of(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["skymap_info", "--voevent", str(data / O3), "-d", str(tmp_path), "--flags", "DEFAULT", "--skymap"]
    assert main([*words, str(data / MULTI), "--any-skymap"]) == 0
    assert "warning: the sky map may be of another event: its header says DATE-OBS 2024" in capsys.readouterr().err
    assert main([*words, str(data / FLAT), "-c"]) == 0
    said = capsys.readouterr()
    assert "may be of another" not in said.err
    assert (
        "  sky map   made by BAYESTAR (LIGO/Virgo), OBJECT G330561, INSTRUME L1,V1, DATE-OBS 2019-04-25" in said.out
    )


@pytest.mark.slow
def test_nobody_to_ask_about_a_map_of_something_else(data: Path, tmp_path: Path) -> None:
    words = ["--voevent", data / O3, "--skymap", data / GBM, "-d", tmp_path / "run", "--flags", "DEFAULT"]
    done = subprocess.run(
        [sys.executable, "-m", "llama", "skymap_info", *map(str, words)],
        input="yes\n",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    for words_said in (
        "DATE-OBS 2018-01-16T00:34:43, which is 4.012e+07 s from the event",
        "OBJECT GRB180116026, and not S190425z",
        "TELESCOP GLAST, which is no detector of gravitational waves",
        "CREATOR GBM_healpix.py 1.2, which is not known to make maps of gravitational waves",
        "Give --any-skymap if it is",
    ):
        assert words_said in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("answer", "status"), [("perhaps\nno", 2), ("yes", 0)])
@pytest.mark.slow
def test_the_question_about_a_map_of_something_else(data: Path, tmp_path: Path, answer: str, status: int) -> None:
    """On a real terminal."""
    words = ["--voevent", data / O3, "--skymap", data / GBM, "-d", tmp_path / "run", "--flags", "DEFAULT"]
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [sys.executable, "-m", "llama", "skymap_info", *map(str, words)],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.write(ours, f"{answer}\n".encode())
    out, err = done.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == status, err
    assert "Use this sky map all the same?" in out
    assert (tmp_path / "run").exists() == (status == 0)


def test_an_event_is_never_overwritten(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["skymap_info", "--alert", str(data / BNS), "-d", str(tmp_path), "--flags"]
    assert main([*words, "TRIGGERED_TEST"]) == 0
    before = contents(tmp_path)
    assert main([*words, "TRIGGERED_PUBLIC"]) == 1
    assert "exists already and was left as it is; -c updates it" in capsys.readouterr().err
    assert contents(tmp_path) == before


def test_clobber_keeps_history_and_vetoes(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["skymap_info", "--alert", str(data / BNS), "-d", str(tmp_path)]
    assert main([*words, "--flags", "TRIGGERED_TEST", "vetoed=true"]) == 0
    given = ["--skymap", str(data / MULTI), "--any-skymap"]
    assert main([*words, "-c", *given, "--flags", "TRIGGERED_PUBLIC"]) == 0
    assert "the notice calls itself a test" in capsys.readouterr().err
    event = Event.open(tmp_path / "MS260605l")
    assert (event.path / "lvc_skymap.multiorder.fits").read_bytes() == (data / MULTI).read_bytes()
    assert event.refresh().flags["role"] == "observation"
    assert event.refresh().flags["vetoed"], "no preset lifts a veto"
    assert main([*words, "-c", "--flags", "TRIGGERED_TEST"]) == 0
    assert "as before lvc_skymap.multiorder.fits" in capsys.readouterr().out


def test_a_folder_that_is_no_event(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "MS260605l").mkdir()
    (tmp_path / "MS260605l" / "precious").write_text("mine")
    words = ["skymap_info", "-c", "--alert", str(data / BNS), "-d", str(tmp_path), "--flags", "DEFAULT"]
    assert main(words) == 1
    assert "not an event folder" in capsys.readouterr().err
    assert contents(tmp_path) == {"MS260605l/precious": b"mine"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--alert", f"{{data}}/{O3}"], "this one is XML: give it with --voevent"),
        (["--voevent", f"{{data}}/{BNS}"], "this one is JSON: give it with --alert"),
        (["--voevent", "{data}/notices/fermi/fermi_final_gcn.xml"], "Fermi"),
        (["--voevent", f"{{data}}/{O3}"], "only names its sky map"),
        (["--voevent", f"{{data}}/{O3}", "--skymap", "bayestar.fits.gz"], "there is no file 'bayestar.fits.gz' here"),
        (["--voevent", f"{{data}}/{O3}", "--skymap", f"{{data}}/{BNS}"], "FITS"),
        (
            ["--voevent", "{data}/notices/lvk_voevent/MS181101ab-4-Retraction.xml", "--skymap", f"{{data}}/{FLAT}"],
            "a retraction of S190521r, from which no event is made; give it alone",
        ),
        (["--alert", "{data}/nothing-here"], "No such file"),
        (["--alert", "/dev/zero"], "/dev/zero is a device, not a file; save what it gives in a file and name that"),
        (["--voevent", "/dev/zero"], "/dev/zero is a device"),
        (["--voevent", f"{{data}}/{O3}", "--skymap", "/dev/zero"], "/dev/zero is a device"),
        (["--voevent", f"{{data}}/{O3}", "--skymap", "{data}"], "is a folder, not a file; name a file in it"),
        (["--alert", "{data}"], "is a folder, not a file; name a file in it"),
        (["--alert", f"{{data}}/{BNS}", "--graceid", "S190425z"], "different events: MS260605l, S190425z"),
        (["--graceid", "S190425z"], "S190425z cannot be looked up"),
        (["--graceid", "../x"], "not a GraceID"),
        ([], "nothing to start from"),
    ],
)
def test_refusals(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    message: str,
) -> None:
    monkeypatch.setenv("LLAMA_GRACEDB_SERVICE_URL", "nowhere")
    run = tmp_path / "run"
    given = [word.format(data=data) for word in words]
    assert main(["skymap_info", *given, "-d", str(run), "--flags", "DEFAULT"]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1, "one line"
    assert not run.exists()


def test_flags(capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path) -> None:
    assert main(["skymap_info", "--flag-presets"]) == 0
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} == set(PRESETS)
    assert main(["skymap_info", "--dry-run-flags", "--flags", "RERUN", "upload=yes"]) == 0
    assert capsys.readouterr().out.startswith("role=observation online=true upload=true")
    words = ["skymap_info", "--alert", str(data / BNS), "-d", str(tmp_path / "run"), "--flags", "upload=perhaps"]
    assert main(words) == 2
    assert "write true or false" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def command(data: Path, run: Path) -> list[str]:
    return [sys.executable, "-m", "llama", "skymap_info", "--alert", str(data / BNS), "-d", str(run)]


@pytest.mark.slow
def test_nobody_to_ask(data: Path, tmp_path: Path) -> None:
    done = subprocess.run(command(data, tmp_path / "run"), input="real\n", capture_output=True, text=True)
    assert done.returncode == 2
    assert "--flags TRIGGERED_PUBLIC (real) or --flags TRIGGERED_TEST" in done.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("answer", "preset"), [("real", "TRIGGERED_PUBLIC"), ("test", "TRIGGERED_TEST")])
def test_the_question(data: Path, tmp_path: Path, answer: str, preset: str) -> None:
    """On a real terminal; an answer that is neither is asked again."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        command(data, tmp_path), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    os.write(ours, f"dunno\n{answer}\n".encode())
    out, err = done.communicate(timeout=60)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0
    assert "The notice calls itself a test" in out
    assert ("warning: the notice calls itself a test, so every output says TEST" in err) == (answer == "real")
    assert out.count("decides what goes out to collaborators") == 2
    assert Event.open(tmp_path / "MS260605l").refresh().flags == PRESETS[preset]
