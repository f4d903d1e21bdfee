"""`icecube-10yr` from a repository of the same layout on this machine: whole and checked, or nothing at all."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from dataverse_server import DOI, Repository, serving

from llama.cli.main import main
from llama.services import dataverse
from llama.services.dataverse import (
    ICECUBE_10YR,
    RECORD,
    Deposit,
    check_deposit,
    deposit_is_whole,
    install_deposit,
)
from llama.services.errors import DigestMismatch, DownloadError
from llama.services.icecube import installed_archive, open_archive

pytestmark = pytest.mark.component

EVENTS = "events/IC40_exp.csv"


@pytest.fixture(scope="module")
def released(data: Path) -> dict[str, bytes]:
    folder = data / "neutrinos" / "icecube_10yr_ps"
    paths = [EVENTS, *sorted(f"uptime/{path.name}" for path in (folder / "uptime").iterdir()), "readme.txt"]
    files = {path: (folder / path).read_bytes() for path in paths}
    area = data / "effective_areas" / "icecube_10yr_ps" / "IC40_effectiveArea.csv"
    return files | {"irfs/IC40_effectiveArea.csv": area.read_bytes(), "plots/IC40.pdf": b"%PDF a picture"}


@pytest.fixture
def repository(released: dict[str, bytes]) -> Iterator[Repository]:
    with serving(Repository(dict(released))) as running:
        yield running


def at(repository: Repository) -> Deposit:
    return dataclasses.replace(ICECUBE_10YR, server=repository.url)


def test_its_doi_is_the_one_of_the_packaged_livetimes():
    assert ICECUBE_10YR.doi == DOI and ICECUBE_10YR.server.startswith("https://")


def test_it_is_fetched_once_checked_and_read(repository, released, tmp_path):
    done = install_deposit(at(repository), tmp_path / "data")
    assert done.path == tmp_path / "data" / "icecube_10year_ps" == installed_archive(tmp_path / "data")
    assert done.source == f"{repository.url} ({DOI}, version 2.0)"
    for path, content in released.items():
        assert (done.path / path).exists() == (not path.startswith("plots/"))
        if not path.startswith("plots/"):
            assert (done.path / path).read_bytes() == content
    archive = open_archive(done.path, tmp_path / "cache")
    assert archive.name == "icecube-10yr" and archive.season("IC40").events.shape[1] == 36900
    asked = len(repository.asked)
    assert install_deposit(at(repository), tmp_path / "data").source is None
    assert len(repository.asked) == asked, "what is there and whole is checked without asking anybody"
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["icecube_10year_ps"]


def test_what_is_stated_is_kept_and_told(repository, released, tmp_path):
    done = install_deposit(at(repository), tmp_path)
    record = check_deposit(ICECUBE_10YR, done.path)
    assert (record.doi, record.server, record.version) == (DOI, repository.url, "2.0")
    stated = {one.path: (one.algorithm, one.checksum, one.of) for one in record.files}
    assert stated[EVENTS] == ("MD5", hashlib.md5(released[EVENTS]).hexdigest(), "file")
    assert len(record.told) == len(released) - 1 and f"{stated[EVENTS][1]}  {EVENTS}" in record.told[0]
    assert (
        json.loads((done.path / RECORD).read_text())["files"][0]["sha256"]
        == hashlib.sha256(released[EVENTS]).hexdigest()
    )


@pytest.mark.parametrize("damage", [EVENTS, "uptime/IC40_exp.csv", RECORD])
def test_it_is_checked_again(repository, tmp_path, damage):
    done = install_deposit(at(repository), tmp_path)
    (done.path / damage).write_bytes((done.path / damage).read_bytes()[:-9] + b"123456789")
    with pytest.raises(DigestMismatch, match=r"not what it was|is damaged"):
        check_deposit(ICECUBE_10YR, done.path)
    assert not deposit_is_whole(ICECUBE_10YR, done.path)
    assert install_deposit(at(repository), tmp_path).source is not None
    assert deposit_is_whole(ICECUBE_10YR, done.path)
    (done.path / damage).unlink()
    assert not deposit_is_whole(ICECUBE_10YR, done.path)


@pytest.mark.parametrize(
    "other", [{}, {"type": "MD5", "value": ""}, {"type": "CRC", "value": "0" * 32}, {"type": "MD5"}]
)
def test_without_a_stated_checksum_it_refuses(repository, tmp_path, other):
    repository.changes["uptime/IC40_exp.csv"] = {"dataFile": {"md5": None, "checksum": other}}
    with pytest.raises(DownloadError, match=r"states no checksum of uptime/IC40_exp\.csv, so nothing is installed"):
        install_deposit(at(repository), tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert not any("datafile" in asked for asked in repository.asked), "nothing is fetched"


def test_other_algorithms_will_do(repository, released, tmp_path):
    sha = {"type": "SHA-256", "value": hashlib.sha256(released[EVENTS]).hexdigest().upper()}
    repository.changes[EVENTS] = {"dataFile": {"md5": None, "checksum": sha}}
    done = install_deposit(at(repository), tmp_path)
    assert "SHA-256" in check_deposit(ICECUBE_10YR, done.path).told[0]


def test_another_content_is_refused_and_what_was_there_stays(repository, tmp_path):
    done = install_deposit(at(repository), tmp_path)
    before = (done.path / EVENTS).read_bytes()
    repository.served[EVENTS] = before.replace(b"3.31", b"3.32", 1)
    with pytest.raises(
        DigestMismatch, match=r"events/IC40_exp\.csv has MD5 [0-9a-f]{32}, not [0-9a-f]{32} as its record"
    ):
        install_deposit(at(repository), tmp_path, force=True)
    assert (done.path / EVENTS).read_bytes() == before and deposit_is_whole(ICECUBE_10YR, done.path)
    assert not list(tmp_path.glob(".install-*"))


def test_a_table_that_was_taken_apart_is_the_deposited_one(repository, released, tmp_path):
    """What is stated then is the checksum of the repository's own form without its head, and not of the file."""
    repository.ingested = {EVENTS, "uptime/IC40_exp.csv"}
    done = install_deposit(at(repository), tmp_path)
    assert (done.path / EVENTS).read_bytes() == released[EVENTS]
    kept = {one.path: one.of for one in check_deposit(ICECUBE_10YR, done.path).files}
    assert kept[EVENTS] == "repository's own form" and kept["readme.txt"] == "file"
    assert open_archive(done.path, tmp_path / "cache").season("IC40").events.shape[1] == 36900


