"""Times in headers of sky maps: read right, to the digits that are given, or told as not read."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.formats.test_skymap_words import flat

from llama.formats.skymap import MultiOrderFits, read_skymap
from llama.formats.skymap_maker import READ_NOTE
from llama.formats.skymap_times import header_times
from llama.science.times import gps_from_utc

SIGNAL = gps_from_utc("2019-08-14T21:10:39.01")


@pytest.mark.parametrize(
    ("key", "said", "first", "length_s"),
    [
        ("DATE-OBS", "2019-08-14", "2019-08-14T00:00:00", 86400),
        ("DATE-OBS", "20190814", "2019-08-14T00:00:00", 86400),
        ("DATE_OBS", "2019-08-14 21:10", "2019-08-14T21:10:00", 60),
        ("DATE-BEG", "2019-08-14T21:10:39.01 UTC", "2019-08-14T21:10:39.01", 0),
        ("DATE-AVG", "20190814T211039.01", "2019-08-14T21:10:39.01", 0),
        ("DATE-OBS", "2019-08-14T23:10:39.01+02:00", "2019-08-14T21:10:39.01", 0),
        ("EVENTMJD", "58709", "2019-08-14T00:00:00", 86400),
        ("MJD_OBS", "58709.88", "2019-08-14T21:00:00", 864),  # 58709.875 to 58709.885
        ("EVENTMJD", "2019-08-14", "2019-08-14T00:00:00", 86400),
        ("GPSTIME", "1249852257.01", "2019-08-14T21:10:39.01", 0),
        ("START", "2019-08-14 21:10:39.01", "2019-08-14T21:10:39.01", 0),
    ],
)
def test_a_time_is_as_long_as_its_digits_leave_it_open(key: str, said: str, first: str, length_s: float) -> None:
    (time,), remarks = header_times({key: said})
    assert time.first_gps == pytest.approx(gps_from_utc(first), abs=1e-3)
    assert time.last_gps - time.first_gps == pytest.approx(length_s, abs=1e-3)
    assert remarks == []
    assert time.away_s(SIGNAL) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    ("key", "said", "why"),
    [
        ("DATE-OBS", "14/08/2019", "write it as"),
        ("DATE-OBS", "14/08/19", "write it as"),
        ("DATE-OBS", "2019 Aug 14", "write it as"),
        ("DATE-OBS", "58709.88", "write it as"),
        ("DATE-OBS", "2019-02-30", "no such time"),
        ("DATE-OBS", "2019-08-14T23:59:60", "no leap second"),
        ("MJD-OBS", "2458710.38", "looks like a Julian Date"),
        ("EVENTMJD", "nan", "no number"),
        ("GPSTIME", "1249852257010", "GPS seconds of our time"),
        ("TRIGTIME", "537755817.807014", "since when it counts is not known"),
    ],
)
def test_what_is_not_read_as_a_time_is_told_with_the_map(tmp_path: Path, key: str, said: str, why: str) -> None:
    times, (remark,) = header_times({key: said})
    assert times == []
    assert remark.startswith(f"{key} = {said!r} is not read as a time: ")
    assert why in remark
    m = read_skymap(flat(COORDSYS="C", **{key: said}))
    assert m.origin[READ_NOTE] == remark
    MultiOrderFits().write(m, tmp_path / "map.fits")
    assert read_skymap(tmp_path / "map.fits").origin == m.origin, "told once"


def test_a_burst_is_timed_by_the_beginning_that_its_header_names(data: Path) -> None:
    """GRB 180116A triggered GBM at 00:36:52.81 UT (its name has the fraction of the day, 026)."""
    origin = read_skymap(data / "skymaps/grb/glg_healpix_all_bn180116026.fit").origin
    trigger = next(time for time in header_times(origin)[0] if time.key == "TRIGTIME")
    assert trigger.first_gps == pytest.approx(gps_from_utc("2018-01-16T00:36:52.81"), abs=0.01)


@pytest.mark.parametrize("key", ["EVENTMJD", "SENDER", "I3TYPE", "RUNID", "EVENT", "TRIGGER", "MISSION", "EXTNAME"])
def test_what_a_header_says_of_its_origin_stays_with_the_map(tmp_path: Path, key: str) -> None:
    m = read_skymap(flat(COORDSYS="C", **{key: "58709.88"}))
    assert m.origin[key] == "58709.88"
    MultiOrderFits().write(m, tmp_path / "map.fits")
    assert read_skymap(tmp_path / "map.fits").origin == m.origin


def test_a_time_without_date_obs_is_named_as_it(data: Path) -> None:
    assert read_skymap(flat(EVENTMJD=58709.88240756174)).origin["DATE-OBS"].startswith("2019-08-14T21:10:40.0")
    assert "DATE-OBS" not in read_skymap(flat(EVENTMJD=58709)).origin
