"""Bursts from archived notices and from the real catalogue: the latest notice wins, and silence must be earned."""

from __future__ import annotations

import base64
import json
import shutil
from pathlib import Path

import pytest

from llama.formats.skymap import read_skymap
from llama.intake import files_between
from llama.messengers.fermi.notices import parse
from llama.ports import Stretch
from llama.science.sky import credible_area_deg2
from llama.science.times import gps_from_utc
from llama.services.errors import ArchiveError
from llama.services.fermi.archive import NoticeFolder, latest
from llama.services.fermi.catalogue import ASSUMED_RADIUS_DEG, read_catalogue

GRB180116A = gps_from_utc("2018-01-16T00:36:52.81")
GW170817 = gps_from_utc("2017-08-17T12:41:04.4")
MAP = "glg_healpix_all_bn180116026.fit"


@pytest.fixture
def archive(data: Path, tmp_path: Path) -> Path:
    """`YEAR-MONTH/DAY` with the notices of GRB 180116A, its map, and others' notices before and after."""
    notices = data / "notices"
    day = tmp_path / "gcn" / "2018-01" / "16"
    day.mkdir(parents=True)
    for path in (notices / "fermi").glob("GRB180116A*.xml"):
        shutil.copy(path, day)
    shutil.copy(data / "skymaps" / "grb" / MAP, day)
    swift = (notices / "swift" / "swift_grb_gcn.xml").read_text()
    for name, date in (("2018-01/15/before", "2018-01-15T21:00:00"), ("2018-01/16/after", "2018-01-16T05:00:00")):
        path = tmp_path / "gcn" / f"{name}.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        start, end = swift.index("<Date>"), swift.index("</Date>")
        path.write_text(swift[:start] + f"<Date>{date}" + swift[end:])
    return tmp_path / "gcn"


def window(folder: Path, gps: float = GRB180116A):
    return NoticeFolder(folder, parse, files_between).window(gps - 500, gps + 500)


def test_the_latest_notice_wins_and_keeps_what_only_earlier_ones_say(archive: Path):
    found = window(archive)
    (burst,) = found.bursts
    assert (burst.notice_type, burst.ra, burst.error_radius) == ("final", 212.77, 5.2)
    assert burst.classification == {"GRB": 0.97, "GENERIC_SGR": 0.01}
    assert burst.significance == 8.6 and burst.duration_class == "long" and burst.hardness_ratio == 1.33
    assert not burst.systematic_included


def test_its_map_comes_along(archive: Path, data: Path):
    (burst,) = window(archive).bursts
    assert burst.skymap is not None and burst.skymap.name == MAP and burst.skymap.systematic_included
    carried = read_skymap(base64.b64decode(burst.skymap.fits_base64))
    whole = read_skymap(data / "skymaps" / "grb" / MAP)
    assert credible_area_deg2(carried, 0.9) == pytest.approx(credible_area_deg2(whole, 0.9), rel=1e-3)
    assert len(burst.skymap.fits_base64) < 500_000


def test_a_window_between_notices_is_complete(archive: Path):
    found = window(archive)
    assert found.complete and found.covered_s == 1000 and found.why == ""
    assert found.covered == (Stretch(GRB180116A - 500, GRB180116A + 500),)
    assert found.again_gps == found.stop_gps, "people's positions may still come"
    assert not found.subthreshold


def test_it_is_final_once_late_notices_would_have_come(archive: Path):
    after = (archive / "2018-01/16/after.xml").read_text()
    (archive / "2018-01/16/later.xml").write_text(after.replace("2018-01-16T05:00:00", "2018-01-16T09:00:00"))
    found = window(archive)
    assert found.again_gps is None and found.subthreshold


def test_a_gap_is_not_silence(archive: Path):
    (archive / "2018-01/15/before.xml").unlink()
    found = window(archive)
    assert not found.complete and found.covered_s == pytest.approx(499.8, abs=0.1)
    assert "lie between notices" in found.why
    (heard,) = found.covered
    assert heard.stop_gps == found.stop_gps and heard.stop_gps - heard.start_gps == pytest.approx(found.covered_s)
    assert len(found.bursts) == 1


