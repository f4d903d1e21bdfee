"""Starting an event by hand: what each way of giving things leads to, and what is refused."""

from __future__ import annotations

import base64
import gzip
import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from llama.engine.errors import EngineError
from llama.formats.errors import NoSkyMap, NoticeError, SkyMapError
from llama.messengers.gw.errors import StartError
from llama.messengers.gw.gracedb import from_superevent
from llama.messengers.gw.record import SkymapInfo
from llama.messengers.gw.skymap_origin import of_another_event
from llama.messengers.gw.start import Given, skymap_file, start
from llama.ports import GraceDB
from llama.testing import FakeGraceDB

RECORD = {
    "notice_time": "2019-04-25T08:19:00Z", "far": 1e-9, "pipeline": "gstlal", "group": "CBC", "search": "AllSky",
    "instruments": ("L1", "V1"), "alert_type": "Initial", "significant": True, "skymap_filename": None,
    "gracedb_service_url": "", "role": "observation",
}  # fmt: skip
FLAT = "skymaps/events/S190425z_bayestar_G330561.fits.gz"
MULTI = "skymaps/events/S240621_G495305_bayestar.multiorder.fits"
O3 = "notices/lvk_voevent/S190425z_initial.xml"
BNS = "notices/igwn_json/igwn_gwalert_preliminary.json"


def nobody() -> GraceDB:
    raise EngineError("nothing here provides gracedb")


def read(data: Path, name: str) -> bytes:
    return (data / name).read_bytes()


def record(data: Path, graceid: str) -> dict[str, object]:
    found: dict[str, object] = json.loads(read(data, f"notices/gracedb_json/{graceid}.json"))
    return found


def test_alert_with_its_own_map(data: Path) -> None:
    raw = read(data, BNS)
    begun = start(Given(alert=raw), nobody)
    assert (begun.event_id, begun.role) == ("MS260605l", "test")
    assert begun.files == {"igwn_alert.json": raw}


def test_voevent_with_a_flat_map(data: Path) -> None:
    begun = start(Given(voevent=read(data, O3), skymap=str(data / FLAT)), nobody)
    assert (begun.event_id, begun.role) == ("S190425z", "observation")
    assert begun.files == {"lvc_gcn.xml": read(data, O3), "lvc_skymap.fits.gz": read(data, FLAT)}


def test_voevent_with_a_multi_order_map(data: Path) -> None:
    begun = start(Given(voevent=read(data, O3), skymap=str(data / MULTI)), nobody)
    assert begun.files["lvc_skymap.multiorder.fits"] == read(data, MULTI)


@pytest.mark.slow
def test_maps_packed_the_other_way_round(data: Path) -> None:
    packed = gzip.compress(read(data, MULTI))
    assert skymap_file(packed)[0] == {"lvc_skymap.multiorder.fits": read(data, MULTI)}
    unpacked = gzip.decompress(read(data, FLAT))
    (name, content), *none = skymap_file(unpacked)[0].items()
    assert (name, gzip.decompress(content), none) == ("lvc_skymap.fits.gz", unpacked, [])
    assert content == skymap_file(unpacked)[0][name], "the same bytes every time"


@pytest.mark.parametrize(
    ("notice", "skymap", "remark"),
    [
        (O3, FLAT, ""),  # OBJECT is the trigger's number
        ("notices/lvk_voevent/G298048-1-Initial.xml", "skymaps/events/GW170817_GWTC1.multiorder.fits", ""),
        (O3, "skymaps/events/S190425z_2_LALInference.fits.gz", ""),  # no OBJECT
        (O3, MULTI, "DATE-OBS 2024-06-21T19:50:59.427549, which is 1.628e+08 s from the event at 2019-04-25T08:18"),
        (O3, "skymaps/events/GW170817_GWTC1.multiorder.fits", "and OBJECT GW170817, and not S190425z"),
        (O3, "skymaps/mock_and_sim/MS181101ab_bayestar.multiorder.fits", "DATE-OBS 2018-11-01"),
        (O3, "skymaps/grb/glg_healpix_all_bn180116026.fit", "INSTRUME GBM, which is no detector of gravitational"),
        (O3, "skymaps/grb/gbm_subthresh_546126856_healpix.fits", "TELESCOP GLAST, which is no detector"),
        (O3, "skymaps/grb/gwcelery_fermi_skymap.fits.gz", "INSTRUME Fermi, which is no detector"),
        (O3, "skymaps/grb/gwcelery_swift_skymap.multiorder.fits", "INSTRUME Swift BAT, which is no detector"),
        ("notices/lvk_voevent/S190814bv.xml", "cases/skymaps/a13_dateobs_03.fits", ""),
        (
            O3,
            "cases/skymaps/a13_dateobs_03.fits",
            "DATE-OBS 2019-08-14, which is not the day of the event at 2019-04",
        ),
    ],
)
def test_a_map_of_another_event_is_remarked_on(data: Path, notice: str, skymap: str, remark: str) -> None:
    said = start(Given(voevent=read(data, notice), skymap=str(data / skymap)), nobody).doubt
    assert (remark in said) if remark else said == ""


