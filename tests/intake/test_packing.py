"""Older days of the archive in a ZIP each: nothing is lost, and whoever reads the archive finds the same."""

from __future__ import annotations

import os
import shutil
import threading
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from llama.engine.errors import StorageError
from llama.formats.errors import InputError
from llama.formats.packed import Packed, members, read_kept
from llama.intake import Archive, files_between, pack_days, packing
from llama.messengers import Message
from llama.messengers.fermi.notices import parse
from llama.ports import BurstWindow
from llama.science.times import gps_from_utc
from llama.services.fermi import NoticeFolder

pytestmark = pytest.mark.slow

DAY = datetime(2018, 1, 16, 0, 37, tzinfo=UTC)
NOW = datetime(2018, 3, 1, tzinfo=UTC)
GPS = gps_from_utc("2018-01-16T00:36:52.81")
MANY = 10**9


@pytest.fixture
def root(tmp_path: Path, data: Path) -> Path:
    """Real notices of many kinds on several days, the burst's final position days later, its map beside them."""
    archive = Archive(tmp_path / "gcn")
    for path in sorted((data / "notices").rglob("*")):
        if path.is_file() and path.stat().st_size < 500_000:
            archive.keep(Message(path.read_bytes(), "", path.name), now=DAY)
    final = data / "notices" / "fermi" / "GRB180116A_Fermi_GBM_Fin_Pos.xml"
    archive.keep(Message(final.read_bytes(), "", "later"), now=DAY + timedelta(days=4))
    archive.keep(Message(b"{}", "", "today"), now=NOW)
    shutil.copy(data / "skymaps" / "grb" / "glg_healpix_all_bn180116026.fit", tmp_path / "gcn" / "2018-01" / "16")
    return tmp_path / "gcn"


def told(root: Path) -> dict[str, bytes]:
    """All that the archive tells, by name."""
    found = files_between(root, DAY - timedelta(days=1), NOW)
    assert len({kept.name for kept in found}) == len(found)
    return {kept.name: read_kept(kept, MANY, "a notice") for kept in found}


def bursts(root: Path) -> BurstWindow:
    return NoticeFolder(root, parse, files_between).window(GPS - 500, GPS + 500)


def pack(root: Path, **more: bool) -> list[packing.PackedDay]:
    return list(pack_days(root, plain_days=30, now=NOW, **more))


def test_what_was_there_is_there_in_less_space(root: Path) -> None:
    before, answer = told(root), bursts(root)
    assert len(before) > 60 and len(answer.bursts) == 1
    days = pack(root)
    assert [day.archive.name for day in days] == ["16.zip", "20.zip"] and not any(day.why for day in days)
    assert sum(day.files for day in days) == len(before) - 1 and sum(day.after for day in days) < days[0].before / 2
    assert told(root) == before and bursts(root) == answer
    assert sorted(path.name for path in (root / "2018-01").iterdir()) == ["16", "16.zip", "20.zip"]
    assert [path.name for path in (root / "2018-01" / "16").iterdir()] == ["glg_healpix_all_bn180116026.fit"]
    assert [path.name for path in (root / "2018-03" / "01").iterdir()] == ["today.json"]
    assert pack(root) == []


