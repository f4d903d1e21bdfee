"""Limits in the result files: for the neutrinos that were seen, in the livetime that there was, and saying so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from significance_examples import GPS, SEASON, SKYMAP, found, neutrino_list, populations, row, table

from llama.analyses.result.limits import likely_declinations, livetime_fraction, sensitivity
from llama.analyses.telling.reading import read_report
from llama.messengers.icecube.record import NeutrinoList
from llama.science.detector import upper_limit_counts
from llama.science.significance import Populations

NEAR, FAR = row(1, 30.0), row(2, 100.0, 250.0)
NOTHING_LIKE_IT = populations(table("bns", "H1L1", np.full(500, 1e-9)))


def limits(*rows: Any, tables: Populations = NOTHING_LIKE_IT, **change: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    result = found(neutrinos=neutrino_list(*rows, **change), tables=tables)
    return result["neutrino_limit"], result["isotropic_energy_limit_range"]


def test_nothing_seen() -> None:
    limit, energy = limits()
    assert (limit["coincident"], limit["confidence"], limit["livetime_fraction"]) == ([], 0.9, 1.0)
    assert limit["counts"] == energy["counts"] == pytest.approx(np.log(10))
    assert limit["assumes"].startswith(
        "no coincident neutrino (those count whose p-value and the event's are below 0.1)"
    )
    assert limit["flux_limit"] == pytest.approx(
        sensitivity(SEASON, likely_declinations(SKYMAP), 1.0).flux_sensitivity
    )


@pytest.mark.parametrize("seen", [(NEAR,), (NEAR, row(3, 60.0, 114.2))])
def test_significant_neutrinos_raise_the_limit_and_are_named(seen: tuple[Any, ...]) -> None:
    none, none_energy = limits()
    limit, energy = limits(*seen, FAR)
    assert limit["coincident"] == [one.i3event for one in seen]
    assert limit["counts"] == energy["counts"] == pytest.approx(upper_limit_counts(len(seen)))
    more = limit["counts"] / none["counts"]
    assert limit["flux_limit"] == pytest.approx([one * more for one in none["flux_limit"]])
    assert energy["energy_erg"] == pytest.approx([one * more for one in none_energy["energy_erg"]])
    assert limit["assumes"].startswith(f"{len(seen)} coincident neutrino")
    assert "none of which is taken for background" in limit["assumes"]


def test_the_limit_counts_the_neutrinos_that_reports_list() -> None:
    result = found(neutrinos=neutrino_list(NEAR, FAR), tables=NOTHING_LIKE_IT)
    assert [one.i3event for one in read_report(result).coincident] == result["neutrino_limit"]["coincident"]


def test_an_ordinary_event_has_no_coincident_neutrino() -> None:
    limit, _ = limits(NEAR, FAR, tables=populations(table("bns", "H1L1", np.full(500, 1e300))))
    assert limit["coincident"] == []


def test_without_a_p_value_odds_decide_and_the_result_says_so() -> None:
    limit, _ = limits(row(1, 3.0, energy=1e6, sigma=0.3), FAR, tables=Populations({}))
    assert limit["coincident"] == ["event-1"]
    assert "there is no p-value, so those with odds above 1 count" in limit["assumes"]


def test_a_blinded_list_says_that_nobody_knows() -> None:
    limit, _ = limits(replace(NEAR, type="blinded"))
    assert limit["coincident"] == []
    assert "the list is blinded, so whether one is coincident is not known" in limit["assumes"]


def test_lost_livetime_raises_limits_and_sensitivity() -> None:
    whole = found(neutrinos=neutrino_list())
    part = found(neutrinos=neutrino_list(complete=False, covered_s=250.0, why="a gap"))
    assert part["neutrino_limit"]["livetime_fraction"] == 0.25
    assert "25.0% of the search's window is good livetime" in part["neutrino_limit"]["assumes"]
    assert part["neutrino_limit"]["counts"] == whole["neutrino_limit"]["counts"]
    for above, key in (
        ("neutrino_flux_sensitivity_range", "flux_sensitivity"),
        ("neutrino_limit", "flux_limit"),
        ("isotropic_energy_limit_range", "energy_erg"),
        ("isotropic_energy_limit_range", "energy_erg_one_sigma"),
    ):
        assert part[above][key] == pytest.approx([4 * one for one in whole[above][key]])


def test_no_livetime_is_no_limit_and_a_reason() -> None:
    result = found(neutrinos=neutrino_list(complete=False, covered_s=0.0, why="no data"))
    assert result["neutrino_flux_sensitivity_range"] is None
    assert result["neutrino_limit"]["flux_limit"] is None
    assert result["isotropic_energy_limit_range"] is None
    assert result["isotropic_energy_limit_reason"] == "the neutrino list has no good livetime in the window"


@pytest.mark.parametrize(
    ("start", "stop", "covered", "fraction"),
    [
        (-500, 500, 1000, 1.0),
        (-500, 500, 300, 0.3),
        (-500, 0, 500, 0.5),
        (-1000, 1000, 2000, 1.0),
        (-1500, 500, 1000, 0.5),
    ],
)
def test_livetime_of_the_search_s_own_window(start: float, stop: float, covered: float, fraction: float) -> None:
    given = NeutrinoList(False, covered, GPS + start, GPS + stop, SEASON.name, "test", "", ())
    assert livetime_fraction(given, GPS - 500, GPS + 500) == pytest.approx(fraction)
