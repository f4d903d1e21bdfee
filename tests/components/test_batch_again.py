"""A batch that is stopped by a signal, and one of which much is in the store already."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.cli.typed import LLAMA, environment, typed
from tests.components.s3_server import KEYS, raw, s3_server
from tests.studies.test_skymap_lists import a_map

from llama.sections import Secret
from llama.services.storage import StorageSettings
from llama.services.storage.by_address import ByAddress
from llama.studies.batch.before import put_before
from llama.studies.batch.plan import plan
from llama.studies.batch.study_file import Asked

pytestmark = pytest.mark.component
PATIENCE_S = 120.0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_what_is_begun_finish_and_typing_it_again_goes_on(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    a_map(tmp_path / "map.fits")
    (tmp_path / "list.txt").write_text("".join(f"{i}\n" for i in range(300)))
    words = ["batch", "n=list.txt", "--get", "lvc_skymap.fits.gz=map.fits", "-f", "GW_SKYMAP", "-j", "2"]
    words += ["--put", "lvc_skymap.multiorder.fits=out/{n}", "--eventdir", "events/{n}", "--discard"]
    out = tmp_path / "out"
    program = subprocess.Popen(
        [LLAMA, *words],
        env=environment(tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until = time.monotonic() + PATIENCE_S
    while not out.exists() or len(list(out.iterdir())) < 10:
        assert program.poll() is None and time.monotonic() < until
        time.sleep(0.05)
    program.send_signal(number)
    said, _ = program.communicate(timeout=PATIENCE_S)
    assert program.returncode == 128 + number and "Traceback" not in said, said
    (done, left) = map(int, re.findall(r"^(\d+) done, 0 had .* 0 failed, 0 skipped, (\d+) not begun$", said, re.M)[0])
    assert done + left == 300 and left > 0 and len(list(out.iterdir())) == done
    assert list((tmp_path / "events").glob("[0-9]*")) == []
    again = typed(*words, home=tmp_path / "home", fresh=True)
    assert again.endswith(f"{left} done, {done} had been put before, 0 failed, 0 skipped\n")
    assert len({path.read_bytes() for path in out.iterdir()}) == 1 and len(list(out.iterdir())) == 300


def test_a_store_tells_by_lists_what_was_put_before(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\ny\nz\n")
    with s3_server() as address:
        client = raw(address)
        client.create_bucket(Bucket="llama")
        for key in ("out/x/f", "out/x/g", "out/y/f", "other/z/f"):
            client.put_object(Bucket="llama", Key=key, Body=b"1")
        storage = ByAddress(
            StorageSettings(endpoint=address, key_id="a", secret=Secret(KEYS["LLAMA_STORAGE_SECRET"]))
        )
        put = {"f": "{root}/out/{a}/f", "g": "{root}/out/{eventid}/g"}
        asked = Asked(parameters={"a": str(tmp_path / "a.txt")}, put=put, set={"root": "s3://llama"})
        whole = plan(asked, storage, {})
        assert put_before(whole, storage, few=0) == {0}
        assert put_before(whole, storage) == frozenset(), "so few are asked for one by one"
        both = plan(asked.then(Asked(put={"g": ""})), storage, {})
        assert put_before(both, storage, few=0) == {0, 1}
        local = plan(asked.then(Asked(set={"root": str(tmp_path)})), storage, {})
        assert put_before(local, storage, few=0) == frozenset()
        storage.close()