INFO = {"graceid": "S190425z", "event_id": "S190425z", "gps_time": 1240215503.0, "event_time": "2019-04-25T08:18:05Z"}


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        ({}, ""),
        ({"CREATOR": "BAYESTAR", "ORIGIN": "LIGO/Virgo/KAGRA", "INSTRUME": "H1,L1,V1", "OBJECT": "S190425z"}, ""),
        ({"CREATOR": "CWB", "INSTRUME": "H1L1", "OBJECT": "G330561"}, ""),
        ({"CREATOR": "ligo-skymap-from-samples", "ORIGIN": "Caltech", "OBJECT": "GW190425"}, ""),
        ({"CREATOR": "bilby_pipe", "TELESCOP": "LIGO-Virgo", "OBJECT": "GW190425_081805"}, ""),
        ({"DATE-OBS": "2019-04-25"}, ""),
        ({"DATE-OBS": "2019-04-25T08:18"}, ""),
        ({"DATE-OBS": "2019-04-26"}, "DATE-OBS 2019-04-26, which is not the day"),
        ({"DATE-OBS": "20190425T081805"}, ""),
        ({"DATE-OBS": "2019-04-25T10:18:05+02:00"}, ""),
        ({"DATE_OBS": "2019-04-25", "MJD_OBS": "58598.34589", "EVENTMJD": "58598", "GPSTIME": "1240215503"}, ""),
        ({"DATE_OBS": "20170817"}, "DATE_OBS 20170817, which is not the day"),
        ({"DATE-BEG": "2017-08-17T12:41:04"}, "DATE-BEG 2017-08-17T12:41:04, which is 5.321e+07 s from"),
        ({"MJD_OBS": "57982.52852"}, "MJD_OBS 57982.52852, which is 5.321e+07 s from"),
        ({"EVENTMJD": "58598.4"}, "EVENTMJD 58598.4, which is 355 s from"),  # 0.05 d of 09:36:00, less 85 min
        ({"EVENTMJD": "58599"}, "EVENTMJD 58599, which is not the day"),
        ({"GPSTIME": "1187008882.4"}, "GPSTIME 1187008882.4, which is 5.321e+07 s from"),
        ({"START": "2021-06-15 12:06:31.87"}, "START 2021-06-15 12:06:31.87, which is 6.758e+07 s"),
        ({"TRIGTIME": "577873090.0", "MJDREFI": "51910", "MJDREFF": "7.4287037E-4", "TIMESYS": "TT"}, ""),
        ({"TRIGTIME": "577873190.0", "MJDREF": "51910.00074287037", "TIMESYS": "TT"}, "is 100"),
        ({"TRIGTIME": "537755817.8"}, ""),  # nothing is known of it; reading it remarks on that
        ({"SENDER": "IceCube Collaboration"}, "SENDER IceCube Collaboration, which is not LIGO"),
        ({"SENDER": "IceCube", "CREATOR": "ligo-skymap-from-samples"}, "SENDER IceCube, which is not LIGO"),
        ({"I3TYPE": "gfu-gold"}, "I3TYPE gfu-gold, which only neutrino detectors write"),
        ({"RUNID": "133644", "EVENTID": "45"}, "RUNID 133644, which only neutrino"),
        ({"EXTNAME": "BAYESTAR"}, ""),
        ({"EXTNAME": "IceCube alert"}, "EXTNAME IceCube alert, which names IceCube"),
        ({"EXTNAME": "GRB 190425A"}, "EXTNAME GRB 190425A, which names GRB 190425A"),
        ({"REFERENC": "https://gracedb.ligo.org/superevents/S190425z/view"}, ""),
        ({"REFERENC": "https://gracedb.ligo.org/superevents/S190426c/view"}, "which names S190426c"),
        ({"MISSION": "Fermi"}, "MISSION Fermi, which is no detector"),
        ({"EVENT": "GW190425"}, ""),
        ({"EVENT": "GRB180116026"}, "EVENT GRB180116026, and not S190425z"),
        ({"TRIGGER": "bn180116026"}, "TRIGGER bn180116026, and not S190425z"),
        ({"OBJECT": "20170817"}, "OBJECT 20170817, and not S190425z"),
        ({"OBJECT": "20190425"}, ""),
        ({"OBJECT": "20209999"}, ""),  # a number of a simulation, and no date
        ({"CREATOR": "mock BAYESTAR"}, "CREATOR mock BAYESTAR, and the alert is no simulation"),
        ({"DATE-OBS": "2019-04-25T08:19:05"}, "which is 60 s from"),
        ({"OBJECT": "GRB 190425A"}, "OBJECT GRB 190425A, and not S190425z"),
        ({"OBJECT": "Crab"}, "OBJECT Crab"),
        ({"OBJECT": "IC170922A"}, "OBJECT IC170922A"),
        ({"OBJECT": "S190426c"}, "OBJECT S190426c"),
        ({"INSTRUME": "CHIME,H1,L1"}, "INSTRUME CHIME,H1,L1"),
        ({"TELESCOP": "IPN"}, "TELESCOP IPN"),
        ({"CREATOR": "ipn_map_moc.py"}, "CREATOR ipn_map_moc.py"),
        ({"CREATOR": "llama 1.0"}, "CREATOR llama 1.0"),
        ({"ORIGIN": "GIOC"}, "ORIGIN GIOC"),
        ({"CREATOR": "BAYESTAR", "ORIGIN": "simulation"}, "ORIGIN simulation, and the alert is no simulation"),
    ],
)
def test_what_a_header_says_against_its_use(said: dict[str, str], doubt: str) -> None:
    info = msgspec.convert(RECORD | INFO, SkymapInfo)
    found = of_another_event(said, info)
    assert (doubt in found) if doubt else found == ""
    if "no simulation" in doubt:
        assert of_another_event(said, replace(info, role="test")) == ""


