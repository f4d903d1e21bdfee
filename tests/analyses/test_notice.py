"""The GCN notice, checked against the schema it must fit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from report_examples import real_neutrinos, significance

from llama.analyses.notice import notice
from llama.analyses.report import read_report

SCHEMA = "gcn/notices/icecube/lvk_nu_track_search.schema.json"


@pytest.fixture(scope="module")
def validator(data: Path) -> Draft202012Validator:
    root = data / "schemas/gcn-schema"
    schemas = [json.loads(path.read_text()) for path in root.glob("gcn/notices/**/*.schema.json")]
    registry: Any = Registry().with_resources((one["$id"], Resource.from_contents(one)) for one in schemas)
    return Draft202012Validator(json.loads((root / SCHEMA).read_text()), registry=registry)


CASES: dict[str, tuple[int, dict[int, float], dict[str, Any]]] = {
    "none": (0, {}, {"p_value": 1.0, "p_value_text": "1.0000", "log_odds_ratio": None}),
    "one": (1, {1: 0.0028}, {}),
    "two of nine": (9, {3: 0.0123, 5: 0.06}, {}),
    "sixty": (60, {}, {}),
    "no p-value": (3, {}, {"p_value": None, "p_value_text": "n/a", "p_value_reason": "no table fits"}),
    "limit": (3, {2: 0.0}, {"p_value": 0.0, "p_value_text": "<1/12000"}),
    "incomplete": (2, {1: 0.01}, {"coverage": {"complete": False, "covered_s": 623.2, "why": "run boundary"}}),
    "bare": (2, {1: 0.01}, {
        "most_probable_direction": None, "p_astro": {"before": None, "after": None},
        "neutrino_flux_sensitivity_range": None, "notes": ["ünïcode γ"],
        "gw": {"far": None, "notice_time": None, "significant": None, "skymap_filename": None},
    }),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("role", ["test", "observation"])
def test_every_notice_fits_the_schema(data: Path, validator: Draft202012Validator, case: str, role: str) -> None:
    count, p_values, changes = CASES[case]
    content = json.loads(json.dumps(significance(real_neutrinos(data, count), p_values, **json_copy(changes))))
    result = notice(read_report(content, role=role))
    validator.validate(json.loads(json.dumps(result, allow_nan=False)))
    assert result["observation_livetime"] == 1000 and result["pval_generic"] is None
    assert result["n_events_coincident"] == len(result["coincident_events"])
    assert (result.get("alert_tense") == "test") == (role == "test")


def json_copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def test_the_keys_are_those_of_the_published_example(data: Path) -> None:
    example = json.loads((data / "schemas/gcn-schema" / SCHEMA.replace("schema.json", "example.json")).read_text())
    result = notice(read_report(significance(real_neutrinos(data, 3), {2: 0.01})))
    assert list(result) == list(example)
    assert list(result["coincident_events"][0]) == list(example["coincident_events"][0])
    assert list(result["coincident_events"][0]["localization"]) == list(
        example["coincident_events"][0]["localization"]
    )


def test_the_window_is_500_s_to_each_side_and_the_reference_our_event(data: Path) -> None:
    result = notice(read_report(significance(real_neutrinos(data, 1))))
    assert result["trigger_time"] == "2012-09-23T11:18:35.500000Z"
    assert result["observation_start"] == "2012-09-23T11:10:15.500Z"
    assert result["observation_stop"] == "2012-09-23T11:26:55.500Z"
    assert result["reference"] == {"gcn.notices.LVK.alert": "S120923ab-2-Preliminary"}
    assert (result["ref_ID"], result["alert_datetime"]) == ("S120923ab", "2012-09-23T11:23:45Z")


def test_only_neutrinos_below_0_1_are_listed_and_only_when_the_event_is(data: Path) -> None:
    neutrinos = real_neutrinos(data, 4)
    listed = notice(read_report(significance(neutrinos, {2: 0.0999, 4: 0.0123})))["coincident_events"]
    assert [one["id"] for one in listed] == [[neutrinos[3].i3event], [neutrinos[1].i3event]]
    assert listed[0]["localization"]["ra_dec_error"] == round(2.145966 * neutrinos[3].sigma, 2)
    above = notice(read_report(significance(neutrinos, {2: 0.05}, p_value=0.1)))
    assert (above["coincident_events"], above["pval_bayesian"]) == ([], 0.1)
    assert "most_probable_direction" not in above


def test_a_limit_is_published_as_the_limit_and_never_as_zero(data: Path) -> None:
    content = significance(real_neutrinos(data, 2), {2: 0.0}, p_value=0.0, p_value_text="<1/12000")
    result = notice(read_report(content))
    assert result["pval_bayesian"] == 8.3e-5 == result["coincident_events"][0]["event_pval_bayesian"]
    assert "upper limit" in result["additional_info"]


def test_small_p_values_keep_two_digits(data: Path) -> None:
    assert notice(read_report(significance(real_neutrinos(data, 1), {1: 4.567e-5})))["pval_bayesian"] == 4.6e-5


def test_blinded_neutrinos_give_no_direction_and_no_p_value(data: Path) -> None:
    neutrinos = real_neutrinos(data, 3, kind="blinded")
    result = notice(read_report(significance(neutrinos, {1: 0.001})))
    assert result["pval_bayesian"] is None and result["coincident_events"] == []
    assert "most_probable_direction" not in result and "blinded" in result["additional_info"]
    assert not any(str(round(nu.dec, 2)) in json.dumps(result) for nu in neutrinos)


def test_missing_data_and_missing_p_values_are_explained(data: Path) -> None:
    coverage = {"complete": False, "covered_s": 623.2, "why": "run boundary"}
    changes: dict[str, Any] = {"p_value": None, "p_value_text": "n/a", "p_value_reason": "no table fits"}
    info = notice(read_report(significance(real_neutrinos(data, 2), coverage=coverage, **changes)))["additional_info"]
    assert "623 s" in info and "run boundary" in info and "no table fits" in info


@pytest.mark.parametrize("mock", [{"graceid": "MS120923a"}, {"role": "test"}])
def test_mock_events_are_tests_whatever_the_flags_say(data: Path, mock: dict[str, str]) -> None:
    report = read_report(significance(real_neutrinos(data, 1), gw=mock), role="observation")
    assert notice(report)["alert_tense"] == "test"


def test_injected_neutrinos_are_never_passed_for_detections(data: Path) -> None:
    result = notice(read_report(significance(real_neutrinos(data, 1, kind="injected"), {1: 0.001})))
    assert result["alert_tense"] == "injection" and "simulated" in result["additional_info"]