def test_no_folder_and_no_notices_are_incomplete_with_advice(archive: Path, tmp_path: Path):
    nothing = window(tmp_path / "nowhere")
    assert not nothing.complete and nothing.covered_s == 0 and nothing.again_gps is None and nothing.covered == ()
    assert "LLAMA_GRB_CATALOGUE" in nothing.why and "remake FERMI_GRBS" in nothing.why
    elsewhen = window(archive, GW170817)
    assert not elsewhen.complete and "no notice was archived" in elsewhen.why


def test_unreadable_files_and_tests_are_counted(archive: Path, data: Path):
    (archive / "2018-01/16/torn.xml").write_text("<voe:VOEvent")
    (archive / "2018-01/16/test.xml").write_text(
        (data / "notices/fermi/GRB180116A_Fermi_GBM_Alert.xml")
        .read_text()
        .replace('role="observation"', 'role="test"')
        .replace("537755817", "537755818")
    )
    found = window(archive)
    assert len(found.bursts) == 1
    assert "1 test trigger(s) left out" in found.why and "1 file(s) are no readable notice" in found.why
    assert "torn.xml (malformed XML" in found.why
    assert not found.complete and found.covered_s == 0, "silence is no evidence while a notice cannot be read"
    assert found.covered == ()


def case(data: Path, name: str) -> bytes:
    return (data / "cases" / "grb" / f"{name}.json").read_bytes()


def test_a_retraction_takes_its_burst_back(data: Path):
    circle, minimal = parse(case(data, "circle")), parse(case(data, "retraction_minimal"))
    (burst,) = latest([circle, minimal])
    assert burst.not_a_burst == "retracted"
    assert (burst.notice_type, burst.ra, burst.error_radius) == ("ground", 92.17, 1.34)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"id": "745121685"},
        {"id": ["bn240812094"]},
        {"alert_tense": None},
        {"alert_datetime": None},
        {"alert_datetime": "2024-08-24T01:00:00Z"},
        {"subtype": "GROUND_POSITION"},
        {"alert_type": "Retraction"},
        {"alert_type": "RETRACTION"},
    ],
)
def test_retractions_of_every_form_stand(data: Path, change):
    notice = json.loads(case(data, "retraction_minimal")) | change
    retraction = parse(json.dumps({key: value for key, value in notice.items() if value is not None}).encode())
    later = json.loads(case(data, "circle")) | {
        "alert_datetime": "2024-08-24T09:00:00Z",
        "classification": {"GRB": 0.9},
        "subtype": "FINAL_POSITION",
    }
    notices = [parse(case(data, "circle")), retraction, parse(json.dumps(later).encode())]
    for order in (notices, notices[::-1]):
        (burst,) = latest(order)
        assert burst.not_a_burst == "retracted" and burst.role == "observation"


def test_a_null_tense_is_no_test(data: Path):
    notice = json.loads(case(data, "circle")) | {"alert_tense": None}
    assert parse(json.dumps(notice).encode()).role == "observation"


def test_a_later_position_replaces_the_map_that_an_earlier_notice_named(data: Path):
    first = json.loads(case(data, "circle")) | {"healpix_url": "https://example.org/glg_healpix_all.fit"}
    later = json.loads(case(data, "circle")) | {"alert_datetime": "2024-08-24T09:00:00Z", "ra": 200.0, "dec": 10.0}
    early, late = (parse(json.dumps(notice).encode()) for notice in (first, later))
    assert early.skymap_url
    for order in ([early, late], [late, early]):
        (burst,) = latest(order)
        assert (burst.ra, burst.dec, burst.skymap_url, burst.skymap) == (200.0, 10.0, None, None)


def test_a_test_takes_nothing_back(data: Path):
    tested = json.loads(case(data, "retraction_minimal")) | {"alert_tense": "test"}
    bursts = latest([parse(case(data, "circle")), parse(json.dumps(tested).encode())])
    assert [(burst.role, burst.not_a_burst) for burst in bursts if burst.role == "observation"] == [
        ("observation", "")
    ]


