"""Burst catalogues as people save them again: columns in other letters and units, errors that are none."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from llama.ports import Burst
from llama.science.times import gps_from_utc
from llama.services.errors import ArchiveError
from llama.services.fermi.catalogue import read_catalogue

GW170817 = gps_from_utc("2017-08-17T12:41:04.4")


@pytest.fixture
def plain(data: Path) -> str:
    """Three bursts; GRB170817529 has an error radius of 11.6°, which is 696′ and 41760″."""
    return (data / "cases" / "catalogue" / "bom.csv").read_text(encoding="utf-8-sig")


def burst(path: Path, text: str) -> Burst:
    path.write_text(text)
    (found,) = read_catalogue(path).window(GW170817 - 500, GW170817 + 500).bursts
    return found


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"error_radius": "Error_Radius"}, "11.6000"),
        ({"error_radius": "ERROR RADIUS (deg)"}, "11.6000"),
        ({"error_radius": "error_radius_arcmin"}, "696"),
        ({"error_radius": "error radius [arcsec]"}, "41760"),
        ({"error_radius": "error_radius_rad"}, repr(math.radians(11.6))),
        ({"name,ra,dec,trigger_time,t90": "Name,RA,DEC,Trigger_Time (MJD),T90 (s)"}, "11.6000"),
    ],
)
def test_columns_are_known_in_any_letters_and_unit(plain: str, tmp_path: Path, change: dict[str, str], value: str):
    header, rows = plain.split("\n", 1)
    for old, new in change.items():
        assert old in header
        header = header.replace(old, new)
    for other in ("3.2700", "3.6100"):
        rows = rows.replace(other, value)
    found = burst(tmp_path / "saved.csv", f"{header}\n{rows.replace('11.6000', value)}")
    assert found.error_radius == pytest.approx(11.6) and found.sigma == pytest.approx(11.6 / 1.5096, rel=1e-4)
    assert (found.trigger_id, found.ra, found.dec, found.t90_s) == ("bn170817529", 176.8, -39.8, 2.048)
    assert found.error_source == "68 %, statistical"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "error_radius_furlongs",
            "its column 'error_radius_furlongs' is not understood; call it error_radius, in deg",
        ),
        ("err_radius", "'err_radius' is not understood"),
        ("radius_90", "'radius_90' is not understood"),
        ("RA_error", "'RA_error' is not understood"),
        ("Error", "'Error' is not understood"),
        ("DEC", "its columns 'dec' and 'DEC' both mean dec; leave one of them out"),
        ("ra", "its columns 'ra' and 'ra' both mean ra"),
    ],
)
def test_what_may_be_an_error_and_is_not_understood_is_refused(plain: str, tmp_path: Path, name: str, said: str):
    path = tmp_path / "saved.csv"
    path.write_text(plain.replace("error_radius", name, 1))
    with pytest.raises(ArchiveError) as refused:
        read_catalogue(path)
    assert "saved.csv" in str(refused.value) and said in str(refused.value)


@pytest.mark.parametrize("value", ["400", "696", "180.1", "1e-5", "8e-5", "-5", "nan", "inf", "-inf", "11.6 deg"])
def test_a_radius_that_is_none_is_refused_by_line(plain: str, tmp_path: Path, value: str):
    path = tmp_path / "saved.csv"
    path.write_text(plain.replace("11.6000", value))
    with pytest.raises(
        ArchiveError, match=r"saved\.csv, line 2: GRB170817529 is no burst: .*(error_radius|'11.6 deg')"
    ):
        read_catalogue(path)


@pytest.mark.parametrize("column", ["2.0480", "2.7921e-07"])
@pytest.mark.parametrize("value", ["-1", "inf", "nan"])
def test_so_is_a_duration_or_fluence(plain: str, tmp_path: Path, column: str, value: str):
    path = tmp_path / "saved.csv"
    path.write_text(plain.replace(column, value))
    with pytest.raises(ArchiveError, match=rf"line 2: .* is {value}, which is no number from 0 up; leave it empty"):
        read_catalogue(path)


@pytest.mark.parametrize("value", ["", "0", "0.0"])
def test_no_radius_is_assumed_and_says_so(plain: str, tmp_path: Path, value: str):
    found = burst(tmp_path / "saved.csv", plain.replace("11.6000", value))
    assert found.error_radius == 10 and found.error_source.startswith("assumed to be 10°")


def test_the_edges_of_what_a_radius_can_be(plain: str, tmp_path: Path):
    assert burst(tmp_path / "saved.csv", plain.replace("11.6000", "180")).error_radius == 180
    assert burst(tmp_path / "saved.csv", plain.replace("11.6000", "1e-4")).error_radius == 1e-4
