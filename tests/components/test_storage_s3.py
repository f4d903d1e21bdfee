"""Storage against a store that speaks S3, through a proxy that fails requests, and against the web."""

from __future__ import annotations

import hashlib
import logging
import socket
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.components.s3_server import KEYS, Failing, raw

from llama.ports import NoSuchObject, TransferError, TransferRefused
from llama.sections import Secret
from llama.services.storage import PROVIDER, StorageSettings
from llama.services.storage import by_address as places
from llama.testing import check_service

pytestmark = pytest.mark.component
BUCKET = "llama"


def storage(address: str, **more: Any) -> places.ByAddress:
    given: dict[str, Any] = {"key_id": "planted-id", "secret": Secret("planted-s3cret"), "pause_s": 0.001} | more
    return places.ByAddress(StorageSettings(endpoint=address, **given))


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_whole_files_go_and_come_though_every_third_request_fails(proxy: Failing, tmp_path: Path) -> None:
    store = storage(proxy.address)
    sent = {f"s3://{BUCKET}/whole/{i}.bin": bytes([i]) * (i * 70_000) for i in range(24)}
    for url, data in sent.items():
        store.put(written(tmp_path / "sent", data), url)
        store.get(url, tmp_path / "came")
        assert (tmp_path / "came").read_bytes() == data
        assert store.digest(url) == hashlib.sha256(data).hexdigest()
    assert [one.url for one in store.list(f"s3://{BUCKET}/whole")] == sorted(sent)
    assert {one.url: one.size for one in store.list(f"s3://{BUCKET}/whole/")} == {
        url: len(data) for url, data in sent.items()
    }
    assert sum(proxy.failed.values()) == proxy.requests // 3 > 20 and min(proxy.failed.values()) > 2
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["came", "sent"]
    store.close()


def test_a_list_goes_over_pages_and_by_folders(store: str, tmp_path: Path) -> None:
    client = raw(store)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: client.put_object(Bucket=BUCKET, Key=f"many/{i:04}", Body=b"x"), range(1003)))
    client.put_object(Bucket=BUCKET, Key="many/inner/a", Body=b"xy")
    found = list(storage(store).list(f"s3://{BUCKET}/many/"))
    assert len(found) == 1004 and len({one.url for one in found}) == 1004
    flat = list(storage(store).list(f"s3://{BUCKET}/many", recursive=False))
    assert [one.url for one in flat if one.folder] == [f"s3://{BUCKET}/many/inner/"]
    assert len(flat) == 1004 and all(one.modified.endswith("Z") for one in flat if not one.folder)
    assert list(storage(store).list(f"s3://{BUCKET}/none")) == []


def test_an_answer_that_always_comes_short_leaves_nothing(proxy: Failing, tmp_path: Path) -> None:
    raw(proxy.behind if proxy.behind.startswith("http") else f"http://{proxy.behind}").put_object(
        Bucket=BUCKET, Key="short", Body=b"0123456789" * 1000
    )
    proxy.every, proxy.ways = 1, ("short",)
    written(tmp_path / "came", b"what was there before")
    with pytest.raises(TransferError, match=r"s3://llama/short: .*cut short.*\(asked 3 times\)"):
        storage(proxy.address, tries=3).get(f"s3://{BUCKET}/short", tmp_path / "came")
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["came"]
    assert (tmp_path / "came").read_bytes() == b"what was there before"


def test_what_was_changed_in_the_store_is_not_taken(store: str, tmp_path: Path) -> None:
    raw(store).put_object(Bucket=BUCKET, Key="changed", Body=b"other", Metadata={"sha256": "0" * 64})
    with pytest.raises(TransferError, match="not what was put"):
        storage(store, tries=2).get(f"s3://{BUCKET}/changed", tmp_path / "came")
    assert not (tmp_path / "came").exists()


