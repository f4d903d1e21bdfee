"""The record of a significance file: whole for what is written today, lenient with what others wrote."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import msgspec
import pytest
from report_examples import significance
from significance_examples import found, neutrino_list, row

from llama.analyses.joint.record import JointSignificance
from llama.analyses.o2 import O2Significance
from llama.analyses.result.record import AlertSaid, Significance, read_significance
from llama.analyses.telling.reading import read_report
from llama.formats.errors import RecordError
from llama.formats.records import to_json
from llama.messengers.gw.record import SkymapInfo

RECORDS = {"opa": Significance, "subthreshold": Significance, "joint": JointSignificance, "o2": O2Significance}
KEPT = sorted((Path(__file__).parent.parent / "golden" / "kept").glob("*/significance_*.json"))
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "guides" / "significance.schema.json"


def schema() -> str:
    """The record as other programs read it."""
    return json.dumps(msgspec.json.schema(Significance), indent=2, ensure_ascii=False) + "\n"


def kind_of(path: Path) -> str:
    return path.name.split("_")[1]


@pytest.mark.parametrize(
    "path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem.removeprefix('significance_')}"
)
def test_the_record_is_the_whole_file_to_the_byte(path: Path) -> None:
    content = path.read_bytes()
    assert to_json(msgspec.json.decode(content, type=RECORDS[kind_of(path)])) == content


def test_every_field_of_a_record_is_in_some_file() -> None:
    """What is written has each of them, but for those that only one kind of result has."""
    seen = {kind: set[str]() for kind in RECORDS.values()}
    for path in KEPT:
        seen[RECORDS[kind_of(path)]] |= {*json.loads(path.read_bytes())}
    assert seen == {kind: {one.name for one in fields(kind)} for kind in seen}


@pytest.mark.parametrize("search_type", ["opa", "subthreshold"])
def test_the_record_holds_a_pair_too(search_type: str) -> None:
    content = found(neutrinos=neutrino_list(row(1, 30.0), row(2, 60.0)), search_type=search_type)
    assert to_json(read_significance(content)) == to_json(content)


def test_the_alert_in_a_result_is_the_alerts_record() -> None:
    assert [one.name for one in fields(AlertSaid)] == [one.name for one in fields(SkymapInfo)]


def test_files_of_other_versions_read() -> None:
    """Older ones lack keys, newer ones and those of other programs have more."""
    old = {
        key: value
        for key, value in significance(()).items()
        if key in ("search_type", "event_id", "graceid", "event_time", "gps_time", "single_neutrino")
    } | {"inputs": {"gw_skymap_info": {"graceid": "S1", "from_later": 1}}, "p_h_s2": 0.0}
    report = read_report(old)
    assert (report.p_value, report.p_text, report.p_reason, report.background) == (None, "n/a", "", None)
    assert (report.complete, report.covered_s, report.notes, report.instruments) == (False, 0.0, (), ())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"single_neutrino": None}, "single_neutrino"),
        ({"p_value": "small"}, r"p_value"),
        ({"inputs": {}}, "gw_skymap_info"),
        ({"most_probable_direction": {"ra": 1.0}}, "dec"),
    ],
)
def test_what_is_no_result_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=f"the result cannot be read: .*{said}"):
        read_significance(significance(()) | change)


def test_the_schema_is_that_of_the_record() -> None:
    """`python tests/analyses/test_record.py` writes it anew."""
    assert SCHEMA.read_text(encoding="utf-8") == schema()


if __name__ == "__main__":
    SCHEMA.write_text(schema(), encoding="utf-8")
