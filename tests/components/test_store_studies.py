"""Studies of what lies in a store: lists, maps, tables and folders come here once, and again when they changed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cli.typed import typed
from tests.components.s3_server import Failing, raw, s3_server
from tests.components.test_com_s3 import more

from llama.formats.skymap_list import as_addresses
from llama.operate.errors import StoreError
from llama.operate.stores.cache import Copies
from llama.sections import Secret
from llama.services.storage import StorageSettings
from llama.services.storage.by_address import ByAddress

pytestmark = pytest.mark.component
BUCKET, SET = "studies", "s3://studies/sets/one"
MAPS = ("S190425z_bayestar_G330561.fits.gz", "S240621_G495305_bayestar.multiorder.fits")


@pytest.fixture(scope="module")
def store(data: Path) -> Iterator[str]:
    """A set as servers had it: its list names maps by their paths there."""
    with s3_server() as address:
        client = raw(address)
        client.create_bucket(Bucket=BUCKET)
        for name in MAPS:
            client.upload_file(str(data / "skymaps" / "events" / name), BUCKET, f"sets/one/skymaps/bns/{name}")
        lines = "".join(f"/home/vagrant/pre-er14-background//skymaps/bns/{name}\n" for name in MAPS)
        client.put_object(Bucket=BUCKET, Key="sets/one/skymap-lists/bns/H1L1.csv", Body=lines.encode())
        coincs = "detectors skymap\nH1,L1 bns/S190425z_bayestar_G330561\nH1,L1,V1 bns/other\n"
        client.put_object(Bucket=BUCKET, Key="sets/one/skymaps/coincs-bns.dat", Body=coincs.encode())
        yield address


def copies(address: str, folder: Path) -> Copies:
    given = {"key_id": "planted-id", "secret": Secret("planted-s3cret"), "pause_s": 0.001}
    return Copies(ByAddress(StorageSettings(endpoint=address, **given)), folder)  # type: ignore[arg-type]


def test_a_copy_comes_once_and_again_when_it_changed(proxy: Failing, tmp_path: Path) -> None:
    client = raw(f"http://{proxy.behind}")
    for number in range(30):
        client.put_object(Bucket=BUCKET, Key=f"tables/{number}.txt", Body=b"x" * number)
    found = copies(proxy.address, tmp_path).of("s3://studies/tables")
    assert {path.name: path.stat().st_size for path in found.iterdir()} == {f"{n}.txt": n for n in range(30)}
    proxy.sent = 0
    assert copies(proxy.address, tmp_path).of("s3://studies/tables/") == found
    assert proxy.sent < 20_000  # the list
    time.sleep(1.0)  # a store counts in seconds
    client.put_object(Bucket=BUCKET, Key="tables/5.txt", Body=b"other")
    client.delete_object(Bucket=BUCKET, Key="tables/6.txt")
    copies(proxy.address, tmp_path).of("s3://studies/tables")
    assert (found / "5.txt").read_bytes() == b"other" and not (found / "6.txt").exists()
    assert len(list(found.iterdir())) == 29
    with pytest.raises(StoreError, match="there is neither a file nor a folder s3://studies/none"):
        copies(proxy.address, tmp_path).of("s3://studies/none")
    one = copies(proxy.address, tmp_path).of("s3://studies/tables/1.txt", ("2.txt", "none.txt"))
    assert one.read_bytes() == b"x" and (one.parent / "2.txt").is_file()


def test_lists_name_maps_here_and_there(store: str, tmp_path: Path) -> None:
    found = copies(store, tmp_path).of_list(f"{SET}/skymap-lists/bns/H1L1.csv")
    assert found.name == "H1L1.csv"
    paths = [Path(line) for line in found.read_text().split()]
    assert [path.name for path in paths] == list(MAPS) and all(path.is_file() for path in paths)
    other = copies(store, tmp_path / "other").of_list(f"{SET}/skymap-lists/bns/H1L1.csv")
    assert other.read_text() != found.read_text()
    assert as_addresses(other, []) == as_addresses(found, []) == [f"{SET}/skymaps/bns/{name}" for name in MAPS]
    (tmp_path / "mine.csv").write_text(f"{SET}/skymaps/bns/{MAPS[0]}\n{paths[1]}\n")
    mixed = copies(store, tmp_path).of_list(str(tmp_path / "mine.csv"))
    assert [Path(line) for line in mixed.read_text().split()] == paths
    (tmp_path / "here.csv").write_text(f"{paths[0]}\n")
    assert copies("http://127.0.0.1:1", tmp_path).of_list(str(tmp_path / "here.csv")) == tmp_path / "here.csv"
    (tmp_path / "none.csv").write_text(f"{SET}/skymaps/none.fits\n")
    with pytest.raises(StoreError, match=r"there is no s3://.*/none\.fits, which a list names"):
        copies(store, tmp_path).of_list(str(tmp_path / "none.csv"))


def test_studies_take_them(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    here = more(store)
    said = typed("dev", "skymaps", "lists", f"{SET}/skymaps/coincs-bns.dat", "--prefix", "/x", home=tmp_path, **here)
    assert "2 total" in said
    table = "opa-bns-o4-H1L1-IC86-2011.txt"
    words = ("dev", "trials", "background", f"{SET}/skymap-lists/bns/H1L1.csv", "-d", "study", "-p", "bns", "-j", 1)
    said = typed(*words, "-n", 4, "--per-map", 2, home=tmp_path, **here)
    assert "4 trials" in said or "4 background" in said, said
    typed("dev", "background", "table", table, "study", home=tmp_path, **here)
    assert all(name in (tmp_path / table).read_text() for name in MAPS)
    typed("com", "s3", "put", table, "s3://studies/results/", home=tmp_path, **here)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    said = typed("dev", "background", "pvalue", "s3://studies/results", home=tmp_path, **here)
    assert "opa/bns/o4/H1L1/IC86-2011" in said and (tmp_path / "elsewhere" / "populations.hdf5").is_file()
    typed("dev", "background", "table", "again.txt", f"s3://studies/results/{table}", home=tmp_path, **here)
    assert MAPS[0] in (tmp_path / "elsewhere" / "again.txt").read_text()
    typed("dev", "skymaps", "compress", "s3://studies/nothing", "out", home=tmp_path, status=1, **here)
