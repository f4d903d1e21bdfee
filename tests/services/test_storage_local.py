"""Storage in folders of this machine, and which place an address means."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest

from llama.formats.whole import whole
from llama.ports import NoSuchObject, TransferError, TransferRefused
from llama.sections import Secret
from llama.services.storage import StorageSettings
from llama.services.storage.by_address import ByAddress


@pytest.fixture
def storage() -> ByAddress:
    return ByAddress(StorageSettings())


def test_files_go_and_come_by_path_and_by_address(storage: ByAddress, tmp_path: Path) -> None:
    (tmp_path / "sent").write_bytes(b"content")
    for url in (f"{tmp_path}/a/b/1", f"file://{tmp_path}/a/2%20x"):
        storage.put(tmp_path / "sent", url)
        storage.get(url, tmp_path / "came")
        assert (tmp_path / "came").read_bytes() == b"content"
        found = storage.find(url)
        assert found is not None and found.size == 7 and found.modified.endswith("Z")
        assert storage.digest(url) == hashlib.sha256(b"content").hexdigest()
    assert (tmp_path / "a" / "2 x").exists()
    listed = list(storage.list(str(tmp_path / "a")))
    assert [one.url for one in listed] == [f"{tmp_path}/a/2 x", f"{tmp_path}/a/b/1"]
    flat = list(storage.list(str(tmp_path / "a"), recursive=False))
    assert [(one.url, one.folder) for one in flat] == [(f"{tmp_path}/a/2 x", False), (f"{tmp_path}/a/b/", True)]
    storage.put(tmp_path / "sent", f"{tmp_path}/open", public=True)
    assert (tmp_path / "open").stat().st_mode & 0o444 == 0o444
    storage.close()


def test_what_is_not_there_is_named(storage: ByAddress, tmp_path: Path) -> None:
    assert storage.find(f"{tmp_path}/none") is None and storage.digest(f"{tmp_path}/none") is None
    with pytest.raises(NoSuchObject, match=r"there is no file .*/none"):
        storage.get(f"{tmp_path}/none", tmp_path / "came")
    with pytest.raises(NoSuchObject, match=r"there is no folder .*/none"):
        list(storage.list(f"{tmp_path}/none"))
    with pytest.raises(TransferRefused, match="is a folder; say what the file is to be called"):
        storage.put(tmp_path / "x", str(tmp_path))
    with pytest.raises(TransferRefused, match="a file of another machine"):
        storage.get("file://elsewhere/x", tmp_path / "came")
    assert not (tmp_path / "came").exists()


@pytest.mark.parametrize("url", ["ftp://x/y", "gs://x/y", "S4://x/y"])
def test_an_address_of_no_known_kind_is_refused(storage: ByAddress, url: str, tmp_path: Path) -> None:
    with pytest.raises(TransferRefused, match=r"there are no addresses .*; write a path, https:// or s3://"):
        storage.get(url, tmp_path / "came")


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"before")
    with pytest.raises(ValueError, match="half way"), whole(target) as file:
        file.write(b"half")
        raise ValueError("half way")
    assert target.read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["target"]
    with whole(target) as file:
        file.write(b"after")
    assert target.read_bytes() == b"after"


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"key_id": "a"}, "belong together"),
        ({"secret": Secret("planted")}, "belong together"),
        ({"endpoint": "nyc3.digitaloceanspaces.com"}, "must begin with https://"),
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        StorageSettings(**given)  # type: ignore[arg-type]
    assert "planted" not in str(caught.value)


def test_without_its_library_it_says_what_to_install(
    storage: ByAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "llama.services.storage.s3", raising=False)
    with pytest.raises(TransferError, match=r"pip install 'llama-astro\[cloud\]'"):
        storage.get("s3://llama/x", tmp_path / "came")
