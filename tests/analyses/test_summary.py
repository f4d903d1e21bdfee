"""The summary page: one page, whatever the event brings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from report_examples import real_neutrinos, significance

from llama.analyses.report import Report, read_report
from llama.analyses.scatterplot import scatterplot
from llama.analyses.summary import MAX_ROWS, page, summary
from llama.formats.figures import PdfFigure
from llama.formats.skymap import read_skymap

DISTANCE = {"distmean": 40.1, "diststd": 7.2}
CLASSES = {"BNS": 0.95, "NSBH": 0.01, "BBH": 0.0, "Terrestrial": 0.04}
LONG = "a lóng ünïcode explanation with γ ≤ 5 and #markup [$x$] that goes on and on; " * 12


@pytest.fixture(scope="module")
def plot(data: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("plot") / "plot.pdf"
    skymap = read_skymap(data / "skymaps/events/GW170817_GWTC1.multiorder.fits")
    PdfFigure().write(scatterplot(read_report(significance(real_neutrinos(data, 5))), skymap, "1.2.3"), path)
    return path.read_bytes()


def pages(pdf: bytes) -> int:
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


def worst(data: Path, count: int) -> Report:
    """Everything long at once."""
    changes: dict[str, Any] = {
        "notes": [LONG] * 9, "p_value": None, "p_value_text": "n/a", "p_value_reason": LONG,
        "coverage": {"complete": False, "covered_s": 0.0, "why": LONG, "source": "s" * 90, "season": None},
        "gw": {"event_id": "S" + "123456789" * 12 + "-Initial", "skymap_filename": "f" * 200, "pipeline": "p" * 99},
    }  # fmt: skip
    return read_report(significance(real_neutrinos(data, count, kind="blinded"), **changes), role="test")


@pytest.mark.parametrize("count", [0, 1, 10, 20, 60])
def test_it_is_one_page(data: Path, plot: bytes, count: int) -> None:
    report = read_report(significance(real_neutrinos(data, count)))
    pdf = summary(report, plot, "1.2.3", distance=DISTANCE, classification=CLASSES)
    assert pages(pdf) == 1
    assert len(pdf) < 1_000_000


@pytest.mark.parametrize("count", [0, 60])
def test_it_is_one_page_when_everything_is_long(data: Path, plot: bytes, count: int) -> None:
    assert pages(summary(worst(data, count), plot, "1.2.3")) == 1


def test_the_same_result_gives_the_same_bytes(data: Path, plot: bytes) -> None:
    report = read_report(significance(real_neutrinos(data, 3)))
    assert summary(report, plot, "1.2.3") == summary(report, plot, "1.2.3")


def test_it_says_what_a_person_on_shift_asks(data: Path) -> None:
    report = read_report(significance(real_neutrinos(data, 30), {4: 0.0123}, notes=["a note"]))
    content = page(report, "1.2.3", DISTANCE, CLASSES)
    assert content["rows"][0][0] == "4" and len(content["rows"]) == MAX_ROWS
    assert content["table_title"].endswith("(20 shown, and 10 more)")
    result, given = dict(content["result"]), dict(content["input"])
    assert result["p-value"] == "0.0123 (table opa-bns-sim-H1L1, 12000 events)"
    assert result["p_astro"] == "before 0.980, after 0.981"
    assert given["distance"] == "40 ± 7 Mpc" and given["coverage"] == "complete, 1000.0 s of 1000 s"
    assert "BNS 0.950" in given["classification"] and "1.20e-09 Hz" in given["alert"]
    assert content["notes"] == ["a note"] and content["warning"] == "" and "llama 1.2.3" in content["footer"]
    assert ("δω", "2.57143") in content["parameters"]


def test_a_test_is_unmistakable(data: Path) -> None:
    content = page(worst(data, 3), "1.2.3", None, None)
    assert content["warning"].startswith("TEST") and "BLINDED" in content["warning"]
    result = dict(content["result"])
    assert "not stated" in result["neutrinos"] and "most probable" not in result


def test_what_is_missing_is_called_missing(data: Path) -> None:
    changes: dict[str, Any] = {"p_astro": {"before": None, "after": None}, "gw": {"far": None, "instruments": []}}
    content = page(read_report(significance((), **changes)), "1.2.3", None, None)
    assert dict(content["result"])["p_astro"] == "before n/a, after n/a"
    assert dict(content["input"])["distance"] == "not given"
    assert content["table_title"] == "No neutrino in the window"
