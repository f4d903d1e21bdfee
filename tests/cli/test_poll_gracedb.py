"""`llama poll gracedb` and `llama skymap_info --graceid`, as an operator types them."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llama.cli.main import main
from llama.engine.folder import Event
from llama.flags import PRESETS
from llama.science.times import format_utc, gps_from_utc
from llama.testing import GraceDBServer, superevent_record

PRELIMINARY = "notices/igwn_json/igwn_gwalert_preliminary.json"
RETRACTION = "notices/igwn_json/igwn_gwalert_retraction.json"
MS220722V = "notices/gracedb_json/MS220722v.json"
MAP = "skymaps/mock_and_sim/MS220722v_bayestar.multiorder.fits"
CLASSES = {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[GraceDBServer]:
    """One that the command asks, which is not patient here."""
    with GraceDBServer() as running:
        monkeypatch.setenv("LLAMA_GRACEDB_SERVICE_URL", running.url)
        monkeypatch.setenv("LLAMA_GRACEDB_PAUSE_S", "0.001")
        yield running


def mock_alert(server: GraceDBServer, data: Path) -> str:
    """A superevent of half an hour ago with its preliminary alert."""
    raw = (data / PRELIMINARY).read_bytes()
    gps_time = gps_from_utc(format_utc(datetime.now(UTC))) - 1800
    graceid = server.state.add(superevent_record(json.loads(raw), gps_time))
    server.state.notice(graceid, raw)
    return graceid


def stored(server: GraceDBServer, data: Path) -> str:
    graceid = server.state.add(json.loads((data / MS220722V).read_bytes()))
    server.state.store(graceid, "p_astro.json", json.dumps(CLASSES).encode())
    server.state.store(graceid, "bayestar.multiorder.fits", b"an earlier one", tags=("sky_loc", "public"))
    server.state.store(graceid, "bayestar.multiorder.fits", (data / MAP).read_bytes(), tags=("sky_loc", "public"))
    server.state.store(graceid, "bayestar.fits.gz", b"the same, flat", tags=("sky_loc", "public"))
    return graceid


def test_an_alert_that_was_missed(
    server: GraceDBServer, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_alert(server, data)
    words = ["poll", "gracedb", "--once", "--mock", "-r", str(tmp_path / "run"), "-g", str(tmp_path / "gcn")]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "MS260605l-1-preliminary.json,0: new event MS260605l-1-Preliminary" in said
    assert f"next: llama run -o {tmp_path / 'run'}/" in said
    event = Event.open(tmp_path / "run" / "MS260605l-1-Preliminary")
    assert (event.path / "igwn_alert.json").read_bytes() == (data / PRELIMINARY).read_bytes()
    assert event.refresh().flags == PRESETS["TRIGGERED_TEST"]
    server.state.notice("MS260605l", (data / RETRACTION).read_bytes())
    assert main(words) == 0
    assert "MS260605l-2-retraction.json,0: takes back MS260605l-1-Preliminary" in capsys.readouterr().out
    assert main(words) == 0
    assert capsys.readouterr().out == "1 superevent(s) looked at, 0 notice(s) taken in, 0 new event(s)\n"
    log = (tmp_path / "xdg" / "share" / "llama" / "logs" / "gracedb.log").read_text()
    assert "MS260605l-1-preliminary.json,0 new: MS260605l-1-Preliminary" in log


def test_mock_alerts_only_when_asked_for(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    mock_alert(server, data)
    assert main(["poll", "gracedb", "--once", "-r", str(tmp_path / "run")]) == 0
    assert not list((tmp_path / "run").glob("MS*"))


def test_what_goes_wrong_is_told_and_ends_with_1(
    server: GraceDBServer, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mock_alert(server, data)
    words = ["poll", "gracedb", "--once", "--mock", "-r", str(tmp_path / "run")]
    server.fail(503, times=-1, where="/notices/")
    assert main(words) == 1
    said = capsys.readouterr()
    assert "the notices of MS260605l at 127.0.0.1" in said.err and "it answered 503" in said.err
    server.faults.clear()
    server.fail(500, times=-1)
    assert main(words) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("llama: superevents at 127.0.0.1") and "it answered 500" in line


def test_a_disk_that_is_full_is_told_and_the_alert_comes_later(
    server: GraceDBServer,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mock_alert(server, data)
    words = ["poll", "gracedb", "--once", "--mock", "-r", str(tmp_path / "run")]

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("llama.intake.archive.os.fsync", full)
        assert main(words) == 1
    assert "the disk is full; free some space" in capsys.readouterr().err
    assert main(words) == 0
    assert (tmp_path / "run" / "MS260605l-1-Preliminary").is_dir()


def test_an_event_by_its_graceid(
    server: GraceDBServer, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graceid = stored(server, data)
    run = tmp_path / "run"
    assert main(["skymap_info", "--graceid", graceid, "-d", str(run), "--flags", "DEFAULT"]) == 0
    event = run / graceid
    assert (event / "lvc_skymap.multiorder.fits").read_bytes() == (data / MAP).read_bytes()
    info = json.loads((event / "skymap_info.json").read_bytes())
    assert (info["skymap_filename"], info["alert_type"]) == ("bayestar.multiorder.fits,1", "")
    assert json.loads((event / "p_astro.json").read_bytes()) == CLASSES
    assert json.loads((event / "lvc_gracedb_event_data.json").read_bytes())["snr"] == 12.20855680626767
    words = ["skymap_info", "--graceid", graceid, "-d", str(run), "--flags", "DEFAULT", "-c", "--skymap"]
    assert main([*words, "bayestar.multiorder.fits,1"]) == 0
    capsys.readouterr()
    assert main([*words, "Bilby.fits"]) == 1
    assert "GraceDB shows no file 'Bilby.fits' of MS220722v (there is bayestar.fits.gz" in capsys.readouterr().err
    assert main([*words, "bayestar.multiorder.fits,0"]) == 1
    assert "FITS" in capsys.readouterr().err


@pytest.mark.parametrize(("status", "says"), [(401, "needs credentials (401)"), (404, "or it is not public")])
def test_an_event_that_is_not_public(
    server: GraceDBServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int, says: str
) -> None:
    server.state.add({"graceid": "G298048", "gpstime": 1187008882.4})
    server.private["G298048"] = status
    assert main(["skymap_info", "--graceid", "G298048", "-d", str(tmp_path / "run"), "--flags", "DEFAULT"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("llama: G298048 at 127.0.0.1") and says in line and "[gracedb]" in line
    assert not (tmp_path / "run").exists()


def test_an_event_for_those_with_a_token(
    server: GraceDBServer,
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A real record of a mock event, with the map of another one: that is told."""
    record = json.loads((data / "notices" / "gracedb_json" / "lvalert_event_creation.json").read_bytes())["object"]
    graceid = server.state.add(record)
    server.private[graceid] = 401
    server.state.store(graceid, "bayestar.multiorder.fits", (data / MAP).read_bytes(), tags=("sky_loc",))
    token = tmp_path / "token"
    token.write_text(server.token)
    monkeypatch.setenv("LLAMA_GRACEDB_TOKEN_FILE", str(token))
    words = ["skymap_info", "--graceid", graceid, "-d", str(tmp_path / "run"), "--flags", "DEFAULT"]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "the sky map may be of another event" in said.err and server.token not in said.out + said.err
    info = json.loads((tmp_path / "run" / graceid / "skymap_info.json").read_bytes())
    assert (info["graceid"], info["role"], info["far"]) == (graceid, "test", record["far"])
    assert info["gps_time"] == pytest.approx(record["gpstime"], abs=1e-6)
    assert json.loads((tmp_path / "run" / graceid / "p_astro.json").read_bytes()) == {}


