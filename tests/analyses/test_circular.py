"""The draft circular: in the known form, and claiming nothing that is not in the result."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_examples import real_neutrinos, significance

from llama.analyses.telling.circular_draft import WIDTH, circular, subject
from llama.analyses.telling.reading import read_report


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_a_coincidence_reads_like_the_published_circulars(data: Path) -> None:
    neutrinos = real_neutrinos(data, 6)
    report = read_report(significance(neutrinos, {3: 0.0123}, gw={"significant": False}))
    text = one_line(circular(report))
    assert subject(report) == "LIGO/Virgo/KAGRA S120923ab: one counterpart neutrino candidate from the LLAMA search"
    assert "(2012-09-23 11:10:16 UTC to 2012-09-23 11:26:56 UTC)" in text
    assert "low-significance gravitational-wave candidate S120923ab" in text
    assert "overall pre-trial p-value of 0.012 for" in text and "no claim of a detection" in text
    assert "10,000" not in text and "12,000 background events on 21 sky maps" in text
    assert "corrected for the number of alerts and sky maps searched" in text
    assert "time of the track event minus time of the gravitational-wave trigger" in text
    assert f"{neutrinos[2].ra:.2f} {neutrinos[2].dec:+.2f}" in text
    assert f"{neutrinos[0].ra:.2f}" not in text


def test_a_person_finds_the_word_draft_first_and_fills_in_who_reports(data: Path) -> None:
    text = circular(read_report(significance(real_neutrinos(data, 1))))
    assert text.startswith("*** DRAFT") and "[AUTHORS] report:" in text
    assert "IceCube Collaboration" not in text.partition("[1] I. Bartos")[0]


def test_lines_stay_short(data: Path) -> None:
    report = read_report(significance(real_neutrinos(data, 60), dict.fromkeys(range(1, 61), 0.05)))
    lines = circular(report).splitlines()
    assert max(len(line) for line in lines if not line.startswith(("SUBJECT", "***"))) <= WIDTH
    assert sum(
        line.rstrip().endswith(tuple(f"0.050  IC86-2012_{n}" for n in range(500, 560))) for line in lines
    ) == 60 and "60 counterpart" in subject(report)


def test_nothing_found_is_said_plainly(data: Path) -> None:
    report = read_report(significance((), p_value=1.0, p_value_text="1.0000", log_odds_ratio=None))
    text = one_line(circular(report))
    assert "no neutrino counterpart" in subject(report)
    assert "No track-like events are found in coincidence" in text and "Properties" not in text


def test_an_alert_that_is_certainly_noise_has_no_candidates(data: Path) -> None:
    gone = {"p_astro": {"before": 0.0, "after": 0.0}, "log_odds_ratio": None, "odds_ratio": 0.0}
    report = read_report(significance(real_neutrinos(data, 3), {1: 0.0001}, p_value=0.0001, **gone))
    text = one_line(circular(report))
    assert "no neutrino counterpart" in subject(report) and report.coincident == ()
    assert "a common source is impossible, for the alert is certainly no astrophysical one" in text
    assert "No false alarm rate follows" in text and "Properties" not in text


def test_how_likely_the_alert_is_real_stands_beside_its_p_value(data: Path) -> None:
    report = read_report(significance(real_neutrinos(data, 1), p_astro={"before": 0.2, "after": 0.3}))
    assert "its probability of being astrophysical is given as 0.200." in one_line(circular(report))


def test_no_p_value_means_no_claim(data: Path) -> None:
    reason = "no background table fits; there is none of season IC40, only of IC86-2011"
    changes = {"p_value": None, "p_value_text": "n/a", "p_value_reason": reason}
    report = read_report(significance(real_neutrinos(data, 3), **changes))
    text = one_line(circular(report))
    assert "No p-value can be stated: no background table fits." in text
    assert "counterpart" not in subject(report) and "in coincidence" not in text


@pytest.mark.parametrize("mode, words", [("map", "direction by direction"), ("marginal", "No distance estimate")])
def test_the_distance_is_mentioned_as_it_was_used(data: Path, mode: str, words: str) -> None:
    report = read_report(significance(real_neutrinos(data, 1), distance_mode=mode))
    assert words in one_line(circular(report))


def test_background_of_other_detectors_is_called_that(data: Path) -> None:
    content = significance(real_neutrinos(data, 2), {1: 0.01})
    assert "same population and detectors" in one_line(circular(read_report(content)))
    content["p_value_table"] = content["p_value_table"] | {"name": "opa/bns/o4/any/IC86-2012"}
    text = one_line(circular(read_report(content)))
    assert "table opa/bns/o4/any/IC86-2012 (all detectors together)" in text and "and detectors" not in text


def test_a_limit_is_called_a_limit(data: Path) -> None:
    content = significance(real_neutrinos(data, 2), {1: 0.0}, p_value=0.0, p_value_text="<1/12000")
    assert "p-value below 1/12000 for" in one_line(circular(read_report(content)))


def test_missing_livetime_is_stated_with_its_reason(data: Path) -> None:
    coverage = {"complete": False, "covered_s": 623.2, "why": "run boundary"}
    text = one_line(circular(read_report(significance(real_neutrinos(data, 1), coverage=coverage))))
    assert "INCOMPLETE" in text and "623 s of the 1000 s" in text and "run boundary" in text
    assert "cover the whole window." not in text


def test_tests_blinded_and_simulated_lists_are_marked_on_top(data: Path) -> None:
    blinded = read_report(significance(real_neutrinos(data, 2, kind="blinded"), {1: 0.01}), role="test")
    text = circular(blinded)
    assert "TEST EVENT: do not send" in text and "BLINDED NEUTRINOS: do not send" in text
    assert subject(blinded).startswith("TEST") and "0.0100" not in text and "direction is RA" not in text
    injected = circular(read_report(significance(real_neutrinos(data, 2, kind="injected"), {1: 0.01})))
    assert "SIMULATED NEUTRINOS: do not send" in injected


@pytest.mark.parametrize(
    ("named", "creator", "words"),
    [
        ("bayestar.multiorder.fits,1", "BAYESTAR", "(bayestar.multiorder.fits,1, made by BAYESTAR)"),
        ("bayestar.fits.gz", "run_sky_area", "(made by run_sky_area, as its header says; the notice names bayestar"),
        (None, "BAYESTAR", "(made by BAYESTAR, as its header says)"),
        ("bayestar.fits.gz", None, "(its header does not say who made it; the notice names bayestar.fits.gz)"),
        (None, None, "(its header does not say who made it)"),
        (
            "bayestar.fits.gz",
            "GBM_healpix.py 1.2",
            "(made by GBM_healpix.py 1.2, as its header says; the notice names",
        ),
    ],
)
def test_the_map_that_was_used_is_named_by_its_own_header(
    data: Path, named: str | None, creator: str | None, words: str
) -> None:
    found = significance(real_neutrinos(data, 1), gw={"skymap_filename": named})
    found["inputs"]["gw_skymap_header"] = {"creator": creator, "object": None, "date_obs": None}
    assert words in one_line(circular(read_report(found)))


def test_false_alarms_come_with_how_the_alerts_were_counted(data: Path) -> None:
    among = {"alerts": "significant alerts, bns", "confidence": None, "rate_hz": 1.537e-8, "upper_limit": False}
    rate = {"far_joint_hz": 1e-9, "far_joint": among | {"source": "1 most likely bns among the alerts of O4"}}
    text = one_line(circular(read_report(significance(real_neutrinos(data, 1), **rate))))
    assert "Such alerts come one in 753 days: 1 most likely bns among the alerts of O4." in text
