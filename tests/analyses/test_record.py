"""The record of a significance file: whole for what is written today, lenient with what others wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from report_examples import significance
from significance_examples import found, neutrino_list, row

from llama.analyses.result.record import Significance, read_significance
from llama.analyses.telling.reading import read_report
from llama.formats.errors import RecordError

KEPT = sorted((Path(__file__).parent.parent / "golden" / "kept").glob("*/significance_[os][pu]*.json"))
SCHEMA = Path(__file__).parent.parent.parent / "docs" / "guides" / "significance.schema.json"
ASKED_IN_PART = ("inputs.gw_skymap_info",)
"""The alert's whole record is that of `skymap_info.json`."""


def schema() -> str:
    """The record as other programs read it."""
    return json.dumps(msgspec.json.schema(Significance), indent=2, ensure_ascii=False) + "\n"


def unknown(decoded: Any, record: Any, where: str = "") -> Iterator[str]:
    """Keys that the record does not have, and values that it has changed."""
    if is_dataclass(record):
        names = {one.name for one in fields(record)}
        for key, value in decoded.items():
            path = f"{where}.{key}".lstrip(".")
            if key in names:
                yield from unknown(value, getattr(record, key), path)
            elif where not in ASKED_IN_PART:
                yield path
    elif isinstance(decoded, list):
        assert len(decoded) == len(record)
        for one, kept in zip(decoded, record, strict=True):
            yield from unknown(one, kept, where)
    elif decoded != record:
        yield f"{where}: {decoded!r} became {record!r}"


@pytest.mark.parametrize("path", KEPT, ids=lambda path: f"{path.parent.name}-{path.stem[13:16]}")
def test_the_record_holds_every_key_and_value_of_a_file(path: Path) -> None:
    decoded = json.loads(path.read_bytes())
    assert list(unknown(decoded, read_significance(decoded))) == []


@pytest.mark.parametrize("search_type", ["opa", "subthreshold"])
def test_the_record_holds_a_pair_too(search_type: str) -> None:
    decoded = found(neutrinos=neutrino_list(row(1, 30.0), row(2, 60.0)), search_type=search_type)
    assert list(unknown(decoded, read_significance(decoded))) == []


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
