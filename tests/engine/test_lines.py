"""Lines that programs append to files of theirs: a full disk or a crash costs the one that it met, and no other."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llama.engine.errors import StorageError
from llama.engine.folder import Run, append_line
from llama.intake import Archive
from llama.intake.numbering import FILENAME, Numbers
from llama.messengers import Message
from llama.operate.fetched import Memory
from llama.testing import NOW


@contextmanager
def full_after(path: Path, more: int) -> Iterator[None]:
    """The file takes so many bytes more, and the next write is short."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = path.stat().st_size if path.exists() else 0
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_line_cut_short_is_an_error_and_swallows_none_after_it(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    append_line(path, b"one")
    with full_after(path, 3), pytest.raises(OSError, match="No space"):
        append_line(path, b"two and more")
    append_line(path, b"three")
    append_line(path, b"four")
    assert path.read_bytes().split(b"\n") == [b"one", b"two", b"three", b"four", b""]


def test_a_number_that_is_half_on_disk_was_not_given(tmp_path: Path) -> None:
    run = tmp_path / "run"
    numbers = Numbers(run)
    first = numbers.number("S1", "Update", "a")
    with full_after(run / ".llama" / FILENAME, 40), pytest.raises(StorageError):
        numbers.number("S1", "Update", "b")
    assert numbers.number("S1", "Update", "b") == Numbers(run).number("S1", "Update", "b") == "S1-2-Update"
    assert numbers.number("S1", "Update", "a") == first


def test_a_message_of_which_the_arrival_is_half_on_disk_is_to_be_given_again(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    paths = [archive.keep(Message(b"{}", "a.topic", "1"), now=NOW)]
    (arrivals,) = (tmp_path / ".heard").iterdir()
    with full_after(arrivals, 20), pytest.raises(StorageError):
        archive.keep(Message(b"[]", "a.topic", "2"), now=NOW)
    paths += [archive.keep(Message(data, "a.topic", name), now=NOW) for data, name in ((b"[]", "2"), (b"[1]", "3"))]
    assert [one.topic for path in paths if (one := archive.arrival(path))] == ["a.topic"] * 3


def test_a_folder_that_events_went_to_is_not_forgotten(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.went(tmp_path / "first")
    with full_after(run.path / ".llama" / "elsewhere", 8), pytest.raises(StorageError):
        run.went(tmp_path / "second")
    run.went(tmp_path / "second")
    assert (run.path / ".llama" / "elsewhere").read_bytes().split(b"\n")[2:] == [
        str(tmp_path / "second").encode(),
        b"",
    ]


def test_a_notice_is_remembered_after_one_that_was_not(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "here")
    memory.add("S1", "a", form="json", kind="", written="")
    with full_after(tmp_path / ".llama" / "gracedb.jsonl", 9), pytest.raises(StorageError):
        memory.add("S1", "b", form="json", kind="", written="")
    memory.add("S1", "c", form="json", kind="", written="")
    again = Memory(tmp_path, "here")
    assert [again.has("S1", name) for name in "abc"] == [True, False, True]
    assert json.loads((tmp_path / ".llama" / "gracedb.jsonl").read_bytes().splitlines()[-1])["file"] == "c"
