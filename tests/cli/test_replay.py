"""`llama listen replay`: real notices once more, in order of time, at once or at the pace of the past."""

from __future__ import annotations

import base64
import io
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fastavro
import pytest

from llama.app import messengers
from llama.cli.main import main
from llama.engine.folder import Run
from llama.formats.avro import as_json, is_avro
from llama.formats.errors import NoticeError
from llama.formats.written import written
from llama.intake import Archive, Intake
from llama.messengers import Message
from llama.messengers.gw import MESSENGER
from llama.operate.replaying import at_pace, collect
from llama.testing import NOW, demo_alert

GW = "notices/igwn_json/igwn_gwalert_preliminary.json"
BACK = "notices/igwn_json/igwn_gwalert_retraction.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "xdg" / "share" / "llama"


def ids(home: Path) -> list[str]:
    return sorted(event.id for event in Run(home / "current_run").events())


def avro(notice: bytes) -> bytes:
    """The notice as SCiMMA sends it: by a schema of the same fields, the map as bytes."""
    record: dict[str, Any] = json.loads(notice)
    if record["event"]:
        record["event"]["skymap"] = base64.b64decode(record["event"]["skymap"])
    out = io.BytesIO()
    fastavro.writer(out, fastavro.parse_schema(_schema("Alert", record)), [record])
    return out.getvalue()


def _schema(name: str, value: Any) -> Any:
    if isinstance(value, dict):
        fields = [{"name": key, "type": _schema(f"{name}_{key}", one)} for key, one in value.items()]
        return {"type": "record", "name": name, "fields": fields}
    if isinstance(value, list):
        return {"type": "array", "items": _schema(name, value[0])}
    kinds = {bool: "boolean", int: "long", float: "double", str: "string", bytes: "bytes", type(None): "null"}
    return kinds[type(value)]