def test_a_deposited_table_with_other_numbers_is_refused(repository, released, tmp_path):
    repository.ingested = {EVENTS}
    answer = repository.answer

    def lie(url: str) -> tuple[int, bytes]:
        status, content = answer(url)
        return status, content.replace(b"3.31", b"3.32", 1) if "format=original" in url else content

    repository.answer = lie  # type: ignore[method-assign]
    with pytest.raises(DigestMismatch, match="its numbers are not those of the repository's own form"):
        install_deposit(at(repository), tmp_path / "data")
    assert not (tmp_path / "data" / "icecube_10year_ps").exists()


def zipped(files: dict[str, bytes], above: str = "") -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in files.items():
            archive.writestr(above + path, content)
        archive.writestr("../../events/evil.csv", b"x")
        archive.writestr("__MACOSX/events/._IC40_exp.csv", b"x")
    return memory.getvalue()


def test_one_zip_will_do(released, tmp_path):
    with serving(
        Repository({"release.zip": zipped(released, "20210126_PS-IC40-IC86_VII/icecube_10year_ps/")})
    ) as running:
        done = install_deposit(at(running), tmp_path / "data")
    assert (done.path / EVENTS).read_bytes() == released[EVENTS] and not (done.path / "release.zip").exists()
    assert not (tmp_path / "events").exists() and not (tmp_path / "data" / "events").exists()
    record = check_deposit(ICECUBE_10YR, done.path)
    assert len(record.told) == 1 and "release.zip" in record.told[0]
    (done.path / EVENTS).write_bytes(b"")
    assert not deposit_is_whole(ICECUBE_10YR, done.path)


def test_a_copy_at_hand_is_checked_by_the_record(repository, released, data, tmp_path):
    copy = tmp_path / "copy.zip"
    copy.write_bytes(zipped(released, "some/folder/"))
    done = install_deposit(at(repository), tmp_path / "a", copy=copy)
    assert done.source == str(copy) and deposit_is_whole(ICECUBE_10YR, done.path)
    assert not any("datafile" in asked for asked in repository.asked)
    with pytest.raises(DownloadError, match=r"has no irfs/IC40_effectiveArea\.csv"):
        install_deposit(at(repository), tmp_path / "b", copy=data / "neutrinos" / "icecube_10yr_ps")
    copy.write_bytes(zipped(released | {EVENTS: released[EVENTS][:-2]}))
    with pytest.raises(DigestMismatch, match="as its record states"):
        install_deposit(at(repository), tmp_path / "c", copy=copy)
    copy.write_bytes(b"none")
    with pytest.raises(DigestMismatch, match="neither a folder nor a zip"):
        install_deposit(at(repository), tmp_path / "d", copy=copy)


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (b"<html>maintenance</html>", "gives no record"),
        (b"{}", "gives no record"),
        (b'{"data": {"latestVersion": {"versionNumber": 1, "versionMinorNumber": 0, "files": []}}}', "lists nothing"),
    ],
)
def test_no_record_no_installation(repository, tmp_path, record, words):
    repository.record = record
    with pytest.raises(DownloadError, match=words):
        install_deposit(at(repository), tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"restricted": True}, "is restricted"),
        ({"directoryLabel": "../../events"}, "no plain path"),
        ({"directoryLabel": "/etc/events"}, "no plain path"),
        ({"label": "IC59_exp.csv", "directoryLabel": "uptime"}, "twice"),
    ],
)
def test_a_record_that_cannot_be_followed(repository, tmp_path, changes, words):
    repository.changes[EVENTS] = changes
    with pytest.raises(DownloadError, match=words):
        install_deposit(at(repository), tmp_path / "data")
    assert not (tmp_path / "data").exists() and not (tmp_path / "events").exists()


def test_nobody_there(tmp_path):
    nowhere = dataclasses.replace(ICECUBE_10YR, server="http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9.*no connection"):
        install_deposit(nowhere, tmp_path / "data")


def test_as_it_is_typed(repository, data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(dataverse, "ICECUBE_10YR", at(repository))
    assert main(["install", "icecube-10yr"]) == 0
    said = capsys.readouterr().out
    assert f"{DOI}, version 2.0; {repository.url} states:" in said and f"  {EVENTS}" in said and "MD5 " in said
    assert main(["install", "icecube-10yr"]) == 0
    assert "already installed" in capsys.readouterr().out
    assert main(["install"]) == 0
    assert (
        "icecube-10yr   IceCube's all-sky point-source data of 2008 to 2018 (some 100 MB): installed"
        in capsys.readouterr().out
    )
    three = data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip"
    assert main(["install", "icecube-3yr", "--from", str(three)]) == 0
    assert main(["install", "icecube-10yr"]) == 0
    assert "3year-data-release.zip is what is used" in capsys.readouterr().out
