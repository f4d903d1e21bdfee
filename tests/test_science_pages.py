"""What the pages on the method name is there: functions, records, files, and the tests that hold what they say."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "science").glob("*.md")) + sorted((ROOT / "docs" / "decisions").glob("*.md"))
FOREIGN = ("gdt", "igwn", "ligo")  # packages and schemas of others
FILES = {".csv", ".fits", ".h5", ".hdf5", ".html", ".json", ".lock", ".md", ".pdf", ".txt"}


def code(page: Path) -> list[str]:
    """What the page sets in code."""
    return re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))


@functools.cache
def modules() -> dict[str, list[Path]]:
    """Every module by its last name, a package by its folder's."""
    found: dict[str, list[Path]] = {}
    for path in (ROOT / "src" / "llama").rglob("*.py"):
        found.setdefault(path.parent.name if path.name == "__init__.py" else path.stem, []).append(path)
    return found


@functools.cache
def names(path: Path) -> frozenset[str]:
    """What is defined in the file: `function`, `Class`, `Class.attribute`; not what it imports."""
    return frozenset(_defined(ast.parse(path.read_text(encoding="utf-8")).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield prefix + node.name
        if isinstance(node, ast.ClassDef):
            yield from _defined(node.body, f"{prefix}{node.name}.")
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield prefix + node.target.id
        if isinstance(node, ast.Assign):
            yield from (prefix + one.id for one in node.targets if isinstance(one, ast.Name))


def is_there(dotted: str) -> bool:
    """Whether `module.name`, `package.module.name` or `Class.attribute` is in the code."""
    parts = dotted.split(".")
    if any(dotted in names(path) for paths in modules().values() for path in paths):
        return True
    return any(
        part in modules()
        and (k + 1 == len(parts) or any(".".join(parts[k + 1 :]) in names(p) for p in modules()[part]))
        for k, part in enumerate(parts)
    )


def dotted_names(page: Path) -> set[str]:
    found = {
        one.removesuffix("()") for one in code(page) if re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+(\(\))?", one)
    }
    return {one for one in found if Path(one).suffix not in FILES | {".py"} and not one.startswith(FOREIGN)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.slow
def test_every_function_and_record_is_in_the_code(page: Path) -> None:
    keys = (ROOT / "docs" / "guides" / "files.md").read_text(encoding="utf-8")
    assert [one for one in sorted(dotted_names(page)) if not is_there(one) and f"`{one}`" not in keys] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_python_file_is_there(page: Path) -> None:
    named = {one for one in code(page) if re.fullmatch(r"[\w/]+\.py", one)}
    there = [
        path.relative_to(ROOT).as_posix()
        for folder in ("src", "tests", "scripts")
        for path in (ROOT / folder).rglob("*.py")
    ]
    assert [one for one in sorted(named) if not any(f"/{path}".endswith(f"/{one}") for path in there)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
@pytest.mark.slow
def test_every_test_is_in_a_file_that_its_line_names(page: Path) -> None:
    tests = {path.name: names(path) for path in (ROOT / "tests").rglob("*.py")}
    for line in page.read_text(encoding="utf-8").splitlines():
        files = [tests[Path(one).name] for one in re.findall(r"`([\w/]+\.py)`", line) if Path(one).name in tests]
        for name in re.findall(r"`(test_\w+)`", line):
            assert any(name in known for known in files), f"{page.name}: {name}"