def test_one_unreadable_notice_is_told_and_all_others_are_read(data: Path, tmp_path: Path):
    for name in ("circle", "ell_listnull"):
        (tmp_path / f"{name}.json").write_bytes(case(data, name))
    gps = gps_from_utc("2024-08-24T02:14:40.43Z")
    found = window(tmp_path, gps)
    assert [burst.error_radius for burst in found.bursts] == [1.34]
    assert not found.complete and found.covered_s == 0
    assert "ell_listnull.json (ra_dec_error is [5.0, None], of which one value is missing)" in found.why
    earlier = gps_from_utc("2024-08-24T02:14:40.43Z") + 86400
    assert "no readable notice" not in window(tmp_path, earlier).why, "it was written before that window"


def test_any_folder_will_do(data: Path):
    found = window(data / "notices" / "fermi")
    assert [burst.name for burst in found.bursts] == ["bn180116026"] and not found.complete


def test_order_of_arrival_does_not_matter(data: Path):
    bursts = [parse(path.read_bytes()) for path in (data / "notices" / "fermi").glob("*.xml")]
    assert latest(bursts) == latest(bursts[::-1])


def test_a_later_classification_takes_the_earlier_back(data: Path):
    folder = data / "schemas/gcn-schema/gcn/notices/fermi/gbm"
    bursts = [parse(path.read_bytes()) for path in folder.glob("*.example.json")]
    (burst,) = latest(bursts)
    assert burst.not_a_burst == "" and burst.classification["GRB"] == 0.85 and burst.notice_type == "final"
    first = [burst for burst in bursts if burst.classification.get("BELOW_HORIZON")]
    assert latest(first)[0].not_a_burst == "most likely BELOW_HORIZON (100%)"


@pytest.fixture(scope="module")
def catalogue(data: Path):
    return read_catalogue(data / "catalogs" / "grb" / "fermigbrst_heasarc.csv")


def test_grb170817a_is_in_the_catalogue(catalogue):
    found = catalogue.window(GW170817 - 500, GW170817 + 500)
    assert found.complete and found.covered_s == 1000 and found.again_gps is None and not found.subthreshold
    assert found.covered == (Stretch(GW170817 - 500, GW170817 + 500),)
    (burst,) = found.bursts
    assert burst.name == "GRB170817529" and burst.gps - GW170817 == pytest.approx(2.07, abs=0.01)
    assert (burst.ra, burst.dec, burst.t90_s, burst.fluence) == (197.45, -23.3815, 2.048, 2.7914e-07)
    assert burst.error_radius == ASSUMED_RADIUS_DEG and "assumed" in burst.error_source


def test_the_catalogue_does_not_speak_for_other_times(catalogue):
    early = catalogue.window(gps_from_utc("2000-01-01T00:00:00"), gps_from_utc("2000-01-01T00:10:00"))
    assert (
        not early.complete
        and early.covered_s == 0
        and early.covered == ()
        and "2008-07-14 to 2025-07-11" in early.why
    )
    edge = catalogue.window(float(catalogue.gps[0]) - 500, float(catalogue.gps[0]) + 500)
    assert not edge.complete and edge.covered_s == pytest.approx(500) and len(edge.bursts) == 1
    assert edge.covered == (Stretch(float(catalogue.gps[0]), edge.stop_gps),)


@pytest.mark.slow
def test_all_bursts_can_be_read(catalogue):
    found = catalogue.window(float(catalogue.gps[0]), float(catalogue.gps[-1]))
    assert found.complete and len(found.bursts) == 4040  # the last one is the end of the window
    assert sum(burst.t90_s is None for burst in found.bursts) == 1


COLUMNS = "name,ra,dec,trigger_time,t90,fluence"


