"""The archive: every message as received, by day, never overwritten; dead letters beside their reasons."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from llama.intake import Archive, files_between
from llama.messengers import Message

NOW = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
O3 = "notices/lvk_voevent/S190425z_initial.xml"


def test_a_message_is_kept_as_received_by_its_own_name(data: Path, tmp_path: Path) -> None:
    raw = (data / O3).read_bytes()
    path = Archive(tmp_path).keep(Message(raw), now=NOW)
    assert path == tmp_path / "2026-03" / "04" / "gwnet_LVC#S190425z-1-Initial.xml"
    assert path.read_bytes() == raw
    assert Archive(tmp_path).keep(Message(raw), now=NOW) == path
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (Message(b"{}", "a.topic", "kafka 0:17"), "kafka_0_17.json"),
        (Message(b"Obj\x01...", "a.topic", "17"), "17.avro"),
        (Message(b"plain", "a.topic", "17"), "17.bin"),
        (Message(b"{}", id="../../etc/passwd"), "etc_passwd.json"),
        (Message(b"{}", id="ivo://gwnet/LVC#1.json"), "gwnet_LVC#1.json"),
        (Message(b"{}"), "44136fa355b3678a1146ad16f7e8649e.json"),  # sha256 of {}
        (Message(b"{}", id="..."), "44136fa355b3678a1146ad16f7e8649e.json"),
        (Message(b"{}", id="a" * 500), "a" * 120 + "44136fa355b3678a1146ad16f7e8649e.json"),
        (Message(b"<broken"), None),
    ],
)
def test_names(tmp_path: Path, message: Message, name: str | None) -> None:
    path = Archive(tmp_path / "gcn").keep(message, now=NOW)
    assert path.parent == tmp_path / "gcn" / "2026-03" / "04"
    assert path.name == name if name else path.suffix == ".xml"
    assert path.read_bytes() == message.data


def test_another_message_of_the_same_name_overwrites_nothing(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    paths = [archive.keep(Message(f'{{"n": {n}}}'.encode(), id="7"), now=NOW) for n in (0, 1, 2, 1, 0)]
    assert len(set(paths)) == 3 and paths[0] == paths[4] and paths[1] == paths[3]
    assert paths[0].read_bytes() == b'{"n": 0}' and paths[2].read_bytes() == b'{"n": 2}'


def test_the_day_is_that_of_arrival_in_utc(tmp_path: Path) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=2)))
    assert Archive(tmp_path).keep(Message(b"{}"), now=there).parent == tmp_path / "2026-03" / "04"
    assert Archive(tmp_path).keep(Message(b"{}"), now=there.replace(tzinfo=None)).parent.name == "05"


def test_a_dead_letter_is_beside_its_reason(tmp_path: Path) -> None:
    archive, message = Archive(tmp_path), Message(b"{broken", "igwn.gwalert", "9")
    path = archive.bury(message, "gw: malformed JSON", now=NOW)
    assert path == tmp_path / "dead_letters" / "2026-03" / "04" / "9.json"
    assert path.read_bytes() == b"{broken"
    assert (path.parent / "9.json.reason.txt").read_text() == "gw: malformed JSON\nheard on igwn.gwalert\n"
    archive.bury(message, "gw: malformed JSON", now=NOW)
    assert len(list(path.parent.iterdir())) == 2
    archive.bury(message, "radio: no burst", now=NOW)
    assert sorted(one.read_text()[:2] for one in path.parent.glob("*.txt")) == ["gw", "ra"]


def test_messages_of_some_days_are_found_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for day in range(5):
        archive.keep(Message(b"{}", id=str(day)), now=NOW + timedelta(days=day))
    archive.bury(Message(b"{}", id="dead"), "no reason", now=NOW)
    found = files_between(tmp_path, NOW + timedelta(days=1), NOW + timedelta(days=2))
    assert [path.name for path in found] == ["1.json", "2.json"]
    assert files_between(tmp_path / "nothing", NOW, NOW) == []
    (tmp_path / "loose").mkdir()
    (tmp_path / "loose" / "notice.xml").write_bytes(b"<x/>")
    assert [path.name for path in files_between(tmp_path / "loose", NOW, NOW)] == ["notice.xml"]
