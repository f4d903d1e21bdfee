"""What a real file of the original software says of itself, held against ours (SCIENCE 5.4).

Its trigger's sky map, distance and background table are not public, so its odds cannot be computed again.
"""

from __future__ import annotations

import math
from dataclasses import fields, replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from original_file import original_file
from significance_examples import SEARCHES, SEASON, found, neutrino_list, populations, row, table

from llama.analyses.result.weights import odds_and_weights
from llama.messengers.icecube.record import TYPES, NeutrinoRow
from llama.science.search import as_parameters
from llama.science.significance import p_value
from llama.science.statistic import EventStatistic, LogWeights
from llama.science.times import gps_from_mjd, gps_from_utc


@pytest.fixture(scope="module")
def original() -> dict[str, Any]:
    return original_file()


def test_it_is_the_release_that_was_read() -> None:
    assert version("ligo-followup-advocate") == "1.3.9"


def test_odds_are_signal_over_noise_and_chance_to_the_last_digit(original: dict[str, Any]) -> None:
    assert original["odds_ratio"] == original["p_h_s1"] / (original["p_h_0"] + original["p_h_c"])


def test_our_writer_gives_its_odds_for_its_weights(original: dict[str, Any]) -> None:
    """Which part of p_h_c is what, the file does not say; their sum counts."""
    signal, noise, chance = (math.log(original[name]) for name in ("p_h_s1", "p_h_0", "p_h_c"))
    weights = LogWeights(*map(np.float64, (signal, chance - math.log(2), chance - math.log(2), noise)))
    real = odds_and_weights(EventStatistic(float(weights.log_odds()), weights))
    for name in ("p_h_s1", "p_h_0", "p_h_c", "odds_ratio"):
        assert real[name] == pytest.approx(original[name], rel=1e-13)


def test_its_p_value_is_a_count_of_background_events_bit_for_bit(original: dict[str, Any]) -> None:
    """272 of 2215 at least as high: 1 − 1943/2215, the double that the file holds, and not 272/2215."""
    background = np.concatenate([np.zeros(1943), np.full(272, original["odds_ratio"])])
    assert p_value(background, original["odds_ratio"]).p == original["p_value"] != 272 / 2215


def test_a_whole_result_of_ours_has_that_p_value_from_such_a_table(original: dict[str, Any]) -> None:
    background = np.concatenate([np.zeros(1943), np.ones(272)])
    fits = table("bns", "H1L1", background, search_type="subthreshold")
    odds = found(search_type="subthreshold")["p_value_odds_ratio"]
    result = found(tables=populations(replace(fits, statistics=background * odds)), search_type="subthreshold")
    assert result["p_value"] == original["p_value"]


def test_its_search_is_ours_for_that_population(original: dict[str, Any]) -> None:
    """All of its parameters are in our results under the same names, and those of `cbc` have the same values.

    But three: our detectors are with the alert, its run is the one before, and where its rate of neutrinos is a round
    number ours is the season's.
    """
    theirs = original["inputs"]["search_parameters"]
    ours = as_parameters(SEARCHES.choose(theirs["population"]).search, SEASON.rate_hz)
    assert set(theirs) - set(ours) == {"instruments"}
    differing = {name for name in set(theirs) & set(ours) if theirs[name] != ours[name]}
    assert differing == {"sensitivity", "ratebgnu"}
    assert 0.5 < ours["ratebgnu"] / theirs["ratebgnu"] < 1


def test_its_keys_are_in_our_file(original: dict[str, Any]) -> None:
    """But `p_h_s2`, whose meaning is not known."""
    ours = found(search_type="subthreshold")
    assert set(original) - set(ours) == {"p_h_s2"}
    assert original["dump"] == ours["dump"] == {}
    assert set(original["inputs"]) <= set(ours["inputs"])
    assert set(original["inputs"]["gw_skymap_info"]) <= set(ours["inputs"]["gw_skymap_info"])
    of_a_neutrino = {key for one in original["inputs"]["neutrino_info"] for key in one}
    assert of_a_neutrino - {field.name for field in fields(NeutrinoRow)} == {"file", "subevent"}


def test_its_neutrinos_can_be_searched(original: dict[str, Any]) -> None:
    """Blinded, within 500 s, zenith and declination of one detector at the South Pole; our statistic takes them."""
    gps_time = gps_from_utc(original["inputs"]["gw_skymap_info"]["event_time"])
    rows = original["inputs"]["neutrino_info"]
    times = np.atleast_1d(gps_from_mjd(np.array([one["mjd"] for one in rows]))) - gps_time
    assert np.all(np.abs(times) < 500) and np.all(np.diff(times) > 0)
    assert {one["type"] for one in rows} == {"blinded"} <= set(TYPES)
    assert all(abs(one["zenith"] - one["dec"] - 90) < 0.2 for one in rows)
    made = [_ours(one, float(dt)) for one, dt in zip(rows, times, strict=True)]
    result = found(neutrinos=neutrino_list(*made), search_type="subthreshold")
    assert [one["energy"] for one in result["single_neutrino"]] == [one["energy"] for one in rows]
    assert result["odds_ratio"] == result["p_h_s1"] / (result["p_h_0"] + result["p_h_c"])


def _ours(theirs: dict[str, Any], dt: float) -> NeutrinoRow:
    """The same neutrino around the trigger of our examples."""
    same = {name: theirs[name] for name in ("dec", "zenith", "azimuth", "sigma", "energy", "type")}
    return row(theirs["event"], dt, theirs["ra"], run=int(theirs["run"]), **same)
