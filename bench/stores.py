"""A folder of many small files to a store and back, while every third request fails.

Typed as an operator does. The store and the proxy before it run in this process, and take most of the time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.components.s3_server import KEYS, Failing, failing, s3_server

from bench.figure import Figure, timed_ms

FILES = int(os.environ.get("BENCH_STORE_FILES", 10_000))
LLAMA = Path(sys.executable).parent / "llama"


def figures() -> list[Figure]:
    """Lost, twice, and how long."""
    import boto3

    with tempfile.TemporaryDirectory() as folder, s3_server() as address, failing(address) as proxy:
        client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1"
        )
        client.create_bucket(Bucket="llama")
        return _measured(Path(folder), proxy)


def _measured(folder: Path, proxy: Failing) -> list[Figure]:
    sent = {}
    for i in range(FILES):
        path = folder / "events" / f"injection-{i}" / "significance_opa_lvc-i3.json"
        path.parent.mkdir(parents=True)
        path.write_text(f'{{"odds": {i}}}\n')
        sent[path.relative_to(folder / "events").as_posix()] = path.read_bytes()
    _, up_ms = timed_ms(lambda: _llama(folder, proxy, "dev", "upload", "-r", "events"))
    times = Counter(proxy.put)
    _, back_ms = timed_ms(lambda: _llama(folder, proxy, "install", "events-manifest.json", "-o", "back"))
    back = folder / "back"
    came = {path.relative_to(back).as_posix(): path.read_bytes() for path in back.rglob("*") if path.is_file()}
    lost = sum(came.get(name) != data for name, data in sent.items())
    failed = sum(proxy.failed.values())
    return [
        Figure(f"files lost of {FILES} that went and came, {failed} requests failing", lost, "", 0),
        Figure("files that went twice, or came and were not sent", _twice(times, len(came) - FILES + lost), "", 0),
        Figure(f"upload of {FILES} files", up_ms / 1e3, "s", None),
        Figure(f"install of {FILES} files", back_ms / 1e3, "s", None),
    ]


def _twice(times: Counter[str], more: int) -> int:
    return sum(number - 1 for number in times.values()) + more


def _llama(folder: Path, proxy: Failing, *words: str) -> None:
    environment = {
        **KEYS,
        "LLAMA_DATA_DIR": str(folder / "home"),
        "LLAMA_CACHE_DIR": str(folder / "cache"),
        "LLAMA_STORAGE_ENDPOINT": proxy.address,
        "LLAMA_STORAGE_PAUSE_S": "0.01",
    }
    done = subprocess.run([LLAMA, *words], cwd=folder, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"llama {' '.join(words)} ended with {done.returncode}: {done.stderr[-2000:]}")
