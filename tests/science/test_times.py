"""Times that are none: leap seconds that never were, and other counts of days for Modified Julian Dates."""

from __future__ import annotations

import numpy as np
import pytest

from llama.cli.selection import parse_downselection
from llama.engine.errors import EventError
from llama.formats.errors import NoticeError
from llama.formats.values import utc
from llama.science.times import check_leap_second, gps_from_mjd, gps_from_utc, offset_minutes


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


@pytest.mark.parametrize(("offset", "minutes"), [("+14:00", 840), ("-03:30", -210), ("+0545", 345), ("-12", -720)])
def test_the_zones_that_there_are_count(offset: str, minutes: int) -> None:
    assert offset_minutes(offset) == minutes
    if ":" in offset:
        apart = gps_from_utc("2019-04-25T08:18:05") - gps_from_utc(f"2019-04-25T08:18:05{offset}")
        assert apart == minutes * 60


@pytest.mark.parametrize("offset", ["+14:01", "-15:00", "+99:00", "+02:60", "-00:99", "+1500", "+0275", " +23:59"])
def test_those_that_there_are_not_are_refused(offset: str) -> None:
    with pytest.raises(ValueError, match="is no time zone; they lie within 14:00 of UTC"):
        gps_from_utc(f"2019-04-25T08:18:05.017{offset}")
    with pytest.raises(NoticeError, match=r"trigger_time is '2019.* is no time zone"):
        utc(f"2019-04-25T08:18:05.017{offset}", "trigger_time")
    with pytest.raises(EventError, match="is no time zone"):
        parse_downselection(f"modafter=2019-04-25T08:18:05{offset}")


def test_a_notice_may_be_written_in_any_zone() -> None:
    assert utc("2019-04-25T22:18:05.017+14:00", "trigger_time") == "2019-04-25T08:18:05.017Z"
    assert utc("2019-04-25 04:48:05-0330", "trigger_time") == "2019-04-25T08:18:05Z"


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
