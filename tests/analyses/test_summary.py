"""The summary page: one page, whatever the event brings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from report_examples import real_neutrinos, significance

from llama.analyses.telling.parameters import in_words
from llama.analyses.telling.plot import scatterplot
from llama.analyses.telling.reading import read_report
from llama.analyses.telling.report import Report
from llama.analyses.telling.summary_page import MAX_ROWS, page, summary
from llama.formats.figures import PdfFigure
from llama.formats.skymap import read_skymap
from llama.science.search import Search, as_parameters

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


@pytest.mark.slow
@pytest.mark.parametrize("count", [0, 1, 10, 20, 60])
def test_it_is_one_page(data: Path, plot: bytes, count: int) -> None:
    report = read_report(significance(real_neutrinos(data, count)))
    pdf = summary(report, plot, "1.2.3", distance=DISTANCE, classification=CLASSES)
    assert pages(pdf) == 1
    assert len(pdf) < 1_000_000


@pytest.mark.parametrize("count", [0, 60])
@pytest.mark.slow
def test_it_is_one_page_when_everything_is_long(data: Path, plot: bytes, count: int) -> None:
    assert pages(summary(worst(data, count), plot, "1.2.3")) == 1


@pytest.mark.slow
def test_the_same_result_gives_the_same_bytes(data: Path, plot: bytes) -> None:
    report = read_report(significance(real_neutrinos(data, 3)))
    assert summary(report, plot, "1.2.3") == summary(report, plot, "1.2.3")


def test_it_says_what_a_person_on_shift_asks(data: Path) -> None:
    report = read_report(significance(real_neutrinos(data, 30), {4: 0.0123}, notes=["a note"]))
    content = page(report, "1.2.3", DISTANCE, CLASSES)
    assert content["rows"][0][0] == "4" and len(content["rows"]) == MAX_ROWS
    assert content["table_title"].startswith("The 20 most significant of 30 neutrinos (10 left out;")
    result, given = dict(content["result"]), dict(content["input"])
    assert result["p-value"].startswith(
        "0.012, of the population: from 12,000 background events on 21 sky maps, table opa/bns/o4/H1L1/"
    )
    assert result["p_astro"].endswith("0.980 from the alert, 0.981 with the neutrinos")
    assert (result["coincident"], result["direction"]) == (
        "number 4 (p < 0.1)",
        "most probable RA 197.53°, Dec -23.31°",
    )
    assert "0.028 to 0.65 GeV cm⁻²" in result["sensitivity"] and "540 GeV to 23 PeV" in result["sensitivity"]
    assert (
        given["distance"].startswith("40 ± 7 Mpc; used: map") and given["coverage"] == "complete, 1000.0 s of 1000 s"
    )
    assert "BNS 0.950" in given["classification"] and "1.20e-09 Hz" in given["alert"]
    assert content["notes"] == ["a note"] and content["warning"] == "" and "version 1.2.3" in content["footer"]
    assert ("background counted within, declination", "2.57 deg") in content["parameters"]
    assert "All-sky point-source IceCube data" in content["sources"] and "BAYESTAR" in content["sources"]


def test_a_test_is_unmistakable(data: Path) -> None:
    content = page(worst(data, 3), "1.2.3", None, None)
    assert content["warning"].startswith("TEST") and "BLINDED" in content["warning"]
    result = dict(content["result"])
    assert result["neutrinos"] == "3 neutrinos in the ±500 s window, but no good data cover it"
    assert result["direction"] == "none given: right ascensions are scrambled"
    assert content["table_note"].startswith("BLINDED")


def test_what_is_missing_is_called_missing(data: Path) -> None:
    changes: dict[str, Any] = {"p_astro": {"before": None, "after": None}, "gw": {"far": None, "instruments": []}}
    content = page(read_report(significance((), **changes)), "1.2.3", None, None)
    assert dict(content["result"])["p_astro"] == "the alert gives none"
    assert dict(content["input"])["distance"].startswith("not given; used: map")
    assert content["table_title"] == "No neutrino within ±500 s"


def test_a_direction_is_given_only_where_something_coincides(data: Path) -> None:
    result = dict(page(read_report(significance(real_neutrinos(data, 5))), "1.2.3", None, None)["result"])
    assert result["direction"] == "none given: nothing coincides with p < 0.1"
    assert result["coincident"] == "none listed: nothing coincides with p < 0.1"


def test_sigma_and_false_alarm_rate_are_shown_when_given(data: Path) -> None:
    neutrinos = real_neutrinos(data, 5)
    given: dict[str, Any] = {
        "significance_sigma": 2.25,
        "far_joint_hz": 1.2e-9,
        "far_joint": {
            "alerts": "significant alerts, bns",
            "rate_hz": 1e-7,
            "source": "",
            "upper_limit": False,
            "confidence": None,
        },
    }
    result = dict(page(read_report(significance(neutrinos, {2: 0.0123}, **given)), "1.2.3", None, None)["result"])
    assert result["p-value"].startswith("0.012 (2.2 σ, one-sided), of the population: from")
    assert result["false alarms"] == "1.2e-09 Hz, once in 26 years (significant alerts, bns)"
    given["far_joint"] |= {"upper_limit": True, "confidence": 0.9}
    limit = dict(page(read_report(significance(neutrinos, **given)), "1.2.3", None, None)["result"])["false alarms"]
    assert limit == "below 1.2e-09 Hz, once in 26 years (significant alerts, bns), with 90 % confidence"
    without = page(read_report(significance(neutrinos)), "1.2.3", None, None)["result"]
    assert "false alarms" not in dict(without) and "σ" not in dict(without)["p-value"]


def test_the_energy_limit_is_shown_with_its_distance(data: Path) -> None:
    given = {"energy_erg": [1.2e51, 3e52], "distance_mpc": 40.0, "distance_std_mpc": 7.0, "counts": 2.3}
    report = read_report(significance(real_neutrinos(data, 1), isotropic_energy_limit_range=given))
    result = dict(page(report, "1.2.3", None, None)["result"])
    assert result["energy limit"] == "1.2e+51 to 3.0e+52 erg at 40 ± 7 Mpc (isotropic, muon neutrinos, 2.3 events)"


def test_every_parameter_of_a_search_has_words() -> None:
    parameters = as_parameters(Search(), 4.7e-3)
    shown = dict(in_words(parameters | {"new one": 3.0}))
    assert set(shown) & set(parameters) == set()
    assert shown["new one"] == "3"
    assert shown["neutrino after the source's time"] == "−250 to 250 s"
    assert shown["energy in muon neutrinos, isotropic"] == "9.52e+45 to 9.52e+50 erg"