def test_any_program_can_unpack_it(root: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in (root / "2018-01" / "20").iterdir()}
    pack(root)
    with zipfile.ZipFile(root / "2018-01" / "20.zip") as found:
        found.extractall(tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_a_dry_run_changes_nothing(root: Path) -> None:
    before = sorted(root.rglob("*"))
    assert [day.files > 0 and day.after == 0 for day in pack(root, dry_run=True)] == [True, True]
    assert sorted(root.rglob("*")) == before


def test_what_comes_later_for_a_packed_day_joins_it(root: Path) -> None:
    pack(root)
    before = told(root)
    archive = Archive(root)
    again = next(iter(members(root / "2018-01" / "20.zip")))
    archive.keep(Message(again.read_bytes(), "", "later"), now=DAY + timedelta(days=4))
    assert told(root) == before, "the same message once"
    archive.keep(Message(b'{"another": "content"}', "", "later"), now=DAY + timedelta(days=4))
    (day,) = pack(root)
    assert day.files == 2
    names = sorted(one.name for one in members(root / "2018-01" / "20.zip"))
    assert len(names) == 2 and names[1] == "later.xml" and names[0].endswith(".json")


def test_another_content_of_a_packed_name_is_kept_beside_it(root: Path) -> None:
    pack(root)
    path = root / "2018-01" / "20" / "later.xml"
    path.parent.mkdir()
    path.write_bytes(b"<another/>")
    pack(root)
    found = {one.name: one.read_bytes() for one in members(root / "2018-01" / "20.zip")}
    assert len(found) == 2 and b"<another/>" in found.values() and found["later.xml"] != b"<another/>"


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["_write", "_compare", "fsync_folder"])
def test_killed_at_any_moment_nothing_is_missing(root: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    before = told(root)

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(packing, moment, killed)
        with pytest.raises(Killed):
            pack(root)
    assert told(root) == before
    pack(root)
    assert told(root) == before and not list((root / "2018-01").glob(".*"))


def test_killed_while_files_go_the_rest_goes_next_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, left = told(root), iter(range(7))
    real = Path.unlink

    def unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == ".xml" and next(left, None) is None:
            raise Killed
        real(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", unlink)
        with pytest.raises(Killed):
            pack(root)
    assert told(root) == before
    pack(root)
    assert told(root) == before


def test_a_file_that_is_packed_after_it_was_named_is_read_all_the_same(root: Path) -> None:
    named = files_between(root, DAY, DAY)
    before = [read_kept(kept, MANY, "a notice") for kept in named]
    pack(root)
    assert [read_kept(kept, MANY, "a notice") for kept in named] == before


def test_a_damaged_zip_is_named_and_nothing_goes_into_it(root: Path) -> None:
    pack(root)
    path = root / "2018-01" / "20.zip"
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(data)
    (kept,) = [one for one in files_between(root, DAY, NOW) if isinstance(one, Packed) and one.archive == path]
    with pytest.raises(InputError, match="damaged"):
        kept.read_bytes()
    assert not bursts(root).complete and "later.xml" in bursts(root).why
    loose = Archive(root).keep(Message(b"{}", "", "more"), now=DAY + timedelta(days=4))
    (day,) = pack(root)
    assert "damaged" in day.why and loose.exists()
    path.write_bytes(b"no zip")
    assert path in files_between(root, DAY, NOW) and "20.zip" in bursts(root).why
    assert [bool(day.why) for day in pack(root)] == [True] and loose.exists()


def test_a_full_disk_leaves_all_as_it_was(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with packing._alone(root):  # its lock stays
        before = sorted(root.rglob("*"))

    def full(fd: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(packing.os, "fsync", full)
    with pytest.raises(StorageError):
        pack(root)
    assert sorted(root.rglob("*")) == before


def test_links_and_folders_stay(root: Path, tmp_path: Path) -> None:
    day = root / "2018-01" / "16"
    (day / "nowhere.json").symlink_to(tmp_path / "nothing")
    (day / "more").mkdir()
    (day / "more" / "notice.xml").write_bytes(b"<x/>")
    pack(root)
    assert (day / "nowhere.json").is_symlink() and (day / "more" / "notice.xml").exists()


@pytest.fixture(autouse=True)
def _nothing_left_open() -> Iterator[None]:
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0
    yield
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


@pytest.mark.slow
def test_of_two_at_once_none_undoes_the_other(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, real, others = told(root), packing._compare, list[threading.Thread]()

    def meanwhile(archive: Path, named: Any) -> None:
        real(archive, named)
        if not others:
            (root / "2018-01" / "16" / "late.json").write_bytes(b'{"late": 1}')
            others.append(threading.Thread(target=pack, args=(root,)))
            others[0].start()
            others[0].join(1.0)

    monkeypatch.setattr(packing, "_compare", meanwhile)
    pack(root)
    others[0].join()
    assert told(root) == before | {"late.json": b'{"late": 1}'}
