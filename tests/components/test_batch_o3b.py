"""The background study of O3B on a store that fails every third request: killed half way, and typed again."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from tests.cli.typed import LLAMA, environment, loads, typed
from tests.components.s3_server import KEYS, Failing, failing, raw, s3_server
from tests.o3b_layout import Layout, write_layout

pytestmark = pytest.mark.component

STUDY = "mid-o3-subthreshold"
ROOT = "llama/artifacts/mid-o3-subthreshold-background"
RESULTS = "mid-o3-subthreshold-background"
PATIENCE_S = 240.0


@pytest.fixture
def layout(data: Path, tmp_path: Path) -> Layout:
    return write_layout(tmp_path / "data", data, tmp_path / "cache", superevents=2, lists=3)


@pytest.fixture
def proxy(layout: Layout) -> Iterator[Failing]:
    """Before a store that has the whole layout."""
    with s3_server() as address, failing(address) as found:
        client = raw(address)
        client.create_bucket(Bucket="llama")
        for path in layout.root.rglob("*"):
            if path.is_file():
                client.upload_file(str(path), "llama", f"{ROOT}/{path.relative_to(layout.root)}")
        yield found


def put(proxy: Failing) -> dict[str, bytes]:
    """All results that the store has."""
    client = raw(f"http://{proxy.behind}")
    listed = client.list_objects_v2(Bucket="llama", Prefix=f"{ROOT}/{RESULTS}/").get("Contents", [])
    return {
        one["Key"].partition(f"{RESULTS}/")[2].removeprefix(f"{RESULTS}/"): client.get_object(
            Bucket="llama", Key=one["Key"]
        )["Body"].read()
        for one in listed
    }


def settings(proxy: Failing) -> dict[str, str]:
    return {"LLAMA_STORAGE_ENDPOINT": proxy.address, "LLAMA_STORAGE_PAUSE_S": "0.01", **KEYS}


def killed_half_way(words: list[str], environ: Mapping[str, str], proxy: Failing) -> None:
    """Kill it once three events are begun to be put, so that of two processes one has put a whole one."""
    program = subprocess.Popen([LLAMA, *words], env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + PATIENCE_S
    while len({name.partition("/")[0] for name in put(proxy)}) < 3:
        assert program.poll() is None and time.monotonic() < until
        time.sleep(0.2)
    helpers = psutil.Process(program.pid).children(recursive=True)
    assert len(helpers) >= 2
    program.send_signal(signal.SIGKILL)
    program.wait()
    _, alive = psutil.wait_procs(helpers, timeout=20)
    assert alive == []


def counts(said: str) -> dict[str, int]:
    (line,) = re.findall(r"^.* done, .* skipped$", said, flags=re.MULTILINE)
    return {word.rpartition(" ")[2]: int(word.split()[0]) for word in line.split(", ")}


def test_the_o3b_background_from_its_packaged_study(
    layout: Layout, proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    root = f"root=s3://llama/{ROOT}"
    environ = environment(tmp_path / "home", **settings(proxy))
    killed_half_way(["batch", STUDY, "--set", root, "-j", "2"], environ, proxy)
    half = put(proxy)
    events = {name.partition("/")[0] for name in half}
    assert len(events) < len(layout.events)
    again = typed("batch", "--set", root, "-j", "2", home=tmp_path / "home", fresh=True, **settings(proxy))
    assert re.search(r"4 superevent in s3://llama/.*superevents.txt; 2 are skipped; 1 to be skipped", again)
    found = counts(again)
    assert found["failed"] == 0 and found["skipped"] == 6 and found["before"] >= 1
    assert found["done"] + found["before"] == len(layout.events)
    whole = put(proxy)
    assert {name: whole[name] for name in half} == half
    assert {name.partition("/")[0] for name in whole} == set(layout.events)
    assert sum(proxy.failed.values()) >= 20 and min(proxy.failed.values()) > 0
    assert list(Path.cwd().glob("*/*")) == [], "folders of events that were put are removed"

    here = typed("batch", STUDY, "--set", f"root={layout.root}", "-j", "2", home=tmp_path / "home", fresh=True)
    assert counts(here) == {"done": len(layout.events), "before": 0, "failed": 0, "skipped": 6}
    results = layout.root / RESULTS
    assert {str(path.relative_to(results)): path.read_bytes() for path in results.glob("*/*.json")} == whole
    assert typed("batch", STUDY, "--set", root, home=tmp_path / "home", fresh=True, **settings(proxy)).endswith(
        f"0 done, {len(layout.events)} had been put before, 0 failed, 6 skipped\n"
    )
    _scientifically_whole(layout, results)
    log = (tmp_path / "home" / "logs" / "llama.batch.log").read_text()
    assert "planted-s3cret" not in log + again and f"{layout.events[0]}: making statistic_lvc-i3.json" in log


def _scientifically_whole(layout: Layout, results: Path) -> None:
    """Each result is of its own map and list."""
    for event in layout.events:
        superevent, _, name = event.partition("-")
        record = loads(results / event / "significance_subthreshold_lvc-i3.json")
        given = loads(layout.root / "bklist" / name)["neutrinos"]
        assert record["inputs"]["gw_skymap_info"]["graceid"] == superevent
        found = {one["i3event"] for one in record["inputs"]["neutrino_info"]}
        assert found == {one["i3event"] for one in given} and 0 <= record["p_value"] <= 1


def test_a_bucket_or_key_that_is_not_there_ends_it_before_it_begins(
    proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = settings(proxy)
    said = typed("batch", STUDY, "--set", "root=s3://nowhere/x", home=tmp_path, status=1, fresh=True, **given)
    assert "s3://nowhere/x/superevents.txt: there is no such bucket" in said
    said = typed("batch", STUDY, "--set", "root=s3://llama/x", home=tmp_path, status=1, fresh=True, **given)
    assert "the list s3://llama/x/superevents.txt is not there" in said
    del given["LLAMA_STORAGE_KEY_ID"]
    said = typed("batch", STUDY, home=tmp_path, status=1, fresh=True, **given)
    assert "key_id and secret belong together" in said
    del given["LLAMA_STORAGE_SECRET"]
    alone = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    said = typed("batch", STUDY, home=tmp_path, status=1, fresh=True, **given, **alone)
    assert "there are no credentials" in said and "[storage]" in said


def test_one_event_that_fails_stops_no_other(
    layout: Layout, proxy: Failing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    client = raw(f"http://{proxy.behind}")
    client.put_object(Bucket="llama", Key=f"{ROOT}/superevents/{layout.superevents[0]}/p_astro.json", Body=b"{torn")
    client.delete_object(Bucket="llama", Key=f"{ROOT}/bklist/{layout.lists[2]}")
    words = ["--set", f"root=s3://llama/{ROOT}", "-f", "GW_SKYMAP", "STATISTIC", "--errdump", "s3://llama/dumps"]
    for name in ("opa", "subthreshold"):
        words += ["--put", f"significance_{name}_lvc-i3.json="]
    words += ["--put", "statistic_lvc-i3.json=s3://llama/out/{eventid}.json"]
    said = typed("batch", STUDY, *words, home=tmp_path, status=1, fresh=True, **settings(proxy))
    assert counts(said) == {"done": 2, "before": 0, "failed": 4, "skipped": 6}
    assert "p_astro.json" in said and "and 1 more" in said
    dumps = {one["Key"] for one in client.list_objects_v2(Bucket="llama", Prefix="dumps/")["Contents"]}
    failed = [event for event in layout.events if event.startswith(layout.superevents[0])]
    assert {f"dumps/{event}.txt" for event in failed} <= dumps
    assert {f"dumps/{event}.tar.gz" for event in failed if not event.endswith(layout.lists[2])} <= dumps
    text = client.get_object(Bucket="llama", Key=f"dumps/{failed[0]}.txt")["Body"].read().decode()
    assert "Traceback" in text and f"superevent = {layout.superevents[0]}" in text and "statistic_lvc-i3.json" in text