@pytest.mark.parametrize(
    "text",
    ["", "name,ra\n", f"{COLUMNS}\nGRB1,1,99,5e4,1,1\n", f"{COLUMNS},error_radius\nGRB1,1,9,5e4,1,1,abc\n"],
)
def test_what_is_no_catalogue_is_refused(tmp_path: Path, text):
    path = tmp_path / "bursts.csv"
    path.write_text(text)
    with pytest.raises(ArchiveError, match=r"bursts\.csv"):
        read_catalogue(path)
    with pytest.raises(ArchiveError, match="cannot be read"):
        read_catalogue(tmp_path / "none.csv")


@pytest.mark.parametrize("edges", [(2.0, 1.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_windows_that_are_none_are_refused(catalogue, archive: Path, edges):
    for source in (catalogue, NoticeFolder(archive, parse, files_between)):
        with pytest.raises(ArchiveError, match="window"):
            source.window(*edges)


def test_a_burst_twice_in_the_catalogue_counts_once(data: Path):
    found = read_catalogue(data / "cases" / "catalogue" / "dup.csv").window(GW170817 - 500, GW170817 + 500)
    assert [burst.name for burst in found.bursts] == ["GRB170817529"]
    assert found.complete and found.why == "bn170817529 is in the catalogue more than once, counted once"


def test_julian_dates_in_the_catalogue_are_refused_by_line(data: Path):
    with pytest.raises(ArchiveError, match=r"all_jd.csv, line 2: GRB170817529 .* looks like a Julian Date: subtract"):
        read_catalogue(data / "cases" / "catalogue" / "all_jd.csv")


def test_a_byte_order_mark_is_no_part_of_the_catalogue(data: Path):
    plain, marked = (read_catalogue(data / "cases" / "catalogue" / f"{name}.csv") for name in ("dup", "bom"))
    assert marked.rows == plain.rows


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("\n", "\r\n"), ""),
        ((",", " , "), ""),
        ((",", ";"), "separated by ';'; write commas"),
        (("57982.52866063", "524666471.0"), "line 2: GRB170817529 .* looks like seconds"),
        (("-39.8000", "-99.8"), "line 2: .* no declination"),
        (("176.8000", "1768"), "line 2: .* no right ascension"),
        (("57982.52866063", ""), "line 2: GRB170817529 is no burst"),
    ],
)
def test_catalogues_as_people_save_them(data: Path, tmp_path: Path, change: tuple[str, str], said: str):
    plain = data / "cases" / "catalogue" / "bom.csv"
    path = tmp_path / "edited.csv"
    path.write_text(plain.read_text(encoding="utf-8-sig").replace(*change), encoding="utf-8", newline="")
    if said:
        with pytest.raises(ArchiveError, match=said):
            read_catalogue(path)
    else:
        assert read_catalogue(path).rows == read_catalogue(plain).rows


def test_right_ascensions_of_the_catalogue_are_from_0_to_360(data: Path, tmp_path: Path):
    path = tmp_path / "signed.csv"
    path.write_text((data / "cases/catalogue/bom.csv").read_text(encoding="utf-8-sig").replace("176.8000", "-183.2"))
    (burst,) = read_catalogue(path).window(GW170817 - 500, GW170817 + 500).bursts
    assert burst.ra == pytest.approx(176.8)


def test_a_pause_inside_the_window_parts_what_was_listened_to(tmp_path: Path, archive: Path):
    """Notices far apart, and a window that is longer than the longest pause in which somebody listened."""
    heard = archive / "2018-01/16/after.xml"
    for name, date in (("evening", "2018-01-16T23:00:00"), ("night", "2018-01-16T23:30:00")):
        (archive / f"2018-01/16/{name}.xml").write_text(heard.read_text().replace("2018-01-16T05:00:00", date))
    start, stop = (gps_from_utc(f"2018-01-16T{hour}:00:00") for hour in ("04", "23"))
    found = NoticeFolder(archive, parse, files_between).window(start, stop + 600)
    five = gps_from_utc("2018-01-16T05:00:00")
    assert found.covered == (Stretch(start, five), Stretch(stop, stop + 600))
    assert found.covered_s == 4200 and not found.complete