def test_without_the_library(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llama.services.gracedb.setup.find_spec", lambda name: None)
    assert main(["poll", "gracedb", "--once"]) == 1
    assert "pip install 'llama-astro[gracedb]'" in capsys.readouterr().err
    assert main(["skymap_info", "--graceid", "S190425z", "--flags", "DEFAULT"]) == 1
    assert "pip install 'llama-astro[gracedb]'" in capsys.readouterr().err


@pytest.mark.component
def test_a_program_that_goes_on_until_stopped(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """It outlives a GraceDB that is away, and is killed in the middle of a download without harm."""
    mock_alert(server, data)
    server.fail(500, times=6, where="/superevents/")
    server.stall(30, where="/files/")
    run = tmp_path / "run"
    words = [sys.executable, "-m", "llama", "poll", "gracedb", "--mock", "--interval", "1", "-r", str(run)]

    def started() -> subprocess.Popen[str]:
        return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)

    first = started()
    until(lambda: any("/files/" in line for line in server.asked))
    first.kill()
    assert "it answered 500" in first.communicate()[1]
    assert not list(run.glob("MS*"))
    second = started()
    event = run / "MS260605l-1-Preliminary" / "igwn_alert.json"
    until(event.exists)
    until(lambda: sum("t_0" in line for line in server.asked) > 9)
    said_last = tmp_path / "xdg" / "share" / "llama" / "logs" / "gracedb.state.json"
    until(lambda: json.loads(said_last.read_bytes())["last_message"] == "MS260605l-1-preliminary.json,0")
    state = json.loads(said_last.read_bytes())
    assert (state["pid"], state["failures"], state["ended"]) == (second.pid, 0, None)
    assert state["about"]["run"] == str(run)
    server.stall(60, where="/superevents/")
    until(lambda: not server.faults.left)
    second.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    said = second.communicate(timeout=60)[0]
    assert time.monotonic() - begun < 20, "nobody waits for a GraceDB that is silent"
    assert second.returncode == 0
    assert said.count("new event MS260605l-1-Preliminary") == 1 and said.endswith("stopped\n")


def until(true: Callable[[], object], seconds: float = 60.0) -> None:
    begun = time.monotonic()
    while not true():
        assert time.monotonic() - begun < seconds
        time.sleep(0.05)


def commands() -> list[list[str]]:
    page = (Path(__file__).resolve().parents[2] / "docs" / "operate" / "gracedb.md").read_text(encoding="utf-8")
    return [
        shlex.split(line)[1:]
        for block in re.findall(r"```sh\n(.*?)```", page, re.DOTALL)
        for line in block.splitlines()
    ]


def test_every_command_of_the_guide(
    server: GraceDBServer, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that goes on is stopped where it would wait."""
    graceid = stored(server, data)
    server.state.candidates[graceid].contents["bayestar.multiorder.fits", 0] = (data / MAP).read_bytes()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("llama.cli.poll_gracedb._rest", interrupted)
    assert len(commands()) == 5
    for words in commands():
        assert main(words) == 0, words


def interrupted(*given: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.component
def test_killed_again_and_again_it_takes_each_alert_once(server: GraceDBServer, data: Path, tmp_path: Path) -> None:
    """`kill -9` while the first, the second, the third … notice is fetched, or taken in."""
    notice = json.loads((data / PRELIMINARY).read_bytes())
    gps_time = gps_from_utc(format_utc(datetime.now(UTC))) - 1800
    graceid = server.state.add(superevent_record(notice, gps_time))
    kinds = ["EARLYWARNING", "PRELIMINARY", "PRELIMINARY", "INITIAL", "UPDATE", "UPDATE", "RETRACTION"]
    for number, kind in enumerate(kinds):
        written = {"alert_type": kind, "time_created": f"2026-06-05T12:{number:02}:00Z"}
        gone = {"event": None} if kind == "RETRACTION" else {}
        server.state.notice(graceid, json.dumps(notice | written | gone).encode())
    words = [sys.executable, "-m", "llama", "poll", "gracedb", "--mock", "--once", "-r", str(tmp_path / "run")]
    for number in range(1, 8):
        server.asked.clear()
        running = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=os.environ)
        wanted = number
        until(lambda: sum("/files/" in line for line in server.asked) >= wanted or running.poll() is not None)  # noqa: B023
        time.sleep(0.02 * (number % 3))
        running.kill()
        running.wait()
    assert subprocess.run(words, stdout=subprocess.DEVNULL, env=os.environ).returncode == 0
    events = [event for event in (tmp_path / "run").iterdir() if not event.name.startswith(".")]
    assert sorted(event.name for event in events) == [
        f"MS260605l-{number}-{kind}"
        for number, kind in enumerate(
            ("EarlyWarning", "Preliminary", "Preliminary", "Initial", "Update", "Update"), 1
        )
    ]
    assert all((event / "igwn_retraction.json").exists() for event in events)
