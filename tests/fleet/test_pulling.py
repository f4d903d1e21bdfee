"""Results come from a machine to here, and files go there: on this machine by itself, without SSH."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.cli.typed import typed

LARGE = 4 << 20


class Place:
    """A study on this machine, as `-l` sees it, and a folder to which its results come."""

    def __init__(self, home: Path) -> None:
        self.home, self.study, self.into = home, home / "pre-er14-background", home / "results"
        self.study.mkdir()

    def dv(self, *words: str | Path, status: int = 0) -> str:
        return typed("dev", "dv", "-l", *words, home=self.home, status=status, HOME=str(self.home), SHELL="/bin/sh")

    def pull(self, *words: str, status: int = 0) -> str:
        return self.dv("pull", "-o", self.into, *words, status=status)

    def write(self, name: str, data: bytes) -> Path:
        path = self.study / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def came(self) -> dict[str, bytes]:
        root = self.into / "local"
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_results_come_once_and_what_is_no_result_stays(place: Place) -> None:
    wanted = {f"events/injection-{i}/a result of {i}.json": bytes([i]) * i for i in range(30)}
    wanted["events/injection-1/" + "long" * 40 + "\n'é\\.txt"] = b"a name for any shell"
    wanted["logs/17.log"] = os.urandom(LARGE + 12345)
    wanted["study.json"] = b"{}"
    for name, data in (wanted | {"skymaps/1.fits": b"x", "LOCKDIR/a": b"x", "events/.new-1/a": b"x"}).items():
        place.write(name, data)
    assert "33 files, 4.2 MB from 1 servers" in place.pull()
    assert place.came() == wanted
    assert "0 files, 0.0 MB from 1 servers; 33 are here already" in place.pull()
    place.write("study.json", b"[]")
    assert "1 file, 0.0 MB from 1 servers; 32 are here already" in place.pull()
    assert place.came() == wanted | {"study.json": b"[]"}
    assert "1 file," in place.pull("skymaps") and "skymaps/1.fits" in place.came()


def test_one_that_was_cut_goes_on_and_one_that_is_of_another_file_begins_anew(place: Place) -> None:
    data = os.urandom(LARGE + 999)
    path = place.write("logs/1.log", data)
    partial = place.into / "local" / "logs" / f".1.log.{path.stat().st_mtime_ns}.partial"
    partial.parent.mkdir(parents=True)
    partial.write_bytes(data[: LARGE // 2])
    place.pull()
    assert place.came() == {"logs/1.log": data}
    (place.into / "local" / "logs" / "1.log").unlink()
    partial.write_bytes(b"of something else")
    place.pull()
    assert place.came() == {"logs/1.log": data}


def test_what_does_not_fit_is_refused_before_anything_comes(place: Place) -> None:
    path = place.write("logs/1.log", b"")
    os.truncate(path, 8 << 40)  # it has no bytes on the disk
    said = place.pull(status=1)
    assert "1 file, 8796.1 GB from 1 servers" in said and "they do not fit: " in said and "-o another" in said
    assert not place.into.exists()


def test_files_are_pushed_once_and_checked(place: Place) -> None:
    folder = place.home / "maps of mine"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "a b.csv").write_text("1\n")
    (folder / "c.csv").write_text("2\n")
    assert "2 files sent" in place.dv("push", folder)
    assert (place.study / "maps of mine" / "inner" / "a b.csv").read_text() == "1\n"
    assert "all there already" in place.dv("push", folder)
    (place.study / "maps of mine" / "c.csv").write_text("3\n")
    assert "1 files sent, 0.0 MB; 1 were there" in place.dv("push", folder)
    assert (place.study / "maps of mine" / "c.csv").read_text() == "2\n"
    place.dv("push", folder / "c.csv", "--to", place.home / "elsewhere")
    assert (place.home / "elsewhere" / "c.csv").read_text() == "2\n"
    assert "there is no none to push" in place.dv("push", "none", status=1)
    assert "push what?" in place.dv("push", status=1)
