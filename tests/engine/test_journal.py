"""The journal's lines: what is torn, unknown, old or damaged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
import toys
from toybench import Bench
from toys import BOTH, COUNT, UPPER

from llama.engine.folder import care, journal
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Journal, Unknown, Vetoed


def append_raw(bench: Bench, data: bytes) -> Path:
    path = bench.event.path / ".llama" / "journal.jsonl"
    with open(path, "ab") as file:
        file.write(data)
    return path


def test_lines_are_json_with_kind_version_and_utc_time(bench: Bench) -> None:
    bench.make(UPPER)
    lines = [json.loads(line) for line in (bench.event.folder / "journal.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["Flagged", "Received", "Claimed", "Made"]
    assert all(line["v"] == 1 and line["at"] == "2026-01-02T03:04:05Z" for line in lines)


def test_a_torn_last_line_never_happened_and_is_cut(bench: Bench) -> None:
    path = append_raw(bench, b'{"kind":"Vetoed","v":1,"at":"2026-01-02T03:0')
    assert bench.status(UPPER).kind == "ready"
    bench.make(UPPER, COUNT, BOTH)
    assert b"03:0{" not in path.read_bytes()
    (kept,) = (bench.event.folder / "aside").iterdir()
    assert kept.read_bytes() == b'{"kind":"Vetoed","v":1,"at":"2026-01-02T03:0'
    assert all(not isinstance(entry, Unknown) for entry in bench.event.entries())
    assert bench.kinds() == ["done"] * 4


def test_a_long_torn_line_of_zeros_is_cut(bench: Bench) -> None:
    """A file system may have extended the file before it wrote the data."""
    path = append_raw(bench, b"\0" * 200_000)
    bench.make(UPPER)
    assert b"\0" not in path.read_bytes()


def test_a_torn_line_is_cut_by_repair(bench: Bench) -> None:
    path = append_raw(bench, b"half")
    (said,) = care.repair(bench.event, now=bench.now)
    (kept,) = (bench.event.folder / "aside").iterdir()
    assert said.endswith(f"its bytes are kept as {kept}") and kept.read_bytes() == b"half"
    assert path.read_bytes().endswith(b"}\n")


def test_whole_lines_that_were_cut_off_are_noticed(bench: Bench) -> None:
    bench.make(UPPER, COUNT)
    assert care.check(bench.event) == []
    path = bench.event.folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))
    found = care.check(Event(bench.event.path))
    assert f"its last entries were cut off ({len(lines[-1])} bytes); put .llama/journal.jsonl back" in found[0]
    event = Event(bench.event.path)
    assert any("from now on what is left counts" in line for line in care.repair(event, now=bench.now))
    assert not any("cut off" in line for line in care.check(event))


def test_unknown_kinds_are_kept_and_ignored(bench: Bench) -> None:
    line = b'{"kind":"Teleported","v":7,"at":"2026-01-02T03:04:05Z","to":"Mars"}\n'
    path = append_raw(bench, line)
    bench.make(UPPER)
    assert line in path.read_bytes()
    assert Unknown(line.strip()) in bench.event.entries()
    assert care.check(bench.event) == []


def test_a_damaged_line_is_reported_and_ignored(bench: Bench) -> None:
    append_raw(bench, b'{"kind":"Made","at":3}\nnonsense\n')
    bench.make(UPPER)
    assert [line.split(" ")[2] for line in care.check(bench.event)] == ["3", "4"]


def test_fields_of_later_versions_are_ignored_and_of_earlier_ones_filled(bench: Bench) -> None:
    append_raw(bench, b'{"kind":"Vetoed","v":9,"at":"2026-01-02T03:04:05Z","why":"x","mood":"bad"}\n')
    assert bench.status(UPPER).kind == "held"
    append_raw(bench, b'{"kind":"Unvetoed","at":"2026-01-02T03:04:05Z"}\n')
    assert bench.status(UPPER).kind == "ready"


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("journal-v1.jsonl", {"Sending", "Notified"}),
        ("journal-v1-orders.jsonl", {"Sending", "Notified"}),
        ("journal-v1-sending.jsonl", {"Notified"}),
    ],
)
def test_a_journal_of_version_1_reads_as_ever(name: str, later: set[str]) -> None:
    """Written once, never to be changed: what version 1 wrote must be understood by every later one."""
    text = (Path(__file__).parent / name).read_bytes()
    entries = [journal.parse(line) for line in text.splitlines()]
    assert {type(entry).__name__ for entry in entries} == journal._NAMES - later
    assert [msgspec.json.encode(entry) for entry in entries] == text.splitlines()


def test_reading_goes_on_where_it_stopped(bench: Bench) -> None:
    reader = Journal(bench.event.folder)
    assert len(reader.news()[1]) == 2
    assert reader.news() == (False, [])
    bench.event.veto(None, why="", now=bench.now, by="ada@control")
    again, news = reader.news()
    assert (again, news) == (False, [Vetoed(at=toys.NOW, by="ada@control")])


def test_a_replaced_journal_is_read_from_the_start(bench: Bench) -> None:
    bench.event.refresh()
    path = bench.event.folder / "journal.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    (copy := path.with_name("copy")).write_bytes(lines[0])
    copy.rename(path)
    assert bench.event.refresh().files == {}


@pytest.mark.slow
def test_appends_from_many_processes_are_whole(bench: Bench) -> None:
    code = """
import sys, subprocess
from pathlib import Path
from llama.engine.folder.event import Event
import toys
event = Event(Path(sys.argv[1]))
for n in range(50):
    event.veto(f"file{n}", why="x" * 5000, now=toys.NOW)
"""
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    running = [subprocess.Popen([sys.executable, "-c", code, bench.event.path], env=environment) for _ in range(4)]
    assert [child.wait(60) for child in running] == [0] * 4
    entries = Event(bench.event.path).entries()
    assert len(entries) == 202
    assert not any(isinstance(entry, Unknown) for entry in entries)
