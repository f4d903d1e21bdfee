"""What is wrong with a notice is said in one clear message, and nothing else ever happens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from llama.formats.errors import FormatError, NoSkyMap, NotForUs, NoticeError
from llama.formats.records import to_json
from llama.messengers.gw.alert import Alert, event_data, p_astro, skymap_bytes, skymap_info
from llama.messengers.gw.names import check_graceid, gracedb_host, service_url
from llama.messengers.gw.notice import parse, read_alert
from llama.science.significance import most_likely_population

ALERT: dict[str, Any] = {
    "alert_type": "PRELIMINARY",
    "time_created": "2026-06-05T12:01:07Z",
    "superevent_id": "S260605l",
    "urls": {"gracedb": "https://gracedb.ligo.org/superevents/S260605l/view/"},
    "event": {
        "significant": True,
        "time": "2026-06-05T11:57:26.395Z",
        "far": 5.2e-16,
        "instruments": ["H1", "L1", "V1"],
        "group": "CBC",
        "pipeline": "gstlal",
        "search": "AllSky",
        "properties": {"HasNS": 1.0},
        "classification": {"BNS": 0.9, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": 0.1},
        "skymap": base64.b64encode(b"SIMPLE  =").decode(),
    },
    "external_coinc": None,
}


def changed(path: str, value: Any) -> bytes:
    """The alert with one field, `event.far`, set to `value`; removed if it is `...`."""
    alert = json.loads(json.dumps(ALERT))
    *parents, last = path.split(".")
    place = alert
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(alert).encode()


def use(data: bytes) -> Alert:
    """Everything the products do with a notice."""
    parsed, alert = parse(data), read_alert(data)
    assert set(parsed.event_id) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    if not parsed.takes_back:
        to_json(skymap_info(alert, parsed.event_id))
        to_json(event_data(alert))
        to_json(p_astro(alert))
        skymap_bytes(alert)
    return alert


def test_the_alert_itself_is_good() -> None:
    raw = json.dumps(ALERT).encode()
    for data in (raw, b"\xef\xbb\xbf" + raw, b"\n " + raw):
        assert use(data).role == "observation"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("superevent_id", "../../etc/passwd", "not a GraceID"),
        ("superevent_id", "S260605l/..", "not a GraceID"),
        ("superevent_id", "S260605l\n", "not a GraceID"),
        ("superevent_id", "S٢٦٠٦٠٥l", "not a GraceID"),
        ("superevent_id", "", "not a GraceID"),
        ("superevent_id", 5, "not a GraceID"),
        ("superevent_id", ..., "no alert_type and superevent_id"),
        ("alert_type", ..., "a record of GraceDB"),
        ("alert_type", "PARTY", "unknown alert type 'PARTY'; known are"),
        ("alert_type", None, "unknown alert type"),
        ("time_created", ..., "time_created is None"),
        ("time_created", "yesterday", "time_created is 'yesterday'"),
        ("urls", [], "urls is \\[\\]"),
        ("urls.gracedb", 1, "urls.gracedb is 1"),
        ("urls.skymap", "https://gracedb.ligo.org/files/..", "no file name"),
        ("urls.skymap", "https://gracedb.ligo.org/files/a%2F..%2Fb", "no file name"),
        ("event", "none", "event is 'none'"),
        ("event", None, "has no `event` part"),
        ("event.time", ..., "event.time is None"),
        ("event.time", "2026-13-05T11:57:26Z", "event.time .* month"),
        ("event.time", "0001-01-01T00:00:00+14:00", "event.time"),
        ("event.time", 1464695864, "event.time"),
        ("event.far", "small", "event.far is 'small'"),
        ("event.far", -1.0, "event.far is -1.0"),
        ("event.far", True, "event.far is True"),
        ("event.far", [1e-9], "event.far"),
        ("event.instruments", ["H1", "../"], "list of detectors"),
        ("event.instruments", "H1;L1", "list of detectors"),
        ("event.instruments", {"H1": 1}, "list of detectors"),
        ("event.pipeline", 3, "event.pipeline is 3"),
        ("event.pipeline", "gst\x1b[31mlal", "event.pipeline"),
        ("event.group", "CBC" * 100, "event.group"),
        ("event.significant", "perhaps", "neither true nor false"),
        ("event.classification", [0.9, 0.1], "event.classification"),
        ("event.classification.BNS", 1.5, "from 0 to 1"),
        ("event.classification.BNS", "NaN", "event.classification.BNS is 'NaN'"),
        ("event.classification.Terrestrial", ..., "no Terrestrial"),
        ("event.classification.BBH", 0.9, "sums to 1.9, not to 1"),
        ("event.classification.bns", 0.0, "has BNS twice, in other letters .bns."),
        ("event.classification.BBh", None, "has BBH twice"),
        ("event.classification.TERRESTRIAL", 0.0, "has Terrestrial twice"),
        ("event.skymap", "%%% not base64 %%%", "not base64"),
        ("event.skymap", "U0lNUExFICA", "not base64"),
        ("event.skymap", "ſ", "not base64"),
        ("event.skymap", 12, "not base64"),
        ("external_coinc", 3, "external_coinc"),
    ],
)
def test_one_bad_field(path: str, value: Any, message: str) -> None:
    with pytest.raises(NoticeError, match=message):
        use(changed(path, value))


@pytest.mark.parametrize("value", [..., None, ""])
def test_alert_without_a_map(value: Any) -> None:
    with pytest.raises(NoSkyMap, match=r"S260605l carries no sky map; give one by hand: llama skymap_info --skymap"):
        use(changed("event.skymap", value))
    alert = read_alert(changed("event.skymap", value))
    assert skymap_info(alert, "x").skymap_filename is None


@pytest.mark.parametrize("value", [..., None, {}])
def test_alert_without_classification(value: Any) -> None:
    """A burst alert: no classification is no error, it is an empty one."""
    assert p_astro(use(changed("event.classification", value))) == {}


def test_classes_count_in_any_capitals() -> None:
    given = {"bns": 0.6, "nsbh": 0.1, "bbh": 0.1, "Mass_Gap": 0.1, "terrestrial": 0.1, "Other": 0.0}
    found = p_astro(use(changed("event.classification", given)))
    assert found == {"BNS": 0.6, "NSBH": 0.1, "BBH": 0.1, "MassGap": 0.1, "Terrestrial": 0.1, "Other": 0.0}


@pytest.mark.parametrize(
    ("path", "value"), [("event.significant", ...), ("event.far", None), ("event.instruments", ...), ("urls", ...)]
)
def test_what_may_be_absent(path: str, value: Any) -> None:
    use(changed(path, value))


def test_graceid_from_its_page() -> None:
    """Some notices of the aframe search leave superevent_id empty."""
    assert use(changed("superevent_id", None)).graceid == "S260605l"
    alert = json.loads(changed("superevent_id", None))
    alert["urls"] = {"gracedb": "https://gracedb.ligo.org/superevents/..%2F/view/"}
    with pytest.raises(NoticeError, match="names no superevent"):
        parse(json.dumps(alert).encode())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither JSON, Avro nor XML"),
        (b"hello", "neither JSON, Avro nor XML"),
        (b"\x00\x01", "neither JSON, Avro nor XML"),
        (b"{", "malformed JSON"),
        (b'{"a": NaN}', "malformed JSON"),
        (b'{"a": "\xff"}', "malformed JSON"),
        (b"[1]", "JSON list"),
        (b"{}", "not an igwn.gwalert notice"),
        (b'{"a":' * 200_000, "malformed JSON"),
        (json.dumps(ALERT).encode()[:-40], "malformed JSON"),
    ],
)
def test_no_notice(data: bytes, message: str) -> None:
    with pytest.raises(NoticeError, match=message):
        parse(data)


def test_other_messages_about_gravitational_waves(data: Path) -> None:
    folder = data / "notices" / "gracedb_json"
    with pytest.raises(NoticeError, match="--graceid"):
        parse((folder / "S230413b.json").read_bytes())
    with pytest.raises(NotForUs, match="S180616h"):
        parse((folder / "igwn_alert_superevent_creation.json").read_bytes())


@pytest.mark.parametrize("name", ["S190425z", "MS181101ab", "TS190425z", "G298048", "M394156", "GW170817A", "S1234"])
def test_graceids(name: str) -> None:
    assert check_graceid(name) == name


@pytest.mark.parametrize(
    "name",
    ["", "S", "s190425z", "S190425z-1", "S190425z ", " S190425z", "E1234", "S190425z.", "..", "S19/0425", "CON"],
)
def test_not_graceids(name: str) -> None:
    with pytest.raises(NoticeError, match="GraceID"):
        check_graceid(name)


def test_gracedb_server_is_one_of_ligos() -> None:
    """Credentials go to that address later."""
    assert gracedb_host("https://gracedb-playground.ligo.org/x") == "gracedb-playground.ligo.org"
    for url in ("http://gracedb.ligo.org/", "https://gracedb.ligo.org.evil.example/", "https://evil/gracedb.ligo.org",
                "https://gracedb.ligo.org@evil.example/", "https://example.org/", "https://[", "", None):  # fmt: skip
        assert gracedb_host(url) is None
        assert service_url(url) == "https://gracedb.ligo.org/api/"


def test_mock_events_are_tests() -> None:
    assert read_alert(changed("superevent_id", "MS260605l")).role == "test"
    assert read_alert(changed("event.search", "MDC")).role == "test"
    playground = "https://gracedb-playground.ligo.org/superevents/S260605l/view/"
    assert read_alert(changed("urls.gracedb", playground)).role == "test"


def only_format_errors(call: Callable[[bytes], object], data: bytes) -> None:
    try:
        call(data)
    except FormatError as error:
        assert str(error)
        assert len(str(error)) < 700


@given(st.binary(max_size=300))
@example(b"{\xed\xa0\x80}")
def test_any_bytes(data: bytes) -> None:
    for prefix in (b"", b"{", b"<"):
        only_format_errors(use, prefix + data)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
PLACES = [*ALERT, *(f"event.{key}" for key in ALERT["event"]), "event.classification.BNS", "urls.skymap", "event.snr"]


@pytest.mark.slow
@settings(max_examples=400)
@given(st.sampled_from(PLACES), ANYTHING)
@example("event.far", 10**400)
@example("event.pipeline", "\ud800")
@example("event.properties", {"\ud800": "\ud800"})
@example("event.time", "2026-06-05T23:59:60.5Z")
@example("event.time", "2100-12-31T23:59:59-23:59")
def test_any_value_anywhere(path: str, value: Any) -> None:
    only_format_errors(use, changed(path, value))


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_damaged_notices(data: Path, draw: st.DataObject) -> None:
    """Real notices, cut, with bytes replaced or repeated."""
    folder = data / "notices" / "lvk_voevent"
    sources = [path.read_bytes() for path in sorted(folder.iterdir())] + [json.dumps(ALERT).encode()]
    raw = bytearray(draw.draw(st.sampled_from(sources)))
    for _ in range(draw.draw(st.integers(1, 4))):
        start = draw.draw(st.integers(0, len(raw)))
        stop = draw.draw(st.integers(start, min(len(raw), start + 30)))
        raw[start:stop] = draw.draw(st.binary(max_size=8) | st.just(bytes(raw[start:stop]) * 2))
    only_format_errors(use, bytes(raw))


@pytest.mark.parametrize(("value", "kept"), [(1.0000000000000002, 1.0), (-2.2e-16, 0.0), (1 + 9e-10, 1.0)])
@pytest.mark.parametrize("name", ["event.classification.BNS", "event.properties.HasNS"])
def test_what_rounding_carried_past_0_or_1_is_cut_off(name: str, value: float, kept: float) -> None:
    group, key = name.split(".")[1:]
    rest = 1.0 - kept if group == "classification" else 1.0
    classes = {"BNS": 0.0, "NSBH": 0.0, "BBH": 0.0, "Terrestrial": rest}
    alert = json.loads(changed("event.classification", classes))
    alert["event"][group][key] = value
    read = read_alert(json.dumps(alert).encode())
    assert event_data(read)[group][key] == kept
    assert p_astro(read)["BNS"] == (kept if group == "classification" else 0.0)


def test_what_is_no_rounding_is_refused() -> None:
    for value in (1.001, -1e-6):
        with pytest.raises(NoticeError, match=r"event.classification.BNS is .* not a number from 0 to 1"):
            p_astro(read_alert(changed("event.classification.BNS", value)))


def test_the_case_of_a_class_above_one(data: Path) -> None:
    assert p_astro(read_alert((data / "cases" / "notices" / "cls_over.json").read_bytes()))["BNS"] == 1.0


def test_a_leap_second_that_never_was_is_refused(data: Path) -> None:
    with pytest.raises(NoticeError, match=r"event.time is '2012-05-30T23:59:60.*no leap second is known"):
        skymap_info(read_alert((data / "cases" / "notices" / "time_17.json").read_bytes()), "S1")
    with pytest.raises(NoticeError, match=r"time_created is .*no leap second is known"):
        read_alert(changed("time_created", "2026-06-05T23:59:60Z"))
    real = read_alert(changed("event.time", "2016-12-31T23:59:60.5Z"))
    assert skymap_info(real, "S1").gps_time == 1167264017.5


def test_a_byte_order_mark_is_no_part_of_a_notice() -> None:
    marked = b"\xef\xbb\xbf" + changed("event.far", 1e-9)
    assert read_alert(marked).graceid == "S260605l"


def test_a_table_of_classes_by_hand_has_them_in_their_own_letters() -> None:
    with pytest.raises(ValueError, match=r"p_astro.json: bns is written BNS; correct it"):
        most_likely_population({"bns": 0.9, "BBH": 0.05, "Terrestrial": 0.05})
