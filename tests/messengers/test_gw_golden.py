"""Every real notice in the test data, field by field."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from llama.formats.errors import NoSkyMap, NotForUs, NoticeError
from llama.messengers.gw.alert import event_data, p_astro, skymap_bytes, skymap_info
from llama.messengers.gw.notice import parse, read_alert
from llama.science.times import gps_from_utc


class Golden(NamedTuple):
    """What a notice says; `classes` are BNS, NSBH, BBH, MassGap, Terrestrial as far as given."""

    path: str
    graceid: str
    serial: int | None
    kind: str
    role: str
    time: str
    gps: float
    notice_time: str
    far: float
    detectors: str
    found_by: str
    significant: bool | None
    skymap: str
    server: str
    has_map: bool
    classes: dict[str, float]


def old_classes(bns: float, nsbh: float, bbh: float, gap: float, noise: float) -> dict[str, float]:
    return {"BNS": bns, "NSBH": nsbh, "BBH": bbh, "MassGap": gap, "Terrestrial": noise}


def classes(bns: float, nsbh: float, bbh: float, noise: float) -> dict[str, float]:
    return {"BNS": bns, "NSBH": nsbh, "BBH": bbh, "Terrestrial": noise}


V, J, LIGO, PLAY = "lvk_voevent", "igwn_json", "gracedb.ligo.org", "gracedb-playground.ligo.org"
# fmt: off
GOLDEN = [
    Golden(f"{V}/G298048-1-Initial.xml", "G298048", 1, "Initial", "observation", "2017-08-17T12:41:04.445710Z",
           1187008882.44571, "2017-08-17T13:08:15Z", 3.47773444765e-12, "H1", "CBC gstlal O2VirgoTest", None,
           "bayestar.fits.gz", LIGO, False, {}),
    Golden(f"{V}/MS181101ab-1-Preliminary.xml", "S190602AQ", 1, "Preliminary", "test", "2018-11-01T22:22:46.654437Z",
           1225146184.654437, "2018-11-01T22:34:49Z", 9.11069936486e-14, "H1,L1,V1", "CBC gstlal MDC", None,
           "bayestar.fits.gz", LIGO, False, old_classes(0.95, 0.01, 0.03, 0.0, 0.01)),
    Golden(f"{V}/MS181101ab-3-Update.xml", "S190521r", 3, "Update", "test", "2018-11-01T22:22:46.654437Z",
           1225146184.654437, "2018-11-01T22:36:25Z", 9.11069936486e-14, "H1,L1,V1", "CBC gstlal MDC", None,
           "bayestar.fits.gz", LIGO, False, old_classes(0.95, 0.01, 0.03, 0.0, 0.01)),
    Golden(f"{V}/S190425z_initial.xml", "S190425z", 1, "Initial", "observation", "2019-04-25T08:18:05.017147Z",
           1240215503.017147, "2019-04-25T09:00:51Z", 4.53764787126e-13, "L1,V1", "CBC gstlal AllSky", None,
           "bayestar.fits.gz", LIGO, False, old_classes(0.999402567114, 0.0, 0.0, 0.0, 0.00059743288626)),
    Golden(f"{V}/S190517h-2-Initial.xml", "S190517h", 2, "Initial", "observation", "2019-05-17T05:51:01.830582Z",
           1242107479.830582, "2019-05-17T06:31:44Z", 2.37290998502e-09, "H1,L1,V1", "CBC gstlal AllSky", None,
           "bayestar.fits.gz", LIGO, False,
           old_classes(0.0, 0.00076547248974, 0.982549125446, 0.0166425143997, 4.28876641388e-05)),
    Golden(f"{V}/S190521r-2-Initial.xml", "S190521r", 2, "Initial", "observation", "2019-05-21T07:43:59.463379Z",
           1242459857.463379, "2019-05-21T08:17:49Z", 3.16754584224e-10, "H1,L1", "CBC pycbc AllSky", None,
           "bayestar.fits.gz", LIGO, False, old_classes(0.0, 0.0, 0.999332344055, 0.0, 0.00066765594519)),
    Golden(f"{V}/S190701ah-3-Update.xml", "S190701ah", 3, "Update", "observation", "2019-07-01T20:33:06.577637Z",
           1246048404.577637, "2019-07-05T01:02:00Z", 1.91553755532e-08, "H1,L1,V1", "CBC pycbc AllSky", None,
           "LALInference.offline.fits.gz", LIGO, False, old_classes(0.0, 0.0, 0.934372647001, 0.0, 0.0656273529992)),
    Golden(f"{V}/S190814bv.xml", "S190814bv", 5, "Update", "observation", "2019-08-14T21:10:39.012957Z",
           1249852257.012957, "2019-08-15T10:19:10Z", 2.03262501422e-33, "H1,L1,V1", "CBC gstlal AllSky", None,
           "LALInference.v1.fits.gz", LIGO, False, old_classes(0.0, 0.99789, 0.0, 0.00211, 0.0)),
    Golden(f"{V}/S191216ap_initial.xml", "S191216ap", 2, "Initial", "observation", "2019-12-16T21:33:38.472999Z",
           1260567236.472999, "2019-12-16T21:57:54Z", 1.13032215264e-23, "H1,V1", "CBC gstlal AllSky", None,
           "bayestar.fits.gz,0", LIGO, False, old_classes(0.0, 0.0, 0.0, 1.0, 8.42757714941e-16)),
    Golden(f"{V}/S191216ap_update.xml", "S191216ap", 3, "Update", "observation", "2019-12-16T21:33:38.472999Z",
           1260567236.472999, "2019-12-19T17:55:16Z", 1.130322152639973e-23, "H1,V1", "CBC gstlal AllSky", None,
           "LALInference.fits.gz,0", LIGO, False,
           old_classes(0.0, 0.0, 0.0, 0.9999999999999991, 8.427577149405988e-16)),
    Golden(f"{V}/S230524x-1-EarlyWarning.xml", "S230524x", 1, "EarlyWarning", "observation", "2023-05-24T20:22:41Z",
           1368994979.0, "2023-05-24T20:22:33Z", 7.224443905955801e-08, "H1,L1", "CBC pycbc EarlyWarning", True,
           "bayestar.multiorder.fits,0", LIGO, False, classes(0.7540149362918832, 0.0, 0.0, 0.24598506370811693)),
    Golden(f"{V}/hop_example_voevent.xml", "S200302c", 1, "Preliminary", "observation", "2020-03-02T01:58:11.519119Z",
           1267149509.519119, "2020-03-02T02:00:09Z", 9.349090689402942e-09, "H1,V1", "CBC gstlal AllSky", None,
           "bayestar.fits.gz,0", LIGO, False, old_classes(0.0, 0.0, 0.8895532192171397, 0.0, 0.11044678078286028)),
    Golden(f"{J}/igwn_gwalert_preliminary.json", "MS260605l", None, "Preliminary", "test", "2026-06-05T11:57:26.395Z",
           1464695864.395, "2026-06-05T12:01:07Z", 5.176954877338635e-16, "H1,L1,V1", "CBC gstlal MDC", True,
           "bayestar.multiorder.fits", LIGO, True, classes(0.999997637888802, 0.0, 0.0, 2.3621111979702246e-06)),
    Golden(f"{J}/lfa_S1234-1-earlywarning.json", "S1234", None, "EarlyWarning", "test", "2018-06-28T03:08:04.911085Z",
           1214190502.911085, "2018-06-28T03:07:02Z", 9.11069936486e-14, "H1,L1", "CBC SGNL MDC", True,
           "bayestar.multiorder.fits,0", PLAY, True, classes(0.95, 0.01, 0.0, 0.04)),
    Golden(f"{J}/lfa_S1235-2-initial_HENcoinc.json", "S1235", None, "Initial", "test", "2018-06-28T03:08:04.911085Z",
           1214190502.911085, "2018-06-28T03:20:02Z", 9.11069936486e-14, "H1,L1", "CBC SGNL MDC", True,
           "bayestar.multiorder.fits,1", PLAY, True, classes(0.95, 0.01, 0.0, 0.04)),
    Golden(f"{J}/lfa_S2376-1-preliminary_aframe.json", "S2376", None, "Preliminary", "test",
           "2025-05-21T05:53:59.753906Z", 1431842057.753906, "2025-05-21T16:57:32Z", 3.167955496561184e-08, "H1,L1",
           "CBC aframe AllSky", True, "amplfi.multiorder.fits,0", PLAY, True,
           classes(0.0, 0.0, 0.9999563691493868, 4.3630850613207706e-05)),
    Golden(f"{J}/lfa_S2468-1-initial_cWB_SNEWS.json", "S2468", None, "Initial", "test", "2023-04-30T18:50:35.276956Z",
           1366915853.276956, "2023-04-30T18:55:35Z", 9.11069936486e-14, "H1,L1", "CBC SGNL MDC", False,
           "cwb.multiorder.fits", PLAY, True, {}),
    Golden(f"{J}/lfa_S5678-2-update_GW170814map_extcoinc.json", "S5678", None, "Update", "test",
           "2018-06-28T14:35:16.911085Z", 1214231734.911085, "2018-06-28T14:42:02Z", 9.11069936486e-14, "H1,L1",
           "CBC SGNL MDC", True, "Bilby.multiorder.fits,0", PLAY, True,
           classes(0.7827870526188024, 0.21721294733807747, 0.0, 0.0)),
]
RETRACTIONS = [
    (f"{V}/MS181101ab-4-Retraction.xml", "S190521r", 4, "2018-11-01T23:36:23Z", "lvc_gcn_retraction.xml"),
    (f"{J}/igwn_gwalert_retraction.json", "MS260605l", None, "2026-06-05T12:10:57Z", "igwn_retraction.json"),
]
# fmt: on


def notice(data: Path, path: str) -> bytes:
    return (data / "notices" / path).read_bytes()


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.path)
def test_notice(data: Path, golden: Golden) -> None:
    raw = notice(data, golden.path)
    parsed, alert = parse(raw), read_alert(raw)
    info = skymap_info(alert, "some-event")
    assert (parsed.event_id, parsed.serial, parsed.kind, parsed.role) == golden[1:5]
    assert not parsed.takes_back
    assert parsed.files == {"lvc_gcn.xml" if golden.path.endswith("xml") else "igwn_alert.json": raw}
    assert alert.time_created == info.notice_time == golden.notice_time
    posing = " test" if golden.role == "test" and golden.graceid.startswith("S") else ""  # as a real superevent
    assert parsed.identity == f"{golden.kind} {golden.notice_time}{posing}"
    assert (info.graceid, info.event_id, info.alert_type, info.role) == (
        golden.graceid,
        "some-event",
        golden.kind,
        golden.role,
    )
    assert (info.event_time, info.gps_time) == (golden.time, golden.gps)
    assert (info.far, info.significant) == (golden.far, golden.significant)
    assert ",".join(info.instruments) == golden.detectors
    assert f"{info.group} {info.pipeline} {info.search}" == golden.found_by
    assert info.skymap_filename == golden.skymap
    assert info.gracedb_service_url == f"https://{golden.server}/api/"
    assert p_astro(alert) == golden.classes


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden.path)
def test_sky_map_inside(data: Path, golden: Golden) -> None:
    alert = read_alert(notice(data, golden.path))
    if golden.has_map:
        assert skymap_bytes(alert).startswith(b"SIMPLE  =")
    else:
        with pytest.raises(NoSkyMap, match=r"--skymap FILE"):
            skymap_bytes(alert)


@pytest.mark.parametrize(("path", "graceid", "serial", "created", "filename"), RETRACTIONS)
def test_retraction(data: Path, path: str, graceid: str, serial: int | None, created: str, filename: str) -> None:
    raw = notice(data, path)
    parsed = parse(raw)
    assert (parsed.event_id, parsed.serial, parsed.kind) == (graceid, serial, "Retraction")
    posing = " test" if graceid.startswith("S") else ""
    assert (parsed.role, parsed.identity) == ("test", f"Retraction {created}{posing}")
    assert parsed.takes_back
    assert parsed.files == {filename: raw}
    with pytest.raises(NoticeError, match=f"retraction of {graceid}"):
        skymap_info(read_alert(raw), graceid)


def test_every_notice_is_in_the_table(data: Path) -> None:
    there = {f"{folder}/{path.name}" for folder in (V, J) for path in (data / "notices" / folder).iterdir()}
    assert there == {golden.path for golden in GOLDEN} | {row[0] for row in RETRACTIONS}


def test_gps_time_of_gw170817_is_exact(data: Path) -> None:
    """Published as GPS 1187008882.4457 (18 leap seconds after the GPS epoch)."""
    info = skymap_info(read_alert(notice(data, f"{V}/G298048-1-Initial.xml")), "x")
    assert info.gps_time == pytest.approx(1187008882.44571, abs=2e-7)
    assert gps_from_utc(info.event_time) == info.gps_time


def test_event_data_holds_no_maps(data: Path) -> None:
    found = event_data(read_alert(notice(data, f"{J}/lfa_S5678-2-update_GW170814map_extcoinc.json")))
    assert "skymap" not in found
    assert found["external_coinc"]["observatory"] == "AGILE"
    assert "combined_skymap" not in found["external_coinc"]
    assert found["properties"]["HasSSM"] == 0.5
    assert found["snr"] is None, "public alerts give none"
    old = event_data(read_alert(notice(data, f"{V}/G298048-1-Initial.xml")))
    assert old["properties"] == {"HasNS": 1.0, "HasRemnant": 1.0}
    assert old["classification"] == {}, "O2's ProbHasNS is no classification"


OTHERS = {
    "fermi/GRB180116A_Fermi_GBM_Alert.xml": "Fermi",
    "fermi/fermi_subthresh_grb_gcn.xml": "Fermi",
    "swift/SWIFT_1125809-092.xml": "SWIFT",
    "icecube/AMON_151115.xml": "ICECUBE_HESE",
    "icecube/AMON_ICECUBE_GOLD_190730.xml": "ICECUBE",
    "icecube/fra_sample_cascade.txt": "ICECUBE",
    "gcn_kafka_json/kafka_alert_icecube_gold.json": "IceCube",
    "gcn_kafka_json/kafka_alert_icecube_retraction.json": "IceCube",
    "gcn_kafka_json/kafka_alert_fermi_alert.json": "Fermi",
    "gcn_kafka_json/kafka_alert_fermi_test.json": "Fermi",
}


@pytest.mark.parametrize(("path", "whose"), OTHERS.items())
def test_notice_of_another_observatory(data: Path, path: str, whose: str) -> None:
    with pytest.raises(NotForUs, match=f"a notice of .*{whose}"):
        parse(notice(data, path))


@pytest.mark.parametrize("folder", ["fermi", "swift", "icecube", "gcn_kafka_json"])
def test_no_notice_of_others_is_taken_for_ours(data: Path, folder: str) -> None:
    for path in (data / "notices" / folder).iterdir():
        with pytest.raises(NotForUs):
            parse(path.read_bytes())
