"""Notices of Swift's BAT as bursts: real VOEvents, and the examples of the GCN schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llama.app import messengers
from llama.formats.errors import NotForUs, NoticeError
from llama.intake import hears
from llama.messengers import fermi, swift
from llama.messengers.swift.notices import parse
from llama.ports import Burst, Retraction
from llama.science.times import gps_from_utc
from llama.testing import check_messenger

SCHEMA = "schemas/gcn-schema/gcn/notices/swift/bat"


@pytest.mark.parametrize(
    ("name", "number", "utc", "ra", "dec", "significance"),
    [
        ("swift_grb_gcn.xml", "1123129", "2022-09-07T14:05:25.76Z", 268.87, -20.3153, 8.52),
        ("SWIFT_1125809-092.xml", "1125809", "2022-09-30T11:11:52.12Z", 50.1737, 55.0296, None),
    ],
)
def test_positions(
    data: Path, name: str, number: str, utc: str, ra: float, dec: float, significance: float | None
) -> None:
    found = parse((data / "notices" / "swift" / name).read_bytes())
    assert isinstance(found, Burst)
    assert (found.trigger_id, found.notice_type, found.role) == (number, "flight", "observation")
    assert found.gps == pytest.approx(gps_from_utc(utc), abs=1e-3)
    assert found.error_radius == 0.05 and found.containment == 0.9 and found.not_a_burst == ""
    assert significance is None or (found.ra, found.dec, found.significance) == (ra, dec, significance)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        (b'name="Def_NOT_a_GRB"            value="false"', b'name="Def_NOT_a_GRB" value="true"', "definitely not"),
        (
            b'name="Target_in_Gnd_Catalog"    value="false"',
            b'name="Target_in_Gnd_Catalog" value="true"',
            "catalogues",
        ),
    ],
)
def test_what_is_no_burst_says_so(data: Path, old: bytes, new: bytes, what: str) -> None:
    raw = (data / "notices" / "swift" / "swift_grb_gcn.xml").read_bytes()
    assert old in raw
    found = parse(raw.replace(old, new))
    assert isinstance(found, Burst) and found.not_a_burst.startswith("marked as") and what in found.not_a_burst


def test_tests_are_tests(data: Path) -> None:
    raw = (data / "notices" / "swift" / "swift_grb_gcn.xml").read_bytes()
    assert parse(raw.replace(b'role="observation"', b'role="test"')).role == "test"
    old = b'name="Test_Submission"          value="false"'
    assert parse(raw.replace(old, old.replace(b"false", b"true"))).role == "test"


def example(data: Path, name: str, **change: Any) -> Burst | Retraction:
    notice = json.loads((data / SCHEMA / f"{name}.example.json").read_bytes())
    return parse(json.dumps(notice | change).encode())


def test_searches_of_guano(data: Path) -> None:
    first, later = example(data, "Guano"), example(data, "guano.loc_arc_min")
    assert isinstance(first, Burst) and isinstance(later, Burst)
    assert (first.trigger_id, first.ra, first.notice_type) == ("694215995", None, "alert")
    assert (later.ra, later.error_radius, later.notice_type) == (336.26, 0.5, "ground")
    assert first.gps == later.gps and first.classification == {"GRB": 1.0}
    taken_back = example(data, "Guano.Retraction")
    assert isinstance(taken_back, Retraction) and taken_back.names == ("694215995",)
    assert taken_back.gps == pytest.approx(first.gps)
    assert example(data, "Guano", alert_tense="test").role == "test"


def test_those_of_others_are_not_for_us(data: Path) -> None:
    for path in [*(data / "notices" / "fermi").iterdir(), *(data / "notices" / "gcn_kafka_json").iterdir()]:
        with pytest.raises(NotForUs):
            parse(path.read_bytes())
    for raw in (b"plain", b"{broken", b"[]"):
        with pytest.raises(NoticeError):
            parse(raw)
    with pytest.raises(NoticeError):
        example(data, "Guano", id=[])


def test_it_keeps_its_contract() -> None:
    check_messenger(swift.MESSENGER)
    check_messenger(fermi.MESSENGER)


def test_topics() -> None:
    assert messengers()["swift"] is swift.MESSENGER
    assert hears(swift.MESSENGER, "gcn.notices.swift.bat.guano")
    assert hears(swift.MESSENGER, "gcn.classic.voevent.SWIFT_BAT_GRB_POS_ACK")
    assert not hears(fermi.MESSENGER, "gcn.notices.swift.bat.guano")
