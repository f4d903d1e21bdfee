"""The neutrino lists for people."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_examples import GPS, neutrino_list, real_neutrinos, significance

from llama.analyses.result.marks import SIMULATED, marks_of
from llama.analyses.telling.circular_draft import circular
from llama.analyses.telling.gcn_notice import notice
from llama.analyses.telling.reading import read_report
from llama.analyses.telling.report import warning
from llama.analyses.telling.tables import coincidence_list, escape_latex, latex_table, plain_list
from llama.analyses.telling.wording import energy_range, format_energy, format_odds, format_p, found, round_p
from llama.messengers.icecube.text import as_text

EVENT = ("S120923ab-2-Preliminary", GPS, "2012-09-23T11:18:35.500000Z")


def rows_of(table: str) -> list[list[str]]:
    """Cells of the lines between the rule and the next empty line."""
    lines = table.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("---")) + 1
    return [line.split() for line in lines[start : lines.index("", start)]]


def test_the_plain_list_has_every_neutrino_in_time_order_with_dt_and_r90(data: Path) -> None:
    neutrinos = real_neutrinos(data, 12)
    rows = rows_of(plain_list(neutrino_list(tuple(reversed(neutrinos))), *EVENT))
    assert [row[1] for row in rows] == [nu.i3event for nu in neutrinos]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 13)]
    for row, nu in zip(rows, neutrinos, strict=True):
        assert float(row[2]) == pytest.approx(nu.gps - GPS, abs=0.006)
        assert float(row[5]) == pytest.approx(2.145966 * nu.sigma, abs=0.006)


def test_columns_are_aligned(data: Path) -> None:
    text = plain_list(neutrino_list(real_neutrinos(data, 60)), *EVENT).splitlines()
    rule = next(i for i, line in enumerate(text) if line.startswith("---"))
    table = text[rule - 2 : rule + 61]
    assert len({len(line) for line in (table[0], *table[3:])}) == 1
    assert "[deg]" in table[1] and "[GeV]" in table[1] and "[s]" in table[1]


def test_the_lists_say_what_dt_and_r90_mean_and_what_data_there_are(data: Path) -> None:
    partial = neutrino_list(real_neutrinos(data, 1), complete=False, covered_s=412.5, why="a gap between runs")
    text = plain_list(partial, *EVENT)
    assert "t_neutrino - t_gw" in text and "2.146 sigma" in text
    assert "412.5 s" in text and "NOT COMPLETE" in text and "a gap between runs" in text


def test_an_empty_list_says_so(data: Path) -> None:
    assert "No neutrino within ±500 s." in plain_list(neutrino_list(()), *EVENT)
    report = read_report(significance((), p_value=1.0, p_value_text="1.0000", log_odds_ratio=None))
    assert "odds 0, p-value 1.0 " in coincidence_list(report)
    assert "no neutrino within ±500 s" in latex_table(report)


def test_a_window_without_data_is_not_called_empty(data: Path) -> None:
    none = neutrino_list((), complete=False, covered_s=0.0, season=None, why="no good run")
    some = neutrino_list((), complete=False, covered_s=623.2, why="a gap between runs")
    assert "No data cover the ±500 s window." in plain_list(none, *EVENT)
    assert "No neutrino within the 623 s of the ±500 s window that good data cover." in plain_list(some, *EVENT)
    coverage = {"complete": False, "covered_s": 0.0}
    report = read_report(significance((), p_value=1.0, coverage=coverage))
    for text in (plain_list(none, *EVENT), coincidence_list(report), latex_table(report)):
        assert "no neutrino" not in text.lower()


@pytest.mark.parametrize(("count", "covered_s", "said"), [
    (1, 1000.0, "1 neutrino within ±500 s"),
    (4, 623.4, "4 neutrinos within the 623 s of the ±500 s window that good data cover"),
    (0, 1000.0, "no neutrino within ±500 s"),
    (0, 0.0, "no data cover the ±500 s window"),
])  # fmt: skip
def test_what_was_found_depends_on_what_was_covered(count: int, covered_s: float, said: str) -> None:
    assert found(count, covered_s) == said


@given(st.floats(1.0, 1e9))
def test_energies_have_three_digits(gev: float) -> None:
    assert float(format_energy(gev)) == float(f"{gev:.3g}")
    assert len(format_energy(gev)) <= 8


def test_energy_ranges_are_in_the_unit_that_suits() -> None:
    assert energy_range(1419.6, 3899076.4) == "1.4 TeV to 3.9 PeV"
    assert energy_range(119173.8, 31157191.2) == "120 TeV to 31 PeV"


def test_blinding_does_not_hide_that_neutrinos_were_simulated(data: Path) -> None:
    """Of a blinded list only the source tells it, also of an empty one."""
    source = {"source": "simulated from icecube-3yr IC86-2011"}
    for rows in (real_neutrinos(data, 2, kind="blinded"), ()):
        report = read_report(significance(rows, {1: 0.01} if rows else None, coverage=source))
        for text in (
            plain_list(neutrino_list(rows, **source), *EVENT),
            as_text(neutrino_list(rows, **source)),
            coincidence_list(report),
            latex_table(report),
        ):
            assert "SIMULATED NEUTRINOS: they were drawn at random" in text and "good data" not in text
            assert "time are real" not in text and ("BLINDED" in text) == bool(rows)
        draft = circular(report)
        assert "SIMULATED NEUTRINOS: do not send" in draft and "SUBJECT: SIMULATED - " in draft
        assert "Good data cover" not in draft
        assert "SIMULATED NEUTRINOS" in warning(report)
        assert notice(report)["alert_tense"] == "injection"
        result = significance(rows, coverage=source)
        result["inputs"]["neutrino_info"] = [{"type": row.type} for row in rows]
        assert SIMULATED in marks_of(result)


def test_blinded_neutrinos_are_called_that(data: Path) -> None:
    neutrinos = real_neutrinos(data, 2, kind="blinded")
    report = read_report(significance(neutrinos))
    for text in (plain_list(neutrino_list(neutrinos), *EVENT), coincidence_list(report), latex_table(report)):
        assert "BLINDED: right ascensions are scrambled. Each is a random number" in text


def test_the_coincidence_list_adds_odds_and_p_values(data: Path) -> None:
    report = read_report(significance(real_neutrinos(data, 7), {3: 0.0123}))
    rows = rows_of(coincidence_list(report))
    assert rows[2][-2:] == ["8.13e-02", "0.012"]
    assert rows[6][-2] == "0"  # log odds null


def test_the_coincidence_list_says_what_the_p_value_rests_on(data: Path) -> None:
    text = coincidence_list(read_report(significance(real_neutrinos(data, 2), {1: 0.0123})))
    assert (
        "p-value 0.012 (of the population: from 12,000 background events on 21 sky maps, table opa/bns/o4/H1L1/IC86-2012)"
        in text
    )


def test_without_a_p_value_the_reason_is_printed(data: Path) -> None:
    report = read_report(
        significance(real_neutrinos(data, 1), p_value=None, p_value_text="n/a", p_value_reason="no table fits")
    )
    assert "p-value n/a (no table fits)" in coincidence_list(report)


def test_a_neutrino_beyond_all_background_shares_the_events_limit(data: Path) -> None:
    content = significance(real_neutrinos(data, 2), {1: 0.0}, p_value=0.0, p_value_text="<1/12000")
    assert [row.p_text for row in read_report(content).rows] == ["<1/12000", "0.32"]


def test_the_latex_table_is_a_whole_tabular(data: Path) -> None:
    lines = latex_table(read_report(significance(real_neutrinos(data, 3), {2: 0.02}))).splitlines()
    body = [line for line in lines if line.endswith(r"\\")]
    assert {line.count("&") for line in body} == {10} and len(body) == 4
    assert lines[-1] == r"\end{tabular}"
    assert r"IC86-2012\_500" in body[1] and r"\times10^{" in body[1]
    assert all(line.startswith("%") or "#" not in line for line in lines)


@pytest.mark.slow
@given(st.text())
def test_no_text_escapes_from_latex(text: str) -> None:
    escaped = escape_latex(text)
    assert len(escaped) >= len(text)
    for special in "&%$#_{}":
        bare = escaped.replace(r"\textbackslash{}", "").replace(r"\textasciitilde{}", "")
        bare = bare.replace(r"\textasciicircum{}", "").replace(r"\textless{}", "").replace(r"\textgreater{}", "")
        assert bare.count(special) == bare.count(f"\\{special}")


@given(st.floats(-690.0, 690.0))
def test_odds_are_printed_right(log_odds: float) -> None:
    mantissa, exponent = format_odds(log_odds).split("e")
    assert 1.0 <= float(mantissa) < 10.0
    assert math.log(float(mantissa)) + int(exponent) * math.log(10) == pytest.approx(log_odds, abs=0.006)


@pytest.mark.parametrize(("log_odds", "text"), [(-3411.0, "<1e-300"), (-691.0, "<1e-300"), (691.0, ">1e+300")])
def test_odds_where_no_float_reaches_are_a_limit(log_odds: float, text: str) -> None:
    assert format_odds(log_odds) == text


@pytest.mark.parametrize(
    ("p_value", "number", "text"),
    [(0.01234, 0.0123, "0.012"), (0.0001, 0.0001, "0.00010"), (4.567e-5, 4.6e-5, "4.6e-05"), (1.0, 1.0, "1.0")],
)
def test_p_values_are_rounded_as_icecube_rounds_them(p_value: float, number: float, text: str) -> None:
    assert (round_p(p_value), format_p(p_value)) == (number, text)


def test_the_radius_factor_is_the_published_one() -> None:
    from llama.analyses.telling.report import R90_PER_SIGMA

    assert pytest.approx(2.145966, abs=5e-7) == R90_PER_SIGMA
