"""GraceDB through `ligo-gracedb` against a server that fails, stalls, sends half and lies."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llama.formats.errors import NoticeError
from llama.ports import GraceDB, GraceDBError, GraceDBRefused, StoredNotice, Superevent
from llama.sections import Secret
from llama.services.gracedb import PROVIDER, GraceDBSettings
from llama.services.gracedb import asking as patience
from llama.services.gracedb.adapter import open_adapter
from llama.services.gracedb.asking import Questioner
from llama.testing import GraceDBServer, check_service, superevent_record, world

MS = "notices/gracedb_json/MS220722v.json"
S = "notices/gracedb_json/S230413b.json"
NOTICE = "notices/igwn_json/lfa_S2376-1-preliminary_aframe.json"
LONG_AGO = "Wed, 21 Oct 2015 07:28:00 GMT"
VOEVENT = "notices/lvk_voevent/S190521r-2-Initial.xml"


@pytest.fixture
def server() -> Iterator[GraceDBServer]:
    with GraceDBServer() as running:
        yield running


def connected(server: GraceDBServer, **changes: Any) -> GraceDB:
    given: dict[str, Any] = {"pause_s": 0.001, "timeout_s": 5.0}
    return open_adapter(GraceDBSettings(service_url=server.url, **(given | changes)))


def add(server: GraceDBServer, data: Path, name: str) -> str:
    return server.state.add(json.loads((data / name).read_bytes()))


def plain(server: GraceDBServer, gps_time: float, graceid: str = "S2376") -> str:
    return server.state.add(superevent_record({"superevent_id": graceid}, gps_time))


def test_it_keeps_the_contract_of_a_service(tmp_path: Path) -> None:
    check_service(PROVIDER, tmp_path)


def test_a_search_pages_and_leaves_mock_ones_out(server: GraceDBServer, data: Path) -> None:
    server.page = 2
    names = [plain(server, 1000.0 + k, f"S26010{k}a") for k in range(5)]
    mock = add(server, data, MS)
    gracedb = connected(server)
    assert [one.graceid for one in gracedb.superevents(1000.0, 1004.0)] == names[:4], "the end is not part of it"
    assert sum("GET /api/superevents/" in line for line in server.asked) == 2
    (found,) = gracedb.superevents(1.3e9, 1.4e9, mock=True)
    assert found.graceid == mock and "ADVNO" in found.labels
    assert gracedb.superevents(1.3e9, 1.4e9) == []


def test_records_of_superevents_and_of_events(server: GraceDBServer, data: Path) -> None:
    graceid = add(server, data, S)
    server.state.add({"graceid": "G298048", "gpstime": 1187008882.4, "group": "CBC"})
    gracedb = connected(server)
    assert gracedb.record(graceid) == json.loads((data / S).read_bytes())
    assert gracedb.record("G298048")["gpstime"] == 1187008882.4
    server.state.store("G298048", "p_astro.json", b"{}")
    assert gracedb.file("G298048", "p_astro.json", bytes) == b"{}"


def test_versions_of_files(server: GraceDBServer) -> None:
    graceid = plain(server, 1e9)
    for content in (b"zero", b"one"):
        server.state.store(graceid, "x.fits", content, tags=("sky_loc",))
    server.state.write(graceid, "a remark without a file")
    gracedb = connected(server)
    assert [(one.canonical, one.tags) for one in gracedb.files(graceid)] == [
        ("x.fits,0", ("sky_loc",)),
        ("x.fits,1", ("sky_loc",)),
    ]
    assert gracedb.file(graceid, "x.fits,0", bytes) == b"zero"
    assert gracedb.file(graceid, "x.fits", bytes) == b"one"
    with pytest.raises(GraceDBRefused, match=r"x\.fits,7 of S2376 at 127.*: there is no such thing, or it is not"):
        gracedb.file(graceid, "x.fits,7", bytes)


def test_notices_that_a_server_lists(server: GraceDBServer, data: Path) -> None:
    graceid = plain(server, 1e9)
    server.state.notice(graceid, (data / NOTICE).read_bytes())
    server.state.voevent(graceid, (data / VOEVENT).read_bytes())
    server.state.voevent(graceid, (data / VOEVENT).read_bytes(), internal=True)
    assert [(one.file, one.number, one.form) for one in connected(server).notices(graceid)] == [
        ("S2376-1-preliminary.json,0", 1, "json"),
        ("S2376-2-Initial.xml,0", 2, "voevent"),
    ]


def test_notices_of_a_server_that_lists_none(data: Path) -> None:
    """They are among the files; those of members and other JSON files are not taken for them."""
    with GraceDBServer(notices=False) as server:
        graceid = plain(server, 1e9)
        for name, tags in (
            ("S2376-preliminary.json", ("public",)), ("S2376-preliminary.json", ("public",)),
            ("S2376-initial.json", ("em_follow",)), ("p_astro.json", ("public",)), ("S2376-update.avro", ("public",)),
        ):  # fmt: skip
            server.state.store(graceid, name, b"{}", tags=tags)
        assert connected(server).notices(graceid) == [
            StoredNotice("S2376-preliminary.json,0", None, "json", "2026-01-01T00:00:01Z"),
            StoredNotice("S2376-preliminary.json,1", None, "json", "2026-01-01T00:00:02Z"),
        ]


# ---------------------------------------------------------------------- what is tried again


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_go_well_is_tried_again(server: GraceDBServer, status: int) -> None:
    graceid = plain(server, 1e9)
    server.fail(status, times=5, where="/logs/")
    gracedb = connected(server)
    assert gracedb.files(graceid) == []
    assert sum("/logs/" in line for line in server.asked) == 6
    server.fail(status, times=6, where="/logs/")
    with pytest.raises(GraceDBError, match=rf"the log of S2376 at 127.*it answered {status} .*asked 6 times"):
        gracedb.files(graceid)


@pytest.mark.parametrize(
    ("status", "kind", "says"),
    [
        (400, GraceDBError, "it answered 400 Bad Request"),
        (401, GraceDBRefused, r"not public and needs credentials \(401\); set token or certificate of \[gracedb\]"),
        (403, GraceDBRefused, r"not public and needs credentials \(403\)"),
        (404, GraceDBRefused, "there is no such thing, or it is not public"),
        (410, GraceDBRefused, "there is no such thing"),
    ],
)
def test_what_will_not_go_well_is_told_at_once(
    server: GraceDBServer, status: int, kind: type[GraceDBError], says: str
) -> None:
    graceid = plain(server, 1e9)
    server.fail(status, times=-1, where="/logs/")
    with pytest.raises(kind, match=says):
        connected(server).files(graceid)
    assert sum("/logs/" in line for line in server.asked) == 1


@pytest.mark.parametrize("fault", ["send_half", "send_nothing", "send_garbage", "lie"])
def test_answers_that_come_damaged_are_asked_for_again(server: GraceDBServer, fault: str) -> None:
    graceid = plain(server, 1e9)
    server.state.write(graceid, "a remark")
    getattr(server, fault)(times=2, where="/logs/")
    assert connected(server).files(graceid) == []
    getattr(server, fault)(times=-1, where=f"/superevents/{graceid}/")
    with pytest.raises(GraceDBError, match=r"no JSON|came in part"):
        connected(server, tries=2).record(graceid)


@pytest.mark.parametrize("fault", ["send_half", "send_nothing", "lie_long", "lie"])
def test_downloads_that_come_damaged_are_fetched_again(server: GraceDBServer, fault: str) -> None:
    """Also what is cut off without a sign of it, by what it holds."""
    graceid = plain(server, 1e9)
    content = json.dumps({"numbers": list(range(60_000))}).encode()
    server.state.store(graceid, "x.json", content)

    def spoil(times: int) -> None:
        if fault == "lie_long":
            server.lie(longer=True, times=times, where="/files/")
        else:
            getattr(server, fault)(times=times, where="/files/")

    def read(data: bytes) -> Any:
        try:
            return json.loads(data)
        except json.JSONDecodeError as error:
            raise NoticeError(f"malformed: {error}") from error

    gracedb = connected(server, timeout_s=0.2)
    spoil(2)
    assert gracedb.file(graceid, "x.json", read) == json.loads(content)
    spoil(-1)
    with pytest.raises((GraceDBError, NoticeError), match=r"x\.json of S2376|malformed"):
        connected(server, timeout_s=0.1, tries=2).file(graceid, "x.json", read)


def test_what_is_stored_damaged_is_not_fetched_for_ever(server: GraceDBServer) -> None:
    graceid = plain(server, 1e9)
    server.state.store(graceid, "x.json", b"{")

    def read(data: bytes) -> None:
        raise NoticeError("malformed")

    with pytest.raises(NoticeError, match="malformed"):
        connected(server).file(graceid, "x.json", read)
    assert sum("/files/" in line for line in server.asked) == patience.MOST_DAMAGED


@pytest.mark.slow
def test_silence_has_an_end(server: GraceDBServer) -> None:
    graceid = plain(server, 1e9)
    server.stall(0.2, where="/logs/")
    assert connected(server, timeout_s=0.1).files(graceid) == []
    server.stall(0.2, times=2, where="/logs/")
    with pytest.raises(GraceDBError, match=r"no answer within 0\.1 s \(asked 2 times\)"):
        connected(server, timeout_s=0.1, tries=2).files(graceid)


def test_nobody_there() -> None:
    with GraceDBServer() as gone:
        url = gone.url
    gracedb = open_adapter(GraceDBSettings(service_url=url, pause_s=0.001, tries=2))
    with pytest.raises(GraceDBError, match=r"superevents at 127\.0\.0\.1:[0-9]+: no connection \(.*refused.*asked 2"):
        gracedb.superevents(0.0, 1.0)


def test_another_server_than_graceDB(server: GraceDBServer) -> None:
    server.send_garbage(times=-1)
    with pytest.raises(GraceDBError, match="the answer is no JSON"):
        connected(server, tries=1).superevents(0.0, 1.0)
    with pytest.raises(GraceDBError, match=r"at 127.*(has no|is no JSON)"):
        open_adapter(GraceDBSettings(service_url=server.url + "superevents/", tries=1)).record("S2376")


def test_a_clock_that_is_wrong_is_told_once(
    server: GraceDBServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("llama.testing.gracedb.server.BaseHTTPRequestHandler.date_time_string", lambda self: LONG_AGO)
    gracedb = connected(server)
    gracedb.superevents(0.0, 1.0)
    gracedb.superevents(0.0, 1.0)
    (record,) = caplog.records
    assert "this machine's clock is" in record.message and "s ahead of GraceDB's" in record.message


def paused(error: Exception, tries: int = 9) -> list[float]:
    """How long was waited between questions that all met this."""
    pauses: list[float] = []
    asking = Questioner("here", False, 1.0, tries, 1.0, sleep=pauses.append)

    def question() -> None:
        raise error

    with pytest.raises(GraceDBError):
        asking.ask("it", question)
    return pauses


def test_pauses_double_up_to_a_minute() -> None:
    assert paused(patience.Again("no")) == [1, 2, 4, 8, 16, 32, 60, 60]


@pytest.mark.parametrize(("wanted", "pauses"), [(0.0, [1, 2]), (3.0, [3, 3]), (1e6, [300, 300])])
def test_retry_after_is_honoured_and_bounded(wanted: float, pauses: list[float]) -> None:
    assert paused(patience.Again("no", wanted), tries=3) == pauses


@pytest.mark.parametrize("said", ["0.2", "Wed, 21 Oct 2015 07:28:00 GMT", "soon"])
def test_retry_after_in_all_its_forms(server: GraceDBServer, said: str) -> None:
    graceid = plain(server, 1e9)
    server.fail(429, where="/logs/", retry_after=said)
    assert connected(server).files(graceid) == []


# ---------------------------------------------------------------------- credentials


def test_what_is_not_public(server: GraceDBServer, tmp_path: Path) -> None:
    server.state.add({"graceid": "G298048", "gpstime": 1187008882.4})
    server.private["G298048"] = 401
    with pytest.raises(GraceDBRefused, match=r"^G298048 at 127.*: it is not public and needs credentials \(401\)"):
        connected(server).record("G298048")
    assert connected(server, token=Secret(server.token)).record("G298048")["graceid"] == "G298048"
    with pytest.raises(GraceDBRefused, match=r"our credentials do not suffice \(401\); renew what \[gracedb\] names"):
        connected(server, token=Secret("an-old-one")).record("G298048")


def test_a_token_in_a_file_may_be_renewed(server: GraceDBServer, tmp_path: Path) -> None:
    server.state.add({"graceid": "G298048", "gpstime": 1187008882.4})
    server.private["G298048"] = 403
    path = tmp_path / "token"
    path.write_text("an-old-one")
    gracedb = connected(server, token=Secret(file=path))
    with pytest.raises(GraceDBRefused):
        gracedb.record("G298048")
    path.write_text(server.token)
    assert gracedb.record("G298048")["graceid"] == "G298048"


def test_netrc_is_not_asked(server: GraceDBServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password planted-s3cret\n")
    netrc.chmod(stat.S_IRUSR | stat.S_IWUSR)
    monkeypatch.setenv("NETRC", str(netrc))
    seen: list[str | None] = []
    gracedb = connected(server)
    original = gracedb._client.send  # type: ignore[attr-defined]

    def send(request: Any, **how: Any) -> Any:
        seen.append(request.headers.get("Authorization"))
        return original(request, **how)

    monkeypatch.setattr(gracedb._client, "send", send)  # type: ignore[attr-defined]
    gracedb.superevents(0.0, 1.0)
    assert seen and set(seen) == {None}


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"SERVICE_URL": "gracedb.ligo.org"}, "is no address of a GraceDB"),
        ({"SERVICE_URL": "http://gracedb.ligo.org/api/", "TOKEN": "planted"}, "credentials are sent over https only"),
        ({"SERVICE_URL": "http://gracedb.ligo.org/api/"}, ""),
        ({"SERVICE_URL": "http://127.0.0.1:1/api/", "TOKEN": "planted"}, ""),
    ],
)
def test_credentials_go_over_https_only(tmp_path: Path, variables: dict[str, str], says: str) -> None:
    with world(tmp_path, {f"LLAMA_GRACEDB_{name}": value for name, value in variables.items()}) as app:
        lacks = app.lacks(PROVIDER.key) or ""
        assert (says in lacks) if says else lacks == ""
        assert "planted" not in lacks


# ---------------------------------------------------------------------- the server itself


def test_the_library_writes_to_the_server(server: GraceDBServer, data: Path) -> None:
    from ligo.gracedb.rest import GraceDb

    graceid = add(server, data, S)
    other = plain(server, 1e9)
    client = GraceDb(service_url=server.url, force_noauth=True)
    assert client.write_log(graceid, "a map", filename="x.fits", filecontents=b"\x00\xff").json()["file_version"] == 0
    assert client.write_log(graceid, "only words").json()["N"] == 2
    assert client.files(graceid, "x.fits,0").read() == b"\x00\xff"
    assert set(client.files(graceid).json()) == {"x.fits", "x.fits,0"}
    client.write_label(graceid, "ADVOK")
    assert "ADVOK" in [label["name"] for label in client.labels(graceid).json()["labels"]]
    assert client.labels(graceid, "ADVOK").json()["name"] == "ADVOK"
    notice = (data / NOTICE).read_bytes()
    assert client.create_notice(other, "n.json", filecontents=notice).json()["notice_type"] == "PR"
    assert client.notices(other, 1).json()["filename"] == "S2376-1-preliminary.json"
    assert client.files(other, "S2376-1-preliminary.json").read() == notice
    assert [one["superevent_id"] for one in client.superevents("t_0: 0 .. 2000000000", count=1)] == [other, graceid]
    assert isinstance(connected(server).superevents(0.0, 2e9)[0], Superevent)
    client.close()


def test_the_server_is_on_this_machine_only(server: GraceDBServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