def test_two_keywords_that_say_one_time_are_told_once() -> None:
    info = msgspec.convert(RECORD | INFO, SkymapInfo)
    told = of_another_event({"DATE-OBS": "2017-08-17T12:41:04.4", "MJD-OBS": "57982.5285232"}, info)
    assert "DATE-OBS" in told
    assert "MJD-OBS" not in told


def test_voevent_without_a_map(data: Path) -> None:
    with pytest.raises(StartError, match=r"only names its sky map.* nothing here provides gracedb.* --skymap FILE"):
        start(Given(voevent=read(data, O3)), nobody)


def test_alert_without_a_map(data: Path) -> None:
    alert = json.loads(read(data, BNS))
    del alert["event"]["skymap"]
    raw = json.dumps(alert).encode()
    with pytest.raises(NoSkyMap, match="give one: --skymap FILE"):
        start(Given(alert=raw), nobody)
    begun = start(Given(alert=raw, skymap=str(data / MULTI)), nobody)
    assert set(begun.files) == {"igwn_alert.json", "lvc_skymap.multiorder.fits"}


def test_alert_with_a_map_that_cannot_be_read(data: Path) -> None:
    alert = json.loads(read(data, BNS))
    whole = base64.b64decode(alert["event"]["skymap"])
    alert["event"]["skymap"] = base64.b64encode(whole[:20000]).decode()
    with pytest.raises(SkyMapError):
        start(Given(alert=json.dumps(alert).encode()), nobody)


def test_a_map_that_does_not_name_its_ordering(data: Path) -> None:
    """A sample notice of aframe carries one: a UNIQ column says enough."""
    raw = read(data, "notices/igwn_json/lfa_S2376-1-preliminary_aframe.json")
    assert start(Given(alert=raw), nobody).event_id == "S2376"
    begun = start(Given(alert=raw, skymap=str(data / MULTI)), nobody)
    assert (begun.event_id, begun.role) == ("S2376", "test")


def test_a_file_that_is_no_map(data: Path) -> None:
    with pytest.raises(SkyMapError):
        start(Given(voevent=read(data, O3), skymap=str(data / O3)), nobody)


def test_graceids_must_agree(data: Path) -> None:
    assert start(Given(alert=read(data, BNS), graceid="MS260605l"), nobody).event_id == "MS260605l"
    with pytest.raises(StartError, match="different events: MS260605l, S190425z"):
        start(Given(alert=read(data, BNS), graceid="S190425z"), nobody)
    with pytest.raises(StartError, match="different events"):
        start(Given(alert=read(data, BNS), voevent=read(data, O3)), nobody)
    with pytest.raises(NoticeError, match="GraceID"):
        start(Given(graceid="../S190425z"), nobody)


