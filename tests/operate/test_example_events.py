"""`llama install example-events`: events of past runs, of packaged notices and maps that are checked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llama.cli.main import main
from llama.engine.folder import Event
from llama.flags import Flags
from llama.operate.example_events import EXAMPLES


@pytest.mark.slow
def test_the_events_of_the_guide_are_made(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = tmp_path / "xdg" / "share" / "llama" / "past_runs"
    assert main(["install", "example-events", "--from", str(data / "skymaps" / "events")]) == 0
    out, err = capsys.readouterr()
    assert "GW170817" in out and f"llama run -o {runs / 'events-o2' / 'G298048'}" in out and err == ""
    found = {path.relative_to(runs).as_posix() for path in runs.glob("*/*") if not path.name.startswith(".")}
    assert found == {"events-o2/G298048", "events-o3/S190425z", "events-o3/S190814bv"}
    for one in EXAMPLES:
        path = runs / one.run / one.graceid
        assert sorted(file.name for file in path.iterdir() if not file.name.startswith(".")) == [
            "lvc_gcn.xml",
            "lvc_skymap.fits.gz",
        ]
        flags = Flags.of(Event(path).refresh().flags)
        assert (flags.role, flags.upload, flags.icecube_upload) == ("observation", False, False)
    assert main(["install", "example-events"]) == 0
    assert capsys.readouterr().out.count("(was there)") == len(EXAMPLES)
    assert main(["run", "-o", str(runs / "events-o2" / "G298048"), "-f", "SKYMAP_INFO", "GW_SKYMAP"]) == 0
    assert (runs / "events-o2" / "G298048" / "lvc_skymap.multiorder.fits").is_file()


def test_what_cannot_be_had_is_told(tmp_path: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copies = tmp_path / "maps"
    copies.mkdir()
    shutil.copyfile(data / "skymaps" / "events" / "S190425z_2_LALInference.fits.gz", copies / "mine.fits.gz")
    (copies / "other.fits.gz").write_bytes(b"0" * EXAMPLES[0].size)
    assert main(["install", "example-events", "--from", str(copies)]) == 1
    out, err = capsys.readouterr()
    assert "S190425z" in out and len(err.splitlines()) == 2
    assert f"{copies} has no file with SHA-256 {EXAMPLES[0].sha256}, GW170817_skymap.fits.gz of G298048" in err
    assert main(["install", "example-events", "--from", str(tmp_path / "none")]) == 1
    assert "is no folder of sky maps" in capsys.readouterr().err


def test_an_address_that_cannot_be_reached_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert main(["install", "example-events"]) == 1
    err = capsys.readouterr().err
    assert err.count("could not be fetched: https://raw.githubusercontent.com/") == len(EXAMPLES)
    assert "fetch it by hand and name its folder with --from" in err
