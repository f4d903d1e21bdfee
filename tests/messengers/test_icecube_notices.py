"""IceCube's gold and bronze tracks: real notices of today's GCN and of AMON, read and as a source of neutrinos."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from llama.app import App
from llama.formats.errors import NotForUs, NoticeError
from llama.intake import Archive, files_between
from llama.messengers import Message
from llama.messengers.icecube import MESSENGER
from llama.messengers.icecube.notices import parse
from llama.messengers.icecube.record import from_window
from llama.messengers.icecube.text import as_text
from llama.ports import NEUTRINO_SOURCE
from llama.science.times import gps_from_utc
from llama.services.neutrinos import NeutrinoAlerts
from llama.testing import check_messenger, world

GPS = gps_from_utc("2023-04-16T05:22:26.150574Z")
HEARD = datetime(2023, 4, 16, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def notices(data: Path) -> Callable[[str], bytes]:
    def read(name: str) -> bytes:
        folder = "icecube" if name.endswith(".xml") else "gcn_kafka_json"
        file = name if name.endswith(".xml") else f"kafka_alert_icecube_{name}.json"
        return (data / "notices" / folder / file).read_bytes()

    return read


def changed(notice: bytes, **changes: Any) -> bytes:
    return json.dumps(
        {key: value for key, value in (json.loads(notice) | changes).items() if value != "gone"}
    ).encode()


def source(folder: Path, *messages: bytes, now: float = GPS + 3600, heard: datetime = HEARD) -> NeutrinoAlerts:
    archive = Archive(folder / "gcn")
    for number, message in enumerate(messages):
        archive.keep(Message(message, id=f"message-{number}"), now=heard)
    return NeutrinoAlerts(folder / "gcn", parse, files_between, lambda: now)


def around(found: NeutrinoAlerts, gps: float = GPS):
    return found.window(gps - 500, gps + 500)


def test_a_json_notice(notices):
    found = parse(notices("bronze"))
    assert (found.run, found.event, found.name) == (137840, 57034692, "IceCube-230416A")
    assert (found.stream, found.revision, found.role, found.taken_back) == ("bronze", 0, "observation", False)
    assert (found.ra, found.dec) == (345.82, 9.01)
    assert found.sigma == pytest.approx(0.5 / math.sqrt(2 * math.log(10)))
    assert found.error_source == "90% radius 0.5 deg, statistical error only"
    both = parse(changed(notices("bronze"), systematic_included=True))
    assert both.error_source == "90% radius 0.5 deg, statistical and systematic error"
    assert found.energy_gev == pytest.approx(127290)
    assert found.gps == pytest.approx(GPS, abs=1e-6)
    assert parse(notices("gold")).stream == "gold"
    assert parse(notices("retraction")).taken_back and parse(notices("retraction")).ra is None


def test_the_schemas_own_example(data):
    folder = data / "schemas" / "gcn-schema" / "gcn" / "notices" / "icecube"
    found = parse((folder / "single_neutrino_alerts.gold_bronze_track_alerts.example.json").read_bytes())
    assert (found.run, found.event, found.revision) == (137840, 57034692, 1)
    with pytest.raises(NotForUs):
        parse((folder / "lvk_nu_track_search.example.json").read_bytes())


def test_a_voevent(notices):
    found = parse(notices("AMON_ICECUBE_GOLD_190730.xml"))
    assert (found.run, found.event, found.revision, found.stream) == (132910, 57145925, 1, "gold")
    assert (found.ra, found.dec) == (225.7899, 10.47)
    assert found.sigma == pytest.approx(1.185 / 2.145966, rel=1e-6)
    assert found.energy_gev == pytest.approx(298813.4)
    assert found.gps == pytest.approx(gps_from_utc("2019-07-30T20:50:41.31Z"), abs=1e-6)
    assert parse(notices("AMON_ICECUBE_BRONZE_190819.xml")).stream == "bronze"


def test_radii_and_energies_go_by_their_units(notices):
    gold = notices("AMON_ICECUBE_GOLD_190730.xml")
    arcmin = gold.replace(b'value="1.1850" unit="deg"', b'value="71.10" unit="arcmin"')
    assert arcmin != gold and parse(arcmin).sigma == pytest.approx(parse(gold).sigma)
    half = re.sub(rb'<Param name="src_error_90".*?</Param>', b"", gold, flags=re.DOTALL)
    assert parse(half).sigma == pytest.approx(0.6624 / math.sqrt(2 * math.log(2)))
    assert parse(half).error_source.startswith("50% radius 0.6624 deg")
    assert parse(notices("fra_sample_astrotrack_alert.xml")).energy_gev == pytest.approx(23.8726)
    with pytest.raises(NoticeError, match="src_error_90 is in the unit 'furlong'; there are deg"):
        parse(gold.replace(b'value="1.1850" unit="deg"', b'value="1.1850" unit="furlong"'))
    bronze = notices("bronze")
    assert parse(changed(bronze, containment_probability=0.5)).sigma == pytest.approx(
        0.5 / math.sqrt(2 * math.log(2))
    )
    ellipse = parse(changed(bronze, ra_dec_error=[0.9, 0.4, 20.0]))
    assert ellipse.sigma == pytest.approx(0.6 / 2.145966, rel=1e-6) and "of an ellipse" in ellipse.error_source


def test_what_is_not_for_it(notices, data):
    for other in ("AMON_151115.xml",):
        with pytest.raises(NotForUs):
            parse(notices(other))
    with pytest.raises(NotForUs, match="Cascade"):
        parse(changed(notices("gold"), pipeline="Cascade Alert"))
    for path in sorted((data / "notices" / "gcn_kafka_json").glob("*fermi*.json")):
        with pytest.raises(NotForUs):
            parse(path.read_bytes())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": ["IceCube"]}, "id is"),
        ({"id": None}, "id is"),
        ({"trigger_time": "yesterday"}, "trigger_time"),
        ({"ra": 5000.0}, "ra"),
        ({"ra_dec_error": 1e-9}, "none that can be"),
        ({"nu_energy": "much"}, "nu_energy"),
        ({"alert_datetime": None}, "alert_datetime"),
    ],
)
def test_a_malformed_notice_names_its_fault(notices, changes, words):
    with pytest.raises(NoticeError, match=words):
        parse(changed(notices("bronze"), **changes))


def test_the_messenger_keeps_its_contract():
    check_messenger(MESSENGER)


def test_a_list_of_one_says_what_it_is_and_what_is_not_known(tmp_path, notices):
    window = around(source(tmp_path, notices("gold")))
    (one,) = window.neutrinos
    assert (one.i3event, one.type, one.season) == ("137841_57034692", "observation", "IceCube gold tracks")
    assert (one.ra_deg, one.dec_deg, one.zenith_deg) == (345.82, 9.01, 99.01)
    assert not window.complete and window.covered == () and window.season is None and window.covered_s == 0
    assert "90% radius 0.5 deg" in window.why and "no livetime" in window.why and "p-values are n/a" in window.why
    text = as_text(from_window(window, source(tmp_path).name))
    assert "1 neutrino from" in text and "source IceCube gold and bronze track alerts" in text
    assert window.again_gps == pytest.approx(GPS + 3600 + 310)


def test_nothing_heard_is_not_nothing_there(tmp_path, notices):
    for found in (source(tmp_path), source(tmp_path, notices("gold"))):
        window = around(found, GPS + 5000)
        assert window.neutrinos == () and window.covered == () and "is not known" in window.why
    assert "there is no folder of notices" in around(source(tmp_path / "none")).why


def test_the_latest_revision_counts(tmp_path, notices):
    first = notices("bronze")
    second = changed(notices("bronze_subsequent"), ra=346.0, ra_dec_error=0.8, id=["137840_57034692"])
    for messages in ((first, second), (second, first)):
        (one,) = around(source(tmp_path / str(messages[0] == first), *messages)).neutrinos
        assert one.ra_deg == 346.0 and one.sigma_deg == pytest.approx(0.8 / 2.145966, rel=1e-6)


def test_what_a_revision_does_not_say_an_earlier_one_did(tmp_path, notices):
    bare = changed(notices("bronze_subsequent"), ra="gone", dec="gone", ra_dec_error="gone", nu_energy=0)
    (one,) = around(source(tmp_path, notices("bronze"), bare)).neutrinos
    assert (one.ra_deg, one.energy_gev) == (345.82, pytest.approx(127290))
    alone = around(source(tmp_path / "alone", bare))
    assert alone.neutrinos == () and "is left out: no notice gives its position" in alone.why


def test_a_retraction_takes_it_back_whenever_it_came(tmp_path, notices):
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        messages = [notices("bronze"), notices("retraction"), changed(notices("bronze"), record_number=7)]
        window = around(source(tmp_path / str(order), *(messages[k] for k in order)))
        assert window.neutrinos == () and "(IceCube-230416A) was taken back" in window.why
    short = changed(notices("retraction"), pipeline="gone")
    window = around(source(tmp_path / "short", notices("bronze"), short))
    assert window.neutrinos == () and "was taken back" in window.why
    with pytest.raises(NotForUs):
        parse(changed(short, id="gone"))
    xml = notices("AMON_ICECUBE_GOLD_190730.xml")
    back = xml.replace(b'name="Retraction"     value="false"', b'name="Retraction"     value="true"')
    assert back != xml
    gps = gps_from_utc("2019-07-30T20:50:41.31Z")
    then = datetime(2019, 8, 1, tzinfo=UTC)
    assert around(source(tmp_path / "x", xml, heard=then), gps).neutrinos
    assert around(source(tmp_path / "x", back, heard=then), gps).neutrinos == ()


def test_a_test_changes_no_observation(tmp_path, notices):
    test = changed(notices("retraction"), alert_tense="test")
    assert len(around(source(tmp_path, notices("bronze"), test)).neutrinos) == 1
    assert around(source(tmp_path / "t", changed(notices("bronze"), alert_tense="test"))).neutrinos == ()


def test_other_notices_in_the_archive_do_no_harm(tmp_path, notices, data):
    others = [path.read_bytes() for path in sorted((data / "notices" / "fermi").glob("*.xml"))]
    broken = b'{"mission": "IceCube", "pipeline": "Gold Track Alert", "id": 3}'
    window = around(source(tmp_path, *others, broken, notices("gold")))
    assert len(window.neutrinos) == 1
    assert "1 file(s) are no readable notice" in window.why and "id is 3" in window.why


def test_settings_choose_them(tmp_path, notices):
    source(tmp_path, notices("gold"))
    given = {"LLAMA_NEUTRINOS": "alerts", "LLAMA_ICECUBE_NOTICES": str(tmp_path / "gcn")}
    app: App
    with world(tmp_path / "home", given) as app:
        assert app.lacks(NEUTRINO_SOURCE) is None
        found = app.service(NEUTRINO_SOURCE)
        assert len(found.window(GPS - 500, GPS + 500, seed="").neutrinos) == 1
