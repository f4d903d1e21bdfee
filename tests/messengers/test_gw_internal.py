"""What GraceDB tells its members, in real messages: superevents become internal events, all else is archived."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llama.formats.errors import NoticeError
from llama.messengers import Message
from llama.messengers.gw import MESSENGER
from llama.messengers.gw.internal import from_internal, internal_message

TOPIC = "gracedb.superevent"


def sample(data: Path, name: str) -> bytes:
    return (data / "notices" / "gracedb_json" / name).read_bytes()


def read(data: bytes) -> object:
    assert MESSENGER.read is not None
    return MESSENGER.read(Message(data, TOPIC))


def test_a_new_superevent_is_an_internal_event(data: Path) -> None:
    raw = sample(data, "igwn_alert_superevent_creation.json")
    found = MESSENGER.read(Message(raw, TOPIC)) if MESSENGER.read else None
    assert found is not None and found.event_id == "S180616h" and found.internal and not found.kind
    assert found.files == {"lvalert.json": raw}
    assert found.role == "test", "it is of a server for development"
    assert from_internal(raw).event_part()["group"] == "CBC"


@pytest.mark.parametrize(
    "name",
    ["igwn_alert_fits.json", "igwn_alert_hen_creation.json", "igwn_alert_superevent_label.json"],
)
def test_files_triggers_and_labels_alone_make_no_event(data: Path, name: str) -> None:
    assert read(sample(data, name)) is None


def test_a_candidate_of_one_search_makes_no_event(data: Path) -> None:
    assert read(sample(data, "lvalert_event_creation.json")) is None


def test_the_word_of_advocates_is_kept_without_a_record_too() -> None:
    raw = b'{"uid": "S180616h", "alert_type": "label_added", "data": {"name": "ADVOK"}}'
    found = MESSENGER.read(Message(raw, TOPIC)) if MESSENGER.read else None
    assert found is not None and found.files == {"advok.json": raw} and found.internal


def test_a_voevent_inside_is_an_internal_alert(data: Path) -> None:
    message = json.loads(sample(data, "igwn_alert_voevent.json")) | {"uid": "M297123", "alert_type": "voevent"}
    found = MESSENGER.read(Message(json.dumps(message).encode(), TOPIC)) if MESSENGER.read else None
    assert found is not None and found.internal and list(found.files) == ["lvc_gcn.xml"]
    assert (found.event_id, found.kind, found.serial) == ("M297123", "Preliminary", 1)


def test_wrappings_of_senders_are_taken_off() -> None:
    plain = {"uid": "S1", "alert_type": "log"}
    text = json.dumps(plain)
    for wrapped in (text, json.dumps(text), json.dumps({"format": "json", "content": text})):
        assert internal_message(wrapped.encode()) == plain
    for other in (b"{}", b"[]", b'"x"', b"\x00", b'{"alert_type": "UPDATE", "superevent_id": "S1"}'):
        assert internal_message(other) is None


@pytest.mark.parametrize(
    "text",
    [
        '{"uid": "S180616h", "alert_type": "new", "object": {"superevent_id": "S1"}}',
        '{"uid": "S180616h", "alert_type": "new", "object": {"superevent_id": 7}}',
        '{"uid": "S180616h", "alert_type": ["new"], "object": {"superevent_id": "S180616h", "t_0": "x"}}',
        '{"uid": "S180616h", "alert_type": "label_added", "data": {"name": {"a": 1}}}',
    ],
)
def test_what_cannot_be_right_is_said(text: str) -> None:
    with pytest.raises(NoticeError):
        read(text.encode())
