"""`llama dev validate` as it is typed: every check at the small size, and the report."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
from tests.cli.typed import LLAMA, environment

from llama.studies.validation.campaign import NAMES
from llama.studies.validation.check import Check, PageTable, verdict
from llama.studies.validation.page import Header, as_html, as_json

PATIENCE_S = 2400
"""For a busy machine of one core; a quiet one takes a twentieth of it."""

pytestmark = pytest.mark.timeout(3000)


def validate(home: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, which starts others."""
    command = [str(LLAMA), "dev", "validate", *map(str, words)]
    return subprocess.run(command, env=environment(home), capture_output=True, text=True, timeout=PATIENCE_S)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """What the command says at the small size with nothing installed, and the page; beside it what it drew."""
    home = tmp_path_factory.mktemp("validate")
    out = home / "validation.html"
    done = validate(home, "-o", out, "--keep", home / "kept")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, out


@pytest.mark.slow
def test_every_check_passes(report: tuple[str, Path]) -> None:
    said, out = report
    assert said.count("pass  ") == len(NAMES)
    answer = json.loads(out.with_suffix(".json").read_text())
    assert answer["passed"] and [check["name"] for check in answer["checks"]] == list(NAMES)
    for check in answer["checks"]:
        assert check["verdict"] == "pass", check["value"]
        assert all(check[word] for word in ("question", "criterion", "value", "limits"))
        assert all(len(row) == len(table["columns"]) for table in check["tables"] for row in table["rows"])


@pytest.mark.slow
def test_the_page_needs_nothing_else(report: tuple[str, Path]) -> None:
    page = report[1].read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    sources = re.findall(r'(?:src|href)="([^"]{1,40})', page)
    assert sources and all(source.startswith(("data:image/svg+xml;base64,", "#")) for source in sources)
    assert not re.search(r"<script|@import|url\(", page)
    assert all(re.search(r'<img alt="[^"]{10,}"', figure) for figure in re.findall(r"<figure>.*?</figure>", page))
    assert "synthetic Gaussian maps" in page  # what stood in for data is said
    for name in NAMES:
        assert f'id="{name}"' in page
    assert str(report[1].parent) not in page


@pytest.mark.slow
def test_an_unknown_check_is_named(tmp_path: Path) -> None:
    done = validate(tmp_path, "--check", "nonsense", "-o", tmp_path / "v.html")
    assert done.returncode == 1
    assert "nonsense" in done.stderr and "calibration" in done.stderr and "Traceback" not in done.stderr


def test_a_failure_is_plain_on_the_page() -> None:
    table = PageTable("numbers <&>", ("what", "count"), (("a < b", 12345),))
    check = Check("bad", "A check", "Is it?", "x < 1", "x = 2", "fail", "Nothing.", tables=(table,))
    header = Header("0", "llama dev validate", (("seed", "1"),))
    page = as_html(header, [check])
    assert "1 of 1 checks fail" in page and ">FAIL<" in page and "a &lt; b" in page and "12,345" in page
    assert as_json(header, [check])["passed"] is False
    assert as_html(header, [check]) == page


def test_what_was_not_judged_does_not_pass() -> None:
    check = Check("none", "A check", "Is it?", "x < 1", "no x", verdict(0, 0), "Nothing.")
    header = Header("0", "llama dev validate", (("seed", "1"),))
    page = as_html(header, [check])
    assert "1 could not be judged" in page and ">NOT JUDGED<" in page and "PASS" not in page
    assert as_json(header, [check])["passed"] is False


def section(page: Path, name: str) -> str:
    """The part of a page on one check, pictures and all."""
    (found,) = re.findall(rf'<section id="{name}">.*?</section>', page.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


@pytest.mark.slow
def test_what_was_drawn_is_kept(report: tuple[str, Path], tmp_path: Path) -> None:
    """A block that is there is not drawn again, and gives the same page as when it was; others are no matter."""
    said, page = report
    keep, out = page.parent / "kept", tmp_path / "v.html"
    kept = {path.name: path.stat().st_mtime_ns for path in keep.iterdir()}
    done = validate(tmp_path, "--check", "uniformity", "--keep", keep, "-o", out)
    assert done.returncode == 0, done.stderr
    line, _ = done.stdout.splitlines()
    assert line.startswith("pass  ") and line in said.splitlines()
    assert section(out, "uniformity") == section(page, "uniformity")
    assert kept and {path.name: path.stat().st_mtime_ns for path in keep.iterdir()} == kept
