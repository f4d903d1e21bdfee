"""Transient lists added by hand, and what they say to the statistic."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llama.engine.graph.product import read
from llama.messengers.ztf import MESSENGER, ZTF_TRIGGERS
from llama.messengers.ztf.likelihood import listening, log_found
from llama.science.companions import log_strength, source_times
from llama.science.sky import credible_area_deg2
from llama.science.times import gps_from_utc

EXAMPLE: dict[str, Any] = {
    "searched": 0.4,
    "searched_deg2": 4700,
    "limiting_magnitude": 20.5,
    "peak_magnitudes": [-17.5, -14.5],
    "window_days": 3,
    "triggers": [
        {"name": "AT2017gfo", "ra": 197.4504, "dec": -23.3815, "mjd": 57982.981, "chance": 0.01},
        {"name": "ZTF1", "ra": 10, "dec": 20, "mjd": 57982.7, "mjd_last_before": 57981.7, "rate_per_day": 0.5},
    ],
}

SKY_OVER_AREA = 4 * math.pi * math.degrees(1) ** 2 / 4700


def lists(tmp_path: Path, **changes: Any):
    path = tmp_path / ZTF_TRIGGERS.filename
    path.write_text(json.dumps(EXAMPLE | changes))
    return read(ZTF_TRIGGERS.codec, path)


def trigger(**changes: Any) -> list[dict[str, Any]]:
    return [EXAMPLE["triggers"][0] | changes]


def test_the_product_comes_from_outside_only():
    assert (ZTF_TRIGGERS.filename, ZTF_TRIGGERS.make) == ("ztf_trigger_list.json", None)
    assert MESSENGER.products == (ZTF_TRIGGERS,)


def test_a_list_becomes_companions(tmp_path: Path):
    heard = listening(lists(tmp_path))
    first, second = heard.companions
    assert [first.name, second.name] == ["ZTF1", "AT2017gfo"], "in order of time"
    assert second.gps_s == pytest.approx(gps_from_utc("2017-08-17T23:32:38.4"), abs=0.1)
    assert (first.minus_s, first.plus_s) == (0.0, pytest.approx(86400.0)), "seen not a day before"
    assert second.plus_s == 3 * 86400.0
    assert first.rate_hz == pytest.approx(0.5 / 86400 * SKY_OVER_AREA, rel=1e-5)
    assert -math.expm1(-second.rate_hz * second.window_s / SKY_OVER_AREA) == pytest.approx(0.01, rel=1e-5)
    early, late = source_times(second, gps_from_utc("2017-08-17T12:41:04"))
    assert early < 0 < late
    assert credible_area_deg2(second.skymap, 0.9) == pytest.approx(4.6 * math.pi / 3600**2, rel=0.05)


def test_depth_and_silence(tmp_path: Path):
    found = lists(tmp_path)
    r = np.array([1.0, 40.0, 200.0, 1000.0])
    modulus = 5 * np.log10(r) + 25
    expected = np.clip((20.5 - modulus + 17.5) / 3, 0, 1)
    np.testing.assert_allclose(np.exp(log_found(found)(r)), expected)
    heard = listening(found)
    np.testing.assert_allclose(np.exp(heard.log_silence(r)), 1 - 0.4 * expected)
    strength = np.exp(log_strength(heard.companions[1], r))
    np.testing.assert_allclose(strength, expected / -math.log1p(-0.01) / SKY_OVER_AREA, rtol=1e-5)


def test_the_mean_over_unrelated_transients_is_one(tmp_path: Path):
    """Silence and what unrelated transients, uniform in the searched area, add on average: 1 for any distance."""
    found = lists(tmp_path)
    heard, r = listening(found), np.array([40.0, 200.0])
    one = heard.companions[0]
    per_sr = 0.5 * one.window_s / 86400 / math.radians(1) ** 2 / found.searched_deg2  # in the window, where searched
    added = per_sr * 4 * math.pi * np.exp(log_strength(one, r))  # ∫dΩ of the candidate's 4π P, where searched
    np.testing.assert_allclose(np.exp(heard.log_silence(r)) + found.searched * added, 1, rtol=1e-5)


def test_an_empty_list_says_that_nothing_was_found(tmp_path: Path):
    heard = listening(lists(tmp_path, triggers=[]))
    assert heard.companions == () and heard.log_silence(np.array([10.0]))[0] < 0
    np.testing.assert_array_equal(listening(lists(tmp_path, searched=0)).log_silence(np.array([10.0])), 0.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"searched": 1.5}, "searched"),
        ({"searched_deg2": 0}, "searched_deg2"),
        ({"searched_deg2": 41254}, "the whole sky"),
        ({"window_days": 0}, "window_days"),
        ({"peak_magnitudes": [-14, -17]}, "brightest"),
        ({"limiting_magnitude": 99}, "limiting_magnitude"),
        ({"seached": 1}, "seached"),
        ({"triggers": trigger(dec=91)}, "not on the sky"),
        ({"triggers": trigger(error_arcsec=0)}, "arcsec"),
        ({"triggers": trigger(mjd=2457983.0)}, "no Modified Julian Date"),
        ({"triggers": trigger(chance=0)}, "between 0 and 1"),
        ({"triggers": trigger(rate_per_day=1)}, "one of the two"),
        ({"triggers": trigger(chance=None)}, "one of the two"),
        ({"triggers": trigger(chance=None, rate_per_day=0)}, "above zero"),
        ({"triggers": trigger(mjd_last_before=57983.0)}, "after its first detection"),
        ({"triggers": trigger() * 2}, "twice"),
    ],
)
def test_what_a_person_may_get_wrong_is_named(tmp_path: Path, changes, said):
    with pytest.raises(Exception, match=said) as raised:
        lists(tmp_path, **changes)
    assert "ztf_trigger_list.json" in str(raised.value)