def test_nothing_to_start_from(data: Path) -> None:
    with pytest.raises(StartError, match="--alert FILE, --voevent FILE or --graceid ID"):
        start(Given(), nobody)
    with pytest.raises(StartError, match="nothing to start from"):
        start(Given(skymap=str(data / FLAT)), nobody)


@pytest.mark.parametrize(
    "path", ["notices/igwn_json/igwn_gwalert_retraction.json", "notices/lvk_voevent/MS181101ab-4-Retraction.xml"]
)
def test_retractions_make_no_event(data: Path, path: str) -> None:
    raw = read(data, path)
    given = Given(alert=raw) if path.endswith("json") else Given(voevent=raw)
    taken = start(given, nobody)
    assert taken.takes_back and taken.role == "test"
    assert list(taken.files.values()) == [raw]
    with pytest.raises(StartError, match=r"retraction of M?S[0-9a-z]+, from which no event is made; give it alone"):
        start(replace(given, skymap=str(data / FLAT)), nobody)


def test_an_alert_with_one_bad_field_is_refused_whole(data: Path) -> None:
    alert = json.loads(read(data, BNS))
    alert["event"]["classification"]["BNS"] = 7
    with pytest.raises(NoticeError, match=r"event.classification.BNS is 7"):
        start(Given(alert=json.dumps(alert).encode()), nobody)


def test_from_gracedb(data: Path) -> None:
    classes = {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1}
    files = {
        "MS220722v/other.fits": read(data, FLAT),
        "MS220722v/bayestar.multiorder.fits": read(data, MULTI),
        "MS220722v/p_astro.json": json.dumps(classes).encode(),
    }
    gracedb = FakeGraceDB({"MS220722v": record(data, "MS220722v")}, files)
    begun = start(Given(graceid="MS220722v"), lambda: gracedb)
    assert (begun.event_id, begun.role) == ("MS220722v", "test")
    assert begun.files["lvc_skymap.multiorder.fits"] == read(data, MULTI)
    assert json.loads(begun.files["p_astro.json"]) == classes
    info = json.loads(begun.files["skymap_info.json"])
    assert info["gps_time"] == pytest.approx(1342562250.382076, abs=1e-6)
    assert info["event_time"] == "2022-07-22T21:57:12.382076Z"
    assert info["gracedb_service_url"] == "https://gracedb-test.ligo.org/api/"
    assert json.loads(begun.files["lvc_gracedb_event_data.json"])["snr"] == 12.20855680626767
    assert info["skymap_filename"] == "bayestar.multiorder.fits,0"
    named = start(Given(graceid="MS220722v", skymap="other.fits"), lambda: gracedb)
    assert json.loads(named.files["skymap_info.json"])["skymap_filename"] == "other.fits,0"
    assert named.files["lvc_skymap.fits.gz"] == read(data, FLAT)


def test_a_label_of_what_was_taken_back_is_told(data: Path) -> None:
    """It is no retraction, so nothing in the event's files would say it."""
    told = {**record(data, "MS220722v"), "labels": ["EM_READY", "ADVNO"]}
    files = {"MS220722v/bayestar.multiorder.fits": read(data, MULTI)}
    begun = start(Given(graceid="MS220722v"), lambda: FakeGraceDB({"MS220722v": told}, files))
    assert "GraceDB labels it ADVNO: it was taken back, and results will not say so" in begun.remark
    begun = start(Given(graceid="MS220722v"), lambda: FakeGraceDB({"MS220722v": told | {"labels": []}}, files))
    assert "labels" not in begun.remark


def test_without_gracedb(data: Path) -> None:
    with pytest.raises(StartError, match=r"S190425z cannot be looked up.*--alert or --voevent FILE, --skymap FILE"):
        start(Given(graceid="S190425z"), nobody)
    with pytest.raises(StartError, match=r"there is no file 'bayestar\.fits\.gz' here"):
        start(Given(alert=read(data, BNS), skymap="bayestar.fits.gz"), nobody)


def test_burst_record(data: Path) -> None:
    """cWB: no classification, the SNR in a table of its own."""
    alert = from_superevent(record(data, "S230413b"))
    assert alert.event is not None
    assert (alert.role, alert.event["snr"]) == ("test", 17.411522047196218)
    with pytest.raises(NoticeError, match="no t_0"):
        from_superevent({**record(data, "S230413b"), "t_0": None, "gpstime": None})
