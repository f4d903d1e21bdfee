"""Times that are none: leap seconds that never were, and other counts of days for Modified Julian Dates."""

from __future__ import annotations

import numpy as np
import pytest

from llama.science.times import check_leap_second, gps_from_mjd, gps_from_utc


@pytest.mark.parametrize("text", ["2016-12-31T23:59:60Z", "2012-06-30 23:59:60.5", "1998-12-31T23:59:60"])
def test_leap_seconds_are_read(text: str) -> None:
    check_leap_second(text)
    before = gps_from_utc(text[:17] + "59" + text[19:])
    assert gps_from_utc(text) - before == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "text", ["2012-05-30T23:59:60", "2016-12-31T22:59:60Z", "2012-06-29 23:59:60.5 UTC", "2017-06-30T23:59:60"]
)
def test_those_that_never_were_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no leap second is known at"):
        gps_from_utc(text)


def test_a_modified_julian_date_of_our_time_is_read() -> None:
    np.testing.assert_allclose(gps_from_mjd(np.array([44245.0, 57982.5])), [86400.0, 1187006418.0])
    assert gps_from_mjd(np.empty(0)).size == 0


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (2457983.02854715, "looks like a Julian Date: subtract 2400000.5"),
        (524666471.0, "looks like seconds"),
        (17.0, "no Modified Julian Date"),
        (float("nan"), "no Modified Julian Date"),
    ],
)
def test_what_is_no_modified_julian_date_is_refused(value: float, said: str) -> None:
    for given in (value, np.array([57982.0, value])):
        with pytest.raises(ValueError, match=said):
            gps_from_mjd(given)