@pytest.mark.slow
def test_notices_of_files_are_taken_in_in_order_of_writing(
    data: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = [data / BACK, data / "notices/lvk_voevent/S190425z_initial.xml", data / GW]
    assert main(["listen", "replay", *map(str, places)]) == 0
    said = capsys.readouterr().out
    assert said.index("S190425z_initial") < said.index("preliminary.json") < said.index("retraction.json")
    assert ids(home) == ["MS260605l-1-Preliminary", "S190425z-1-Initial"]
    test, real = (event.refresh().flags for event in Run(home / "current_run").events())
    assert test["role"] == "test" and test["blinded_neutrinos"]
    assert real["role"] == "observation" and not real["upload"], "an alert of the past is sent nowhere"
    assert (home / "current_run" / "MS260605l-1-Preliminary" / "igwn_retraction.json").exists()
    kept = [path.name for path in (home / "gcn").glob("2*/*/*")]
    assert "igwn_gwalert_preliminary.json" in kept and len(kept) == 3
    assert main(["listen", "replay", str(home / "gcn")]) == 0
    assert "3 notice(s), 0 new event(s), 0 of which" in capsys.readouterr().out
    assert [path.name for path in (home / "gcn").glob("2*/*/*")] == kept, "what is archived is not archived again"


@pytest.mark.slow
def test_a_fresh_alert_has_the_flags_of_one_that_is_heard(tmp_path: Path, home: Path) -> None:
    now = datetime.now(UTC)
    for name, at in (("S260102a", now), ("S260101b", now - timedelta(days=3))):
        changes = {"time_created": f"{at:%Y-%m-%dT%H:%M:%SZ}", "urls": {}}
        record = json.loads(demo_alert(name, **changes).data)
        record["event"]["search"] = "AllSky"
        (tmp_path / f"{name}.json").write_bytes(json.dumps(record).encode())
    assert main(["listen", "replay", str(tmp_path / "S260102a.json"), str(tmp_path / "S260101b.json")]) == 0
    old, new = (event.refresh().flags for event in Run(home / "current_run").events())
    assert new["icecube_upload"] is True and new["upload"] is True
    assert old["role"] == "observation" and not old["upload"]
    shutil.rmtree(home / "current_run")
    assert main(["listen", "replay", str(tmp_path / "S260101b.json"), "--flags", "TRIGGERED_INTERNAL"]) == 0
    assert Run(home / "current_run").events()[0].refresh().flags["upload"] is True


def test_dead_letters_are_tried_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def fails(message: Message) -> None:
        raise NoticeError("not by this version")

    broken = type(MESSENGER)("gw", "gw", (), topics=MESSENGER.topics, read=fails)
    intake = Intake(Run(home / "current_run"), Archive(home / "gcn"), [broken])
    letter = intake.hear(Message(demo_alert().data, "igwn.gwalert", "1"), now=NOW).dead
    intake.hear(Message(b'{"alert_type": "no"}', "igwn.gwalert", "2"), now=NOW)
    assert letter is not None
    assert main(["listen", "replay", str(home / "gcn" / "dead_letters")]) == 1
    said = capsys.readouterr().out
    assert "1.json: new event MS120130a-1-Preliminary" in said
    assert "2.json: nothing could be made of it; it is kept as" in said
    assert len(list((home / "gcn" / "dead_letters").glob("2*/*/*.json"))) == 2, "none is buried twice"
    assert (home / "gcn/dead_letters/2026-01/02/2.json.reason.txt").exists()


def test_what_each_kind_says_of_its_time(data: Path) -> None:
    assert written((data / GW).read_bytes()) == datetime(2026, 6, 5, 12, 1, 7, tzinfo=UTC)
    gold = (data / "notices/gcn_kafka_json/kafka_alert_icecube_gold.json").read_bytes()
    assert written(gold) is not None
    assert written(avro((data / GW).read_bytes())) == written((data / GW).read_bytes())
    assert written(b"<broken") is None and written(b"\x00") is None and written(b"[]") is None


def test_the_archive_knows_topics_and_days(data: Path, tmp_path: Path) -> None:
    archive = Archive(tmp_path / "gcn")
    archive.keep(Message(b'{"a": 1}', "some.topic", "77"), now=NOW)
    archive.keep(Message(b'{"a": 2}', "some.topic", "76"), now=NOW - timedelta(hours=1))
    archive.keep(Message((data / GW).read_bytes(), "igwn.gwalert", "9"), now=NOW)
    found = collect([tmp_path / "gcn"], archive)
    assert [(one.topic, one.id) for one in found] == [
        ("some.topic", "76"),
        ("some.topic", "77"),
        ("igwn.gwalert", "9"),
    ]
    assert found[0].at == NOW - timedelta(hours=1)


def test_the_pace_of_the_past(tmp_path: Path, data: Path) -> None:
    names = ("a", "b", "c")
    for name, second in zip(names, (0, 10, 40), strict=True):
        (tmp_path / f"{name}.json").write_text(json.dumps({"alert_datetime": f"2026-01-01T00:00:{second:02d}Z"}))
    notices = collect([tmp_path], Archive(tmp_path / "gcn"))
    waited: list[float] = []

    def wait(seconds: float) -> bool:
        waited.append(seconds)
        return False

    assert [one.kept.name for one in at_pace(notices, 10.0, wait, lambda: sum(waited))] == [
        "a.json",
        "b.json",
        "c.json",
    ]
    assert waited == pytest.approx([0.0, 1.0, 3.0])
    assert list(at_pace(notices, None, lambda seconds: True, lambda: 0.0)) == []


def test_the_same_alert_in_avro_is_the_same_event(data: Path, home: Path) -> None:
    notice = (data / GW).read_bytes()
    packed = avro(notice)
    assert is_avro(packed) and json.loads(as_json(packed))["event"]["skymap"] == json.loads(notice)["event"]["skymap"]
    intake = Intake(Run(home / "current_run"), Archive(home / "gcn"), messengers().values())
    first = intake.hear(Message(packed, "igwn.gwalert", "scimma"), now=NOW)
    second = intake.hear(Message(notice, "igwn.gwalert", "gcn"), now=NOW)
    assert first.path.suffix == ".avro" and first.path.read_bytes() == packed
    assert first.delivered[0].events[0].id == second.delivered[0].events[0].id == "MS260605l-1-Preliminary"
    assert second.delivered[0].known and ids(home) == ["MS260605l-1-Preliminary"]


@pytest.mark.parametrize("data", [b"Obj\x01", b"Obj\x01" + b"\xff" * 100])
def test_broken_avro_is_a_dead_letter(tmp_path: Path, data: bytes) -> None:
    intake = Intake(Run(tmp_path / "run"), Archive(tmp_path / "gcn"), [MESSENGER])
    assert intake.hear(Message(data, "igwn.gwalert", "1"), now=NOW).dead is not None


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", "replay", str(tmp_path / "nothing")]) == 1
    assert "there is no such file or folder" in capsys.readouterr().err
    (tmp_path / "empty").mkdir()
    assert main(["listen", "replay", str(tmp_path / "empty")]) == 1
    assert "there is no notice" in capsys.readouterr().err
