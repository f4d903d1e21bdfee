"""Numbers of alerts: given once, never again, at the same cost for the last as for the first."""

from __future__ import annotations

import hashlib
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

from llama.engine.folder.run import Delivery, Run
from llama.intake.numbering import FILENAME, Numbered, Numbers


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "run"


def lines(run: Path) -> list[Numbered]:
    found = (run / ".llama" / FILENAME).read_bytes().splitlines()
    return [msgspec.json.decode(line, type=Numbered) for line in found]


def test_alerts_are_numbered_in_order_of_arrival_and_never_again(run: Path) -> None:
    for numbers in (Numbers(run), Numbers(run)):
        assert numbers.number("S230914ak", "EarlyWarning", "alert one") == "S230914ak-1-EarlyWarning"
        assert numbers.number("S230914ak", "Preliminary", b"alert two") == "S230914ak-2-Preliminary"
        assert numbers.number("S230914ak", "EarlyWarning", "alert one") == "S230914ak-1-EarlyWarning"
        assert numbers.number("S999999z", "Preliminary", "alert two") == "S999999z-1-Preliminary"
    assert len(lines(run)) == 3


def test_a_known_serial_wins_unless_taken(run: Path) -> None:
    numbers = Numbers(run)
    assert numbers.number("S1", "Update", "a", serial=4) == "S1-4-Update"
    assert numbers.number("S1", "Update", "b") == "S1-5-Update"
    assert numbers.number("S1", "Update", "c", serial=4) == "S1-6-Update"
    assert numbers.number("S1", "Initial", "d", serial=2) == "S1-2-Initial"


def test_numbers_outlive_their_file(run: Path) -> None:
    for name in ("S1-3-Update", "S12-9-Update"):
        Run(run).accept(Delivery(name, {"source.txt": b"x"}))
    assert Numbers(run).number("S1", "Update", "new") == "S1-4-Update"


def test_a_file_lost_under_way_gives_no_number_twice(run: Path) -> None:
    numbers = Numbers(run)
    Run(run).accept(Delivery(numbers.number("S1", "Update", "a"), {"source.txt": b"x"}))
    (run / ".llama" / FILENAME).unlink()
    assert numbers.number("S1", "Update", "b") == "S1-2-Update"


def test_a_folder_put_there_under_way_keeps_its_number(run: Path) -> None:
    numbers = Numbers(run)
    assert numbers.number("S1", "Initial", "a") == "S1-1-Initial"
    (run / "S1-2-Initial").mkdir()
    assert numbers.number("S1", "Update", "b") == "S1-3-Update"


def test_runs_numbered_by_earlier_versions_go_on(run: Path) -> None:
    """A line as versions wrote it that rewrote the whole file for each alert."""
    (run / ".llama").mkdir(parents=True)
    digest = hashlib.sha256(b"alert").hexdigest()
    line = f'{{"superevent":"S1","serial":7,"event_id":"S1-7-Initial","identity":"{digest}"}}\n'
    (run / ".llama" / FILENAME).write_text(line)
    numbers = Numbers(run)
    assert numbers.number("S1", "Initial", "alert") == "S1-7-Initial"
    assert numbers.number("S1", "Update", "other") == "S1-8-Update"
    fresh = run / ".llama" / "numbers.new"  # such a version works beside this one
    fresh.write_bytes((run / ".llama" / FILENAME).read_bytes() + line.replace("7", "9").encode())
    fresh.rename(run / ".llama" / FILENAME)
    assert numbers.number("S1", "Update", "third") == "S1-10-Update"


def test_a_torn_last_line_is_cut_and_kept_aside(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert Numbers(run).number("S1", "Update", "a") == "S1-1-Update"
    path, torn = run / ".llama" / FILENAME, b'{"superevent":"S1","ser'
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    with caplog.at_level(logging.WARNING):
        assert Numbers(run).number("S1", "Update", "b") == "S1-2-Update"
    (kept,) = (run / ".llama" / "aside").iterdir()
    assert kept.read_bytes() == torn and str(kept) in caplog.text
    assert path.read_bytes().startswith(whole) and [entry.serial for entry in lines(run)] == [1, 2]


def test_a_line_that_cannot_be_read_does_not_stop_the_alerts(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    Run(run).accept(Delivery(Numbers(run).number("S1", "Update", "a"), {"source.txt": b"x"}))
    (run / ".llama" / FILENAME).write_bytes(b"\0\0\0\n")
    with caplog.at_level(logging.WARNING):
        assert Numbers(run).number("S1", "Update", "b") == "S1-2-Update"
    assert "ends at byte 4 cannot be read" in caplog.text


NUMBER = """
import sys
from pathlib import Path
from llama.intake.numbering import Numbers
numbers = Numbers(Path(sys.argv[1]))
for n in range(20):
    numbers.number("S1", "Update", f"alert {n}")
    numbers.number("S1", "Update", f"alert of {sys.argv[2]} {n}")
"""


@pytest.mark.slow
def test_numbers_are_unique_across_processes(run: Path) -> None:
    run.mkdir()
    racers = [subprocess.Popen([sys.executable, "-c", NUMBER, run, str(name)]) for name in range(3)]
    assert [racer.wait(60) for racer in racers] == [0] * 3
    assert sorted(entry.serial for entry in lines(run)) == list(range(1, 81))


def calls(what: Callable[[], object]) -> Counter[str]:
    """Every call that Python makes meanwhile, its own and those into C, by name."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, arg: Any) -> None:
        if event in ("call", "c_call"):
            found[arg.__name__ if event == "c_call" else frame.f_code.co_name] += 1

    sys.setprofile(note)
    try:
        what()
    finally:
        sys.setprofile(None)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("one_superevent", [False, True])
def test_the_last_of_5000_alerts_costs_what_an_early_one_did(
    run: Path, monkeypatch: pytest.MonkeyPatch, one_superevent: bool
) -> None:
    monkeypatch.setattr("os.fsync", lambda descriptor: None)  # the only thing here that takes long
    numbers = Numbers(run)

    def number(n: int) -> str:
        superevent = "S1" if one_superevent else f"S{n}x"
        return numbers.number(superevent, "Initial", str(n))

    for n in range(10):
        number(n)
    early = calls(lambda: number(10))
    for n in range(11, 5000):
        number(n)
    late = calls(lambda: number(5000))
    assert late == early and early["scandir"] == 0
    assert number(5000) == ("S1-5001-Initial" if one_superevent else "S5000x-1-Initial")


@pytest.mark.slow
def test_to_accept_events_does_not_list_the_run(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")

    def accept(n: int) -> None:
        run.accept(Delivery(f"S{n}", {"source.txt": b"x"}))

    accept(0)
    early = calls(lambda: accept(1))
    for n in range(2, 60):
        accept(n)
    late = calls(lambda: accept(60))
    assert late["scandir"] == early["scandir"] and abs(late.total() - early.total()) < 60
