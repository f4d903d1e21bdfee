"""`llama com s3` as operators type it, on a store of this machine whose every third request fails."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment, typed
from tests.components.s3_server import KEYS, Failing, raw

pytestmark = pytest.mark.component
BUCKET = "llama"


def more(address: str) -> dict[str, str]:
    return {"LLAMA_STORAGE_ENDPOINT": address, "LLAMA_STORAGE_PAUSE_S": "0.01", **KEYS}


@contextmanager
def refusing() -> Iterator[str]:
    """A store all of whose buckets are somebody else's: moto lets everybody into each."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(403)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_PUT = do_GET

        def log_message(self, *words: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def small_files(folder: Path, number: int) -> Path:
    for i in range(number):
        path = folder / f"injection-{i}" / "significance_opa_lvc-i3.json"
        path.parent.mkdir(parents=True)
        path.write_text(f'{{"odds": {i}}}\n')
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_lost_and_nothing_goes_twice(
    proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sent = contents(small_files(tmp_path / "events", 150))
    said = typed("com", "s3", "put", "-r", "events", f"s3://{BUCKET}/copied/", home=tmp_path, **more(proxy.address))
    assert said.splitlines()[-1].startswith("150 put (") and "0 were there, 0 failed" in said
    assert set(Counter(proxy.put).values()) == {1} and len(proxy.put) == 150
    said = typed("com", "s3", "put", "-r", "events", f"s3://{BUCKET}/copied/", home=tmp_path, **more(proxy.address))
    assert "0 put (0 B), 150 were there, 0 failed" in said and len(proxy.put) == 150
    said = typed(
        "com", "s3", "get", "-r", f"s3://{BUCKET}/copied/events", "back", home=tmp_path, **more(proxy.address)
    )
    assert "150 fetched" in said and contents(tmp_path / "back" / "events") == sent
    (tmp_path / "back" / "events" / "injection-7" / "significance_opa_lvc-i3.json").unlink()
    words = ("com", "s3", "get", "--recursive", f"s3://{BUCKET}/copied/", "back")
    assert "1 fetched (12 B), 149 were there" in typed(*words, home=tmp_path, **more(proxy.address))
    assert sum(proxy.failed.values()) == proxy.requests // 3 > 150


def test_killed_half_way_and_typed_again(proxy: Failing, tmp_path: Path) -> None:
    small_files(tmp_path / "events", 120)
    words = ["com", "s3", "put", "-r", str(tmp_path / "events"), f"s3://{BUCKET}/killed/"]
    env = environment(tmp_path, **more(proxy.address))
    with subprocess.Popen([LLAMA, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while len(proxy.put) < 40 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
    assert 40 <= len(proxy.put) < 120
    typed(*words, home=tmp_path, **more(proxy.address))
    assert len(proxy.put) == len(set(proxy.put)) == 120


def test_ctrl_c_ends_it_at_once(proxy: Failing, tmp_path: Path) -> None:
    """Though no answer ever comes."""
    small_files(tmp_path / "events", 40)
    words = ["com", "s3", "put", "-r", str(tmp_path / "events"), f"s3://{BUCKET}/stopped/"]
    env = environment(tmp_path, **(more(proxy.address) | {"LLAMA_STORAGE_PAUSE_S": "600"}))
    proxy.after, proxy.ways = 10, ("503",)
    with subprocess.Popen([LLAMA, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while sum(proxy.failed.values()) < 8 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and b"Traceback" not in said


def test_it_lists_as_s3cmd_does(store: str, tmp_path: Path) -> None:
    client = raw(store)
    client.create_bucket(Bucket="listed")
    for key, size in (("bg/bklist/a", 1), ("bg/bklist/b", 1), ("bg/superevents.txt", 67832), ("bg/a.json", 27)):
        client.put_object(Bucket="listed", Key=key, Body=b"x" * size)
    said = typed("com", "s3", "ls", "s3://listed/bg/", home=tmp_path, **more(store)).splitlines()
    assert said[0] == "                       DIR   s3://listed/bg/bklist/"
    assert [line[16:] for line in said[1:]] == [
        "        27   s3://listed/bg/a.json",
        "     67832   s3://listed/bg/superevents.txt",
    ]
    assert all(line[4] == line[7] == "-" and line[10] == " " and line[13] == ":" for line in said[1:])
    said = typed("com", "s3", "ls", "s3://listed/bg", home=tmp_path, **more(store))
    assert said.split() == ["DIR", "s3://listed/bg/"]
    said = typed("com", "s3", "ls", "-r", "s3://listed/bg/b", home=tmp_path, **more(store))
    assert [line.split()[-1] for line in said.splitlines()] == ["s3://listed/bg/bklist/a", "s3://listed/bg/bklist/b"]
    assert "s3://listed" in [
        line.split()[-1] for line in typed("com", "s3", "ls", home=tmp_path, **more(store)).splitlines()
    ]
    assert "nothing under s3://listed/none" in typed(
        "com", "s3", "ls", "s3://listed/none", home=tmp_path, **more(store)
    )


def test_one_clear_message_each(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    client = raw(store)
    client.create_bucket(Bucket="odd")
    client.put_object(Bucket="odd", Key="up/../../escaped", Body=b"x")
    client.put_object(Bucket="odd", Key="wrong", Body=b"other", Metadata={"sha256": "0" * 64})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("a")
    (tmp_path / "a").write_text("not a")
    client.put_object(Bucket="odd", Key="a", Body=b"a")
    cases = {
        ("ls", "s3://nowhere/x"): "s3://nowhere/x: there is no such bucket",
        ("put", "a", "s3://nowhere/x"): "s3://nowhere: there is no such bucket",
        ("put", "-r", "folder", "s3://nowhere/x"): "s3://nowhere/x/folder/: there is no such bucket",
        ("put", "folder", "s3://odd/x"): "folder is a folder; -r puts all in it",
        ("put", "none", "s3://odd/x"): "there is no file none",
        ("put", "a", "folder"): "folder is no address of a store",
        ("get", "s3://odd/none"): "there is no s3://odd/none",
        ("get", "s3://odd/up"): "s3://odd/up is a folder; -r fetches all in it",
        ("get", "-r", "s3://odd/up", "back"): "'../../escaped', which would lead out of back/up",
        ("get", "s3://odd/wrong"): "s3://odd/wrong: what came is not what was put (SHA-256)",
        ("get", "s3://odd/a"): "a is here already, and is not known to be what s3://odd/a is; -f overwrites it",
        ("get", "a", "b"): "a is no address",
    }
    for words, message in cases.items():
        said = typed("com", "s3", *words, home=tmp_path, status=1, LLAMA_STORAGE_TRIES="2", **more(store))
        assert message in said and KEYS["LLAMA_STORAGE_SECRET"] not in said, (words, said)
    assert not (tmp_path.parent / "escaped").exists() and not (tmp_path / "wrong").exists()
    assert (tmp_path / "a").read_text() == "not a"
    with refusing() as address:
        for words in (("ls", "s3://theirs/"), ("put", "a", "s3://theirs/a"), ("get", "s3://theirs/a")):
            said = typed("com", "s3", *words, home=tmp_path, status=1, **more(address))
            assert "s3://theirs/" in said and "the store does not let these credentials do it" in said, said
            assert len(said.splitlines()) == 1 and KEYS["LLAMA_STORAGE_SECRET"] not in said
    typed("com", "s3", "get", "-f", "s3://odd/a", home=tmp_path, **more(store))
    assert (tmp_path / "a").read_text() == "a"
