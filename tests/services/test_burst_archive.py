"""Where notices lie in an archive: days after the burst, beside the day folders, and as links that lead nowhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.intake import files_between
from llama.messengers.fermi.notices import parse
from llama.ports import BurstWindow
from llama.science.times import gps_from_utc
from llama.services.fermi import archive
from llama.services.fermi.archive import NoticeFolder

DAY = datetime(2024, 8, 24, tzinfo=UTC)
TRIGGER = gps_from_utc("2024-08-24T02:14:40.43Z")


class Days:
    """An archive by days, in which a notice of others was heard every four hours of the burst's."""

    def __init__(self, root: Path, data: Path) -> None:
        self.root = root
        self.circle, self.retraction = (
            json.loads((data / f"cases/grb/{name}.json").read_bytes()) for name in ("circle", "retraction_minimal")
        )
        for hour in range(-4, 28, 4):
            heard = f"{DAY + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
            self.put(0, f"other{hour}.json", self.circle, mission="Other", alert_datetime=heard)

    def put(self, days: int, name: str, notice: dict[str, Any], **change: Any) -> Path:
        path = self.root / f"{DAY + timedelta(days=days):%Y-%m/%d}" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notice | change))
        return path

    def window(self) -> BurstWindow:
        return NoticeFolder(self.root, parse, files_between).window(TRIGGER - 500, TRIGGER + 500)


@pytest.fixture
def days(tmp_path: Path, data: Path) -> Days:
    found = Days(tmp_path / "gcn", data)
    found.put(0, "circle.json", found.circle)
    return found


def test_the_archive_as_it_is_is_complete(days: Days):
    found = days.window()
    assert found.complete and found.why == "" and [burst.not_a_burst for burst in found.bursts] == [""]


@pytest.mark.parametrize("late", [2, 3, 30, 400, 3000])
@pytest.mark.parametrize("name", ["745121685", "bn240812094", "GRB 240812A"])
def test_a_retraction_filed_days_later_is_read(days: Days, late: int, name: str):
    days.put(late, "r.json", days.retraction, id=[name])
    found = days.window()
    assert found.complete and [burst.not_a_burst for burst in found.bursts] == ["retracted"]


def test_so_is_a_better_position(days: Days):
    later = {"subtype": "FINAL_POSITION", "alert_datetime": "2024-08-29T01:00:00Z", "ra": 91.0, "ra_dec_error": 0.5}
    days.put(5, "final.json", days.circle, **later)
    found = days.window()
    (burst,) = found.bursts
    assert (burst.notice_type, burst.ra, burst.error_radius) == ("final", 91.0, 0.5) and found.complete


def test_of_other_files_of_later_days_none_is_parsed(days: Days):
    days.put(5, "other.json", days.circle, id=["745999999"], trigger_time="2024-08-29T01:00:00Z", ra=999)
    torn = days.put(6, "torn.json", {})
    torn.write_text('{"id": ["745999999"], "trigger')
    read: list[bytes] = []

    def counting(notice: bytes) -> Any:
        read.append(notice)
        return parse(notice)

    found = NoticeFolder(days.root, counting, files_between).window(TRIGGER - 500, TRIGGER + 500)
    assert found.complete and len(read) == 9
    torn.write_text('{"id": ["745121685"], "alert_type": "retr')
    told = days.window()
    assert not told.complete and "torn.json (malformed JSON" in told.why


def test_a_large_later_notice_is_searched_at_both_ends(days: Days):
    for name, notice in (("id_first", days.retraction), ("id_last", dict(reversed(days.retraction.items())))):
        path = days.put(9, f"{name}.json", {"healpix_file": "A" * 300_000} | notice | {"x": "B" * 100})
        assert [burst.not_a_burst for burst in days.window().bursts] == ["retracted"]
        path.unlink()


def test_what_is_left_unsearched_is_told(days: Days, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive, "MOST_LATER", 2)
    for late in (5, 6):
        days.put(late, "other.json", days.circle, mission="Other")
    assert days.window().complete
    days.put(7, "r.json", days.retraction)
    found = days.window()
    assert not found.complete and found.covered_s == 1000, "the silence is no less known"
    assert (
        "1 later files, from" in found.why and "2024-08/31/r.json on, were not searched for retractions" in found.why
    )


def test_notices_beside_the_days_are_read(days: Days):
    (days.root / "2024-08/24/circle.json").rename(days.root / "circle.JSON")
    (days.root / "2024-08" / "retraction.json").write_text(json.dumps(days.retraction))
    (days.root / "mine").mkdir()
    second = days.circle | {"id": ["745121700"], "trigger_time": "2024-08-24T02:15:30Z"}
    (days.root / "mine" / "second.Json").write_text(json.dumps(second))
    found = days.window()
    assert [(burst.trigger_id, burst.not_a_burst) for burst in found.bursts] == [
        ("745121685", "retracted"),
        ("745121700", ""),
    ]
    assert found.complete


def test_days_that_were_not_asked_for_and_dead_letters_are_not(days: Days, tmp_path: Path):
    days.put(9, "late.json", days.circle)
    (days.root / "dead_letters/2024-08/24").mkdir(parents=True)
    (days.root / "dead_letters/2024-08/24/dead.json").write_text("{")
    (days.root / "loose.json").write_text("{}")
    (days.root / "circle").symlink_to(days.root)
    names = [path.name for path in files_between(days.root, DAY, DAY)]
    assert sorted(name for name in names if "other" not in name) == ["circle.json", "loose.json"]
    linked = tmp_path / "linked" / "2024-08"
    linked.mkdir(parents=True)
    (linked / "24").symlink_to(days.root / "2024-08/24")
    assert len(files_between(tmp_path / "linked", DAY, DAY)) == len(names) - 1, "a day may be a link"


@pytest.mark.parametrize("late", [0, 5])
@pytest.mark.parametrize("target", ["nowhere.json", "link.json"])
def test_a_link_that_leads_nowhere_is_named(days: Days, late: int, target: str):
    place = days.put(late, "x.json", days.circle, mission="Other").parent
    (place / "link.json").symlink_to(target)
    found = days.window()
    assert [burst.trigger_id for burst in found.bursts] == ["745121685"]
    assert not found.complete and found.covered_s == 0
    assert "1 file(s) are no readable notice, so what they tell is not known: link.json (" in found.why
