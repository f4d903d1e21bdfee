"""Retractions: each takes back the burst that it names, in whatever words, or is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llama.formats.errors import NotForUs, NoticeError
from llama.intake import files_between
from llama.messengers.fermi.notices import parse
from llama.ports import BurstWindow, Retraction
from llama.science.times import gps_from_utc
from llama.services.fermi.archive import NoticeFolder
from llama.services.fermi.latest import latest

TRIGGER = gps_from_utc("2024-08-24T02:14:40.43Z")
NAMELESS = {"mission": None, "instrument": None}


@pytest.fixture
def circle(data: Path) -> dict[str, Any]:
    """Trigger 745121685, also called bn240812094, at `TRIGGER`."""
    found: dict[str, Any] = json.loads((data / "cases/grb/circle.json").read_bytes())
    return found


@pytest.fixture
def retraction(data: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((data / "cases/grb/retraction_minimal.json").read_bytes())
    return found


def asked(folder: Path, *notices: dict[str, Any]) -> BurstWindow:
    for number, notice in enumerate(notices):
        given = {name: value for name, value in notice.items() if value is not None}
        (folder / f"{number}.json").write_text(json.dumps(given))
    return NoticeFolder(folder, parse, files_between).window(TRIGGER - 500, TRIGGER + 500)


@pytest.mark.parametrize(
    "change",
    [
        {"ra": 999},
        {"ra": 10, "dec": 20, "ra_dec_error": [5, "x"]},
        {"containment_probability": 68, "systematic_included": "perhaps", "healpix_file": 3},
        {"classification": {"GRB": 7}, "rate_snr": "loud", "subtype": "GUESS", "alert_datetime": "late"},
        {"trigger_time": None},
        {"trigger_time": "yesterday"},
        {"id": 745121685},
        {"id": [745121685]},
        {"id": " bn240812094 "},
        {"id": ["BN240812094"]},
        {"id": ["GRB240812094"]},
        {"id": ["GRB 240812.094"], "trigger_time": None},
        {"id": ["GRB-240812A"], "trigger_time": None},
        {"id": ["GRB 240812.09"], "trigger_time": None},
        NAMELESS | {"id": ["GRB 240812.09"], "trigger_time": None},
        {"id": ["something else", "745121685"]},
        {"id": ["GRB 240812A"]},
        {"id": ["GRB240812A"], "trigger_time": None},
        {"id": ["GRB 240824A"], "trigger_time": "2024-08-24T02:14:38Z"},
        {"alert_type": " Retraction "},
        {"mission": "FERMI", "instrument": "gbm"},
        NAMELESS,
        {"mission": None, "id": "GRB 240812A"},
        {"mission": "", "instrument": " "},
        NAMELESS | {"id": ["GRB 240812A"], "trigger_time": None},
        {"ID": "745121685", "id": None},
    ],
)
def test_the_burst_that_is_named_is_taken_back(
    circle: dict[str, Any], retraction: dict[str, Any], tmp_path: Path, change: dict[str, Any]
):
    found = asked(tmp_path, circle, retraction | change)
    (burst,) = found.bursts
    assert (burst.trigger_id, burst.not_a_burst, burst.error_radius) == ("745121685", "retracted", 1.34)
    assert "takes nothing back" not in found.why and "no readable notice" not in found.why
    by_number = not any(name in str(change) for name in ("2A'", "4A'", ".09'"))
    assert burst.remark == "" if by_number else burst.remark.startswith("taken back as GRB")


@pytest.mark.parametrize(
    "change",
    [
        {"id": ["745121999"]},  # another of the detector's triggers, at whatever time
        {"id": ["GRB 240812B", "bn240812999"]},
        {"id": ["GRB 990101A"], "trigger_time": "2024-08-24T02:20:00Z"},
        {"id": ["a trigger"], "trigger_time": None},
        NAMELESS | {"id": ["745121999"]},
    ],
)
def test_one_that_names_no_burst_here_is_told(
    circle: dict[str, Any], retraction: dict[str, Any], tmp_path: Path, change: dict[str, Any]
):
    found = asked(tmp_path, circle, retraction | change)
    assert [burst.not_a_burst for burst in found.bursts] == [""]
    assert f"a retraction of {', '.join(change['id'])} fits no burst here" in found.why


@pytest.mark.parametrize(
    "change",
    [
        {"trigger_time": "2024-08-23T02:14:40Z", "id": ["745121999"]},  # of another time
        {"trigger_time": None, "id": ["GRB 240801A"]},  # of another day
        {"alert_tense": "test"},
        {"mission": "Swift", "instrument": "BAT"},
        {"mission": "Swift", "instrument": None},
        NAMELESS | {"id": ["S230413b"]},
    ],
)
def test_what_is_about_something_else_is_not(
    circle: dict[str, Any], retraction: dict[str, Any], tmp_path: Path, change: dict[str, Any]
):
    found = asked(tmp_path, circle, retraction | change)
    assert [burst.not_a_burst for burst in found.bursts if burst.role == "observation"] == [""]
    assert "takes nothing back" not in found.why


def test_of_two_bursts_of_a_day_a_days_name_takes_none_back_but_a_time_does(
    circle: dict[str, Any], retraction: dict[str, Any]
):
    other = circle | {"id": ["745121300"], "trigger_time": "2024-08-24T02:08:15Z"}
    flare = other | {"classification": {"SOLAR_FLARE": 0.9}}
    named = retraction | {"id": ["GRB 240824A"], "trigger_time": None}

    def taken_back(*notices: dict[str, Any]) -> list[str]:
        given = [parse(json.dumps(notice).encode()) for notice in notices]
        return [burst.trigger_id for burst in latest(given) if burst.not_a_burst == "retracted"]

    assert taken_back(circle, other, named) == []
    assert taken_back(circle, other, named | {"trigger_time": "2024-08-24T02:08:15.3Z"}) == ["745121300"]
    assert taken_back(circle, flare, named) == ["745121685"], "the other is no burst that people would name"


@pytest.mark.parametrize("given", [None, [], "", [None], True, {"a": 1}])
def test_one_without_any_name_is_no_notice(retraction: dict[str, Any], given: object):
    with pytest.raises(NoticeError, match="id is"):
        parse(json.dumps(retraction | {"id": given}).encode())
    with pytest.raises(NotForUs):
        parse(json.dumps(retraction | NAMELESS | {"id": given}).encode())


def test_a_trigger_of_nobody_is_told(circle: dict[str, Any], tmp_path: Path):
    found = asked(tmp_path, circle | NAMELESS)
    assert found.bursts == () and not found.complete
    assert "0.json (it names a trigger as GBM does, and not whose it is" in found.why


@pytest.mark.parametrize("spoiled", [{}, {"216.3833": "999", "2018-01-16T00:36:52.81</ISOTime": "soon</ISOTime"}])
def test_a_packet_that_cites_another_as_retracted_takes_it_back(data: Path, spoiled: dict[str, str]):
    text = (data / "notices/fermi/GRB180116A_Fermi_GBM_Flt_Pos.xml").read_text()
    flight = parse(text.encode())
    cited = '<Citations><EventIVORN cite="retraction">ivo://nasa.gsfc.gcn/Fermi#GBM_Alert</EventIVORN></Citations>'
    end = text.rindex("</")
    assert all(old in text for old in spoiled)
    taken_back = text[:end] + cited + text[end:]
    for old, new in spoiled.items():
        taken_back = taken_back.replace(old, new)
    assert parse(taken_back.encode()) == Retraction(("537755817",), "retracted")
    (burst,) = latest([flight, parse(taken_back.encode())])
    assert burst.not_a_burst == "retracted" and burst.ra == 216.3833
    follow_up = text[:end] + cited.replace("retraction", "followup") + text[end:]
    assert parse(follow_up.encode()) == flight


def test_the_day_of_a_burst_at_midnight_is_that_of_its_time(circle: dict[str, Any], retraction: dict[str, Any]):
    late = circle | {"id": ["745121685"], "trigger_time": "2024-08-24T23:59:59.8Z"}
    named = retraction | {"trigger_time": None}
    for day, said in (("GRB 240824A", "retracted"), ("GRB 240825A", "")):
        given = [parse(json.dumps(notice).encode()) for notice in (late, named | {"id": [day]})]
        assert [burst.not_a_burst for burst in latest(given)] == [said]


def test_it_is_read_as_no_more_than_it_says(retraction: dict[str, Any]):
    found = parse(json.dumps(retraction | {"id": ["GRB 240812A", 745121685], "trigger_time": None}).encode())
    assert found == Retraction(("GRB 240812A", "745121685"), "retracted", None, "observation")


@pytest.mark.parametrize(
    "change",
    [
        {"RA": 92.17, "DEC": -66.98, "RA_DEC_Error": 1.34, "ra": None, "dec": None, "ra_dec_error": None},
        {"Ra Dec Error": 1.34, "ra_dec_error": None},
        {"RA": 92.17},  # the same once more
        {"Mission": "Fermi", "INSTRUMENT": "GBM", "mission": None, "instrument": None},
        {"rectangular_error_corners": [1], "dm_error": 3, "ra_pointing": 4, "src_error_90": 2, "t90_error": 1},
    ],
)
def test_fields_are_known_in_any_letters(circle: dict[str, Any], change: dict[str, Any]):
    notice = {name: value for name, value in (circle | change).items() if value is not None}
    assert parse(json.dumps(notice).encode()) == parse(json.dumps(circle).encode())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ra_dec_error_arcmin": 80, "ra_dec_error": None}, "'ra_dec_error_arcmin' is no field .* ra_dec_error"),
        ({"ra_dec_error_unit": "arcmin"}, "'ra_dec_error_unit' is no field .* in degrees"),
        ({"error_radius": 1.34, "ra_dec_error": None}, "'error_radius' is no field"),
        ({"Error_Radius": 1.34, "ra_dec_error": None}, "'error_radius' is no field"),
        ({"pos_err": 1.34, "ra_dec_error": None}, "'pos_err' is no field"),
        ({"RAJ2000": 92.17, "ra": None}, "'raj2000' is no field .* ra, in degrees"),
        ({"dec_deg": 1, "dec": None}, "'dec_deg' is no field .* dec, in degrees"),
        ({"RA": 93.0}, "RA is 93.0, and 92.17 in other letters; keep one"),
    ],
)  # fmt: skip
def test_a_field_that_would_count_as_not_given_is_refused_by_name(
    circle: dict[str, Any], change: dict[str, Any], said: str
):
    notice = {name: value for name, value in (circle | change).items() if value is not None}
    with pytest.raises(NoticeError, match=said):
        parse(json.dumps(notice).encode())
