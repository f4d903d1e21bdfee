"""`skymap_info.json` with fewer fields than we write, as other programs have it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llama.formats.errors import RecordError
from llama.formats.records import to_json
from llama.messengers.gw.products import SKYMAP_INFO
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.record_file import SkymapInfoFile

FEW = {"graceid": "S190425z", "event_time": "2019-04-25T08:18:05.017"}


def read(**more: Any) -> SkymapInfo:
    return SkymapInfoFile().decode(json.dumps({**FEW, **more}).encode())


def test_the_rest_follows_from_name_and_time() -> None:
    found = read()
    assert (found.event_id, found.graceid, found.role, found.group) == ("S190425z", "S190425z", "observation", "")
    assert found.event_time == found.notice_time == "2019-04-25T08:18:05.017Z"
    assert found.gps_time == pytest.approx(1240215503.017, abs=1e-6)
    assert (found.far, found.instruments, found.significant, found.skymap_filename) == (None, (), None, None)
    assert found.gracedb_service_url == "https://gracedb.ligo.org/api/"
    assert SkymapInfoFile().decode(to_json(found)) == found


@pytest.mark.parametrize(
    ("pipeline", "group"), [("gstlal", "CBC"), ("MBTAOnline", "CBC"), ("pycbc", "CBC"), ("spiir", "CBC"), ("CWB", "")]
)
def test_the_group_follows_from_the_pipeline(pipeline: str, group: str) -> None:
    assert read(pipeline=pipeline).group == group
    assert read(pipeline=pipeline, group="Burst").group == "Burst"


def test_null_stands_for_what_is_missing() -> None:
    assert read(gps_time=None, pipeline=None, search=None, role=None) == read()


def test_a_part_of_the_file_that_another_product_selects_is_completed_as_well() -> None:
    selected = SKYMAP_INFO.select("gps_time", "group")
    assert selected.pick(FEW) == {"gps_time": read().gps_time, "group": ""}
    assert selected.pick({**FEW, "gps_time": 1.0, "pipeline": "gstlal"}) == {"gps_time": 1.0, "group": "CBC"}
    whole = {**json.loads(to_json(read())), "event_time": "as somebody wrote it"}
    assert selected.pick(whole) == {"gps_time": read().gps_time, "group": ""}, "nothing is to follow"
    assert selected.pick({"graceid": "S1"}) == {"gps_time": None, "group": None}


def test_a_mock_event_is_a_test() -> None:
    assert read(graceid="MS190425z").role == read(search="MDC").role == "test"
    assert read(gracedb_service_url="https://gracedb-playground.ligo.org/api/").role == "test"


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ({"graceid": "S190425z"}, "missing required field `event_id`"),
        ({**FEW, "event_time": "yesterday"}, "event_time is 'yesterday', which is not a time"),
        ({**FEW, "far": "low"}, r"\$\.far"),
        ({**FEW, "gracedb_service_url": 5}, r"Expected `str`, got `int` - at `\$\.gracedb_service_url`"),
        ({**FEW, "gracedb_service_url": ["https://gracedb.ligo.org"]}, r"\$\.gracedb_service_url"),
        ([], "Expected `object`"),
    ],
)
def test_what_cannot_be_completed_is_told(record: Any, why: str) -> None:
    with pytest.raises(RecordError, match=why):
        SkymapInfoFile().decode(json.dumps(record).encode())
