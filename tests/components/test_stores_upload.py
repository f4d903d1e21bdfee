"""`llama dev upload` and `llama install MANIFEST` through a proxy that fails every third request."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.cli.forked import LLAMA
from tests.cli.typed import environment, typed
from tests.components.s3_server import KEYS, Failing, raw
from tests.components.test_com_s3 import contents, more, small_files

pytestmark = pytest.mark.component
BUCKET = "llama"


def killed(words: list[str], home: Path, address: str, when: Callable[[], bool]) -> None:
    """The command, killed as soon as something is so."""
    env = environment(home, **more(address))
    with subprocess.Popen([LLAMA, *words], env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not when() and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)


def test_nothing_is_lost_and_nothing_goes_twice(
    proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed half way, both ways, and typed again; a file that is there under another name does not go."""
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path / "events", 150)
    (tmp_path / "events" / "again.json").write_text("{}")
    (tmp_path / "events" / "injection-3" / "again.json").write_text("{}")
    with tarfile.open(tmp_path / "events" / "maps.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "events" / "injection-7", "maps/7")
    sent = contents(tmp_path / "events")
    words = ["dev", "upload", "-r", "events", "-p", "artifacts/x"]
    killed(words, tmp_path, proxy.address, lambda: len(proxy.put) >= 40)
    assert 40 <= len(proxy.put) < 150
    said = typed(*words, home=tmp_path, **more(proxy.address))
    assert set(Counter(proxy.put).values()) == {1} and len(proxy.put) == 153  # with the manifest
    manifest = tmp_path / "events-manifest.json"
    assert said.startswith(manifest.read_text())
    listed = json.loads(manifest.read_text())["files"]
    assert {row["path"]: row["sha256"] for row in listed} == {
        path: hashlib.sha256(data).hexdigest() for path, data in sent.items()
    }
    assert all(row["sha256"] in row["key"] and row["key"].startswith("artifacts/x/") for row in listed)
    url = said.splitlines()[-1].rpartition(" and ")[2]
    assert url.startswith("s3://llama/artifacts/x/events-manifest-")
    assert "0 put (0 B), 152 were there" in typed(*words, home=tmp_path, **more(proxy.address))
    assert len(proxy.put) == 153
    back = tmp_path / "back"
    killed(["install", url, "-o", str(back)], tmp_path, proxy.address, lambda: len(list(back.rglob("*.json"))) >= 40)
    assert 40 <= len(list(back.rglob("*.json"))) < 152
    said = typed("install", url, "-o", back, home=tmp_path, **more(proxy.address))
    assert "0 failed" in said and f"{back}/maps unpacked: 1 files" in said
    came = contents(back)
    assert came.pop(".maps.tar.gz.unpacked.json") and came.pop("maps/7/significance_opa_lvc-i3.json")
    del sent["maps.tar.gz"]
    assert came == sent
    said = typed("install", url, "-o", back, home=tmp_path, **more(proxy.address))
    assert "0 fetched (0 B), 153 were there, 0 failed" in said and "unpacked" not in said


def test_which_files_are_meant(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("1.fits.gz", "notes.txt", "deep/2.fits.gz", "deep/er/3.fits.gz"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_text(name)
    cases = {
        ("-g", "*.fits.gz"): ["1.fits.gz"],
        ("-g", "*.fits.gz", "-R"): ["1.fits.gz", "deep/2.fits.gz", "deep/er/3.fits.gz"],
        ("-g", "deep"): ["deep/2.fits.gz", "deep/er/3.fits.gz"],
        (): ["1.fits.gz", "deep/2.fits.gz", "deep/er/3.fits.gz", "notes.txt"],
    }
    for words, names in cases.items():
        said = typed("dev", "upload", "-r", "set", *words, "-p", "which", "--dry-run", home=tmp_path, **more(store))
        assert f"{len(names)} would be put, 0 are there; nothing was done" in said
        listed = json.loads(said[: said.rindex("}") + 1])
        assert sorted(row["path"] for row in listed["files"]) == names
    assert (
        not list(tmp_path.glob("*.json"))
        and not raw(store).list_objects_v2(Bucket=BUCKET, Prefix="which/")["KeyCount"]
    )
    monkeypatch.chdir(tmp_path / "set")
    typed("dev", "upload", "-P", home=tmp_path, **more(store))
    key = json.loads((tmp_path / "set" / "set-manifest.json").read_text())["files"][0]["key"]
    grants = raw(store).get_object_acl(Bucket=BUCKET, Key=key)["Grants"]
    assert any("AllUsers" in one["Grantee"].get("URI", "") for one in grants)
    said = typed("dev", "upload", home=tmp_path, **more(store))
    assert "0 put (0 B), 4 were there" in said  # the manifest does not go into itself


def test_one_clear_message_each(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path / "set", 3)
    typed("dev", "upload", "-r", "set", home=tmp_path, **more(store))
    rows = json.loads((tmp_path / "set-manifest.json").read_text())["files"]
    client = raw(store)
    client.put_object(Bucket=BUCKET, Key=rows[0]["key"], Body=b"half")  # as one that a program cut
    client.put_object(Bucket=BUCKET, Key=rows[1]["key"], Body=b'{"odds": 9}\n')  # other bytes, as many
    client.delete_object(Bucket=BUCKET, Key=rows[2]["key"])
    said = typed("install", "set-manifest.json", "-o", "back", home=tmp_path, status=1, **more(store))
    assert "0 fetched (0 B), 0 were there, 3 failed" in said and contents(tmp_path / "back") == {}
    for row, why in zip(rows, ("has SHA-256", "has SHA-256", "there is no"), strict=True):
        assert any(f"s3://llama/{row['key']}" in line and why in line for line in said.splitlines()), said
    said = typed("dev", "upload", "-r", "set", home=tmp_path, **more(store))
    assert "2 put" in said and "1 were there" in said  # the cut one and the one that is gone
    (tmp_path / "cut.json").write_text((tmp_path / "set-manifest.json").read_text()[:-40])
    cases = {
        ("install", "cut.json"): "cut.json is damaged, or no manifest",
        ("install", "s3://llama/none.json"): "there is no s3://llama/none.json",
        ("install", "s3://nowhere/none.json"): "s3://nowhere/none.json: there is no such bucket",
        ("dev", "upload", "-r", "none"): "there is no folder none",
        ("dev", "upload", "-r", "set", "-g", "*.fits"): "no file in set is meant by *.fits; -R looks in all folders",
        ("dev", "upload", "-r", "set", "-g", "/etc"): "-g /etc: Non-relative patterns are unsupported",
        ("dev", "upload", "-r", "set", "-b", "nowhere"): "there is no such bucket",
    }
    for words, message in cases.items():
        said = typed(*words, home=tmp_path, status=1, **more(store))
        assert message in said and KEYS["LLAMA_STORAGE_SECRET"] not in said, (words, said)


def test_a_full_disk_is_one_message_with_the_file(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no file may be larger than a megabyte."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "map.fits").write_bytes(b"SIMPLE" * 500_000)
    typed("dev", "upload", "-r", "set", home=tmp_path, **more(store))
    done = subprocess.run(
        [LLAMA, "install", "set-manifest.json", "-o", "back"],
        env=environment(tmp_path, **more(store)),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "map.fits" in done.stderr and "File too large" in done.stderr
    assert len(done.stderr.splitlines()) == 1 and contents(tmp_path / "back") == {}


def test_a_manifest_installs_over_the_web(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a bucket that everybody may read; an empty file is a file."""
    monkeypatch.chdir(tmp_path)
    small_files(tmp_path / "set", 3)
    (tmp_path / "set" / "empty.txt").write_bytes(b"")
    typed("dev", "upload", "-r", "set", "-p", "public", home=tmp_path, **more(store))
    typed("com", "s3", "get", "-r", "s3://llama/public", "site/", home=tmp_path, **more(store))
    shutil.copyfile("set-manifest.json", "site/m.json")
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        said = typed("install", f"{url}/m.json", "--from", url, "-o", "back", home=tmp_path)
        server.shutdown()
    assert "4 fetched" in said and contents(tmp_path / "back") == contents(tmp_path / "set")