def test_large_files_go_in_parts(proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from llama.services.storage import s3, s3_parts

    monkeypatch.setattr(s3, "AT_ONCE", 6 * 1024 * 1024)
    monkeypatch.setattr(s3_parts, "PART", 7 * 1024 * 1024)
    data = bytes(range(256)) * (20 * 4096)
    storage(proxy.address).put(written(tmp_path / "sent", data), f"s3://{BUCKET}/large")
    head = raw(f"http://{proxy.behind}").head_object(Bucket=BUCKET, Key="large")
    assert head["ETag"].strip('"').endswith("-3") and sum(proxy.failed.values()) > 0
    storage(proxy.address).get(f"s3://{BUCKET}/large", tmp_path / "came")
    assert (tmp_path / "came").read_bytes() == data


@pytest.mark.parametrize("every", [2, 5])
def test_what_was_done_though_nobody_was_told_is_done(
    every: int, proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fifth of create, three parts and complete is the last one."""
    from llama.services.storage import s3, s3_parts

    monkeypatch.setattr(s3, "AT_ONCE", 6 * 1024 * 1024)
    monkeypatch.setattr(s3_parts, "PART", 7 * 1024 * 1024)
    proxy.every, proxy.ways = every, ("late",)
    data = bytes(range(256)) * (20 * 4096)
    url = f"s3://{BUCKET}/late{every}"
    storage(proxy.address).put(written(tmp_path / "sent", data), url)
    assert proxy.failed["late"] >= 1
    storage(f"http://{proxy.behind}").get(url, tmp_path / "came")
    assert (tmp_path / "came").read_bytes() == data


def test_a_large_file_that_was_cut_goes_on(proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: what came before the connection was lost is not sent again."""
    from llama.services.storage import s3, s3_fetching, s3_parts

    monkeypatch.setattr(s3, "AT_ONCE", 6 * 1024 * 1024)
    monkeypatch.setattr(s3_parts, "PART", 5 * 1024 * 1024)
    monkeypatch.setattr(s3_fetching, "LARGE", 1024)
    data, url = bytes(range(256)) * (20 * 4096), f"s3://{BUCKET}/cut"
    written(tmp_path / "sent", data)
    proxy.every, proxy.ways = 0, ("cut",)
    proxy.after = 4  # what was begun, its list, and two parts of four
    with pytest.raises(TransferError):
        storage(proxy.address, tries=2).put(tmp_path / "sent", url)
    proxy.after = None
    storage(proxy.address).put(tmp_path / "sent", url)
    numbers = [path.rpartition("partNumber=")[2] for path in proxy.put if "partNumber" in path]
    assert numbers == ["1", "2", "3", "4"]
    proxy.every, proxy.ways = 1, ("short",)
    with pytest.raises(TransferError):
        storage(proxy.address, tries=1).get(url, tmp_path / "came")
    (begun,) = tmp_path.glob(".came.*.part")
    assert begun.read_bytes() == data[: len(data) // 2] and not (tmp_path / "came").exists()
    proxy.every, proxy.sent = 0, 0
    storage(proxy.address).get(url, tmp_path / "came")
    assert (tmp_path / "came").read_bytes() == data and not begun.exists()
    assert len(data) // 2 <= proxy.sent < len(data) // 2 + 10_000


def test_what_was_begun_of_another_content_is_not_gone_on_with(store: str, tmp_path: Path) -> None:
    from llama.services.storage import s3_fetching

    url, there = f"s3://{BUCKET}/another", storage(store)
    there.put(written(tmp_path / "sent", b"new" * 5000), url)
    found = there.find(url)
    assert found is not None
    for tag in (found.md5, "0" * 32):  # damaged on this disk; begun of what the store had before
        written(tmp_path / f".came.{tag}.part", b"old" * 1000)
        with suppress(TransferError):
            there.get(url, tmp_path / "came")
        there.get(url, tmp_path / "came")
        assert (tmp_path / "came").read_bytes() == b"new" * 5000
        assert list(tmp_path.glob(".came.*")) == []
    assert s3_fetching.LARGE > 15_000


def test_the_file_of_s3cmd_is_read(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    lines = ["[default]", "access_key = planted-id", "secret_key = planted-s3cret%2F", "use_https = False"]
    text = "\n".join(
        [*lines, f"host_base = {store.removeprefix('http://')}", "bucket_location = US", "gpg_command ="]
    )
    written(tmp_path / ".s3cfg", text.encode())
    there = places.ByAddress(StorageSettings())
    there.put(written(tmp_path / "sent", b"by s3cmd"), f"s3://{BUCKET}/s3cfg")
    assert raw(store).get_object(Bucket=BUCKET, Key="s3cfg")["Body"].read() == b"by s3cmd"
    assert f"s3://{BUCKET}/" in [one.url for one in there.list("s3://")]
    written(tmp_path / ".s3cfg", b"planted-s3cret without any section")
    with pytest.raises(TransferRefused, match=r"\.s3cfg cannot be read as a file of s3cmd") as caught:
        places.ByAddress(StorageSettings()).find(f"s3://{BUCKET}/x")
    assert "planted" not in "".join(traceback.format_exception(caught.value))
    with pytest.raises(TransferRefused, match="which s3cfg of"):
        places.ByAddress(StorageSettings(s3cfg=tmp_path / "other")).find(f"s3://{BUCKET}/x")


def test_a_prefix_is_how_names_begin(store: str, tmp_path: Path) -> None:
    client, there = raw(store), storage(store)
    for key in ("pre/list.txt", "pre/lists/a", "pre/other"):
        client.put_object(Bucket=BUCKET, Key=key, Body=b"x")
        written_below = tmp_path / key
        written_below.parent.mkdir(parents=True, exist_ok=True)
        written_below.write_bytes(b"x")
    for top in (f"s3://{BUCKET}", str(tmp_path)):
        flat = [one.url for one in there.list(f"{top}/pre/li", recursive=False, prefix=True)]
        assert flat == [f"{top}/pre/list.txt", f"{top}/pre/lists/"]
        assert [one.url for one in there.list(f"{top}/pre/li", prefix=True)] == [
            f"{top}/pre/list.txt",
            f"{top}/pre/lists/a",
        ]


def test_public_is_public_and_the_rest_is_not(store: str, tmp_path: Path) -> None:
    for key, public in (("open", True), ("closed", False)):
        storage(store).put(written(tmp_path / "sent", b"x"), f"s3://{BUCKET}/{key}", public=public)
        grants = raw(store).get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
        everybody = [one for one in grants if one["Grantee"].get("URI", "").endswith("AllUsers")]
        assert [one["Permission"] for one in everybody] == (["READ"] if public else [])


def test_what_is_not_there_is_named(store: str, tmp_path: Path) -> None:
    there = storage(store)
    with pytest.raises(NoSuchObject, match="there is no s3://llama/nothing"):
        there.get(f"s3://{BUCKET}/nothing", tmp_path / "came")
    assert there.find(f"s3://{BUCKET}/nothing") is None and there.digest(f"s3://{BUCKET}/nothing") is None
    for ask in (
        lambda: there.find("s3://nowhere/x"),
        lambda: there.get("s3://nowhere/x", tmp_path / "came"),
        lambda: there.put(written(tmp_path / "sent", b"x"), "s3://nowhere/x"),
        lambda: list(there.list("s3://nowhere/")),
    ):
        with pytest.raises(TransferRefused, match=r"s3://nowhere.*there is no such bucket"):
            ask()
    for url in ("s3://llama", "s3://llama/folder/", "s3:///x"):
        with pytest.raises(TransferRefused, match="names no"):
            there.get(url, tmp_path / "came")
    with pytest.raises(TransferRefused, match="no address of a store"):
        there.get("s3://A B/x", tmp_path / "came")


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(TransferError, match=rf"no connection to {address}.*\(asked 2 times\)") as caught:
        storage(address, tries=2).get("s3://llama/x", tmp_path / "came")
    assert not isinstance(caught.value, TransferRefused)


def test_without_credentials_it_says_how_to_set_them(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    without = storage(store, key_id=None, secret=None)
    with pytest.raises(TransferRefused, match=r"no credentials.*key_id and secret of \[storage\].*AWS_ACCESS_KEY_ID"):
        without.get(f"s3://{BUCKET}/x", tmp_path / "came")


def test_variables_of_aws_are_heard(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = {
        "ACCESS_KEY_ID": "a",
        "SECRET_ACCESS_KEY": "b",
        "DEFAULT_REGION": "us-east-1",
        "ENDPOINT_URL_S3": store,
    }
    for name, value in variables.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    there = places.ByAddress(StorageSettings())
    there.put(written(tmp_path / "sent", b"by variables"), f"s3://{BUCKET}/variables")
    assert raw(store).get_object(Bucket=BUCKET, Key="variables")["Body"].read() == b"by variables"


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (403, "InvalidAccessKeyId", "does not accept the credentials"),
        (403, "SignatureDoesNotMatch", "does not accept the credentials"),
        (403, "AccessDenied", "does not let these credentials do it"),
        (400, "Odd", "answered 400 Odd"),
    ],
)
def test_wrong_credentials_are_told_and_not_tried_again(
    status: int, code: str, why: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that refuses, since moto takes any secret."""

    class Refusing(SimpleHTTPRequestHandler):
        asked = 0

        def do_GET(self) -> None:
            type(self).asked += 1
            text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>planted-id no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *words: object) -> None:
            """Nothing."""

    caplog.set_level(logging.DEBUG, logger="llama")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(TransferRefused, match=why) as caught:
            storage(f"http://127.0.0.1:{server.server_port}").get("s3://llama/x", tmp_path / "came")
        server.shutdown()
    assert Refusing.asked == 1
    assert "planted-s3cret" not in str(caught.value) + caplog.text


def test_the_web_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "map.fits").write_bytes(b"0" * 100_000)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    there = places.ByAddress(StorageSettings())
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/map.fits"
        there.get(url, tmp_path / "came")
        found = there.find(url)
        assert found is not None and found.size == 100_000
        assert there.find(f"{url}x") is None
        with pytest.raises(NoSuchObject, match="it answered 404"):
            there.get(f"{url}x", tmp_path / "other")
        server.shutdown()
    assert (tmp_path / "came").read_bytes() == b"0" * 100_000
    with pytest.raises(TransferRefused, match="read only"):
        there.put(tmp_path / "came", "https://example.org/x")
    with pytest.raises(TransferRefused, match="write https://"):
        there.get("http://example.org/x", tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_it_is_a_service_as_others_are(tmp_path: Path) -> None:
    check_service(PROVIDER, tmp_path, KEYS)
