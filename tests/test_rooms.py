"""The house: rooms with windows, floors of a size one can read, and words that mean one thing."""

from __future__ import annotations

import ast
import functools
import re
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "src" / "llama"
SCIENCE = ("sky", "detector", "companions", "distance", "overlap", "statistic", "joint", "significance")
WINDOWS = (
    *(f"llama.science.{room}" for room in SCIENCE),
    "llama.analyses.result",
    "llama.analyses.telling",
    "llama.analyses.joint",
    *(f"llama.engine.{room}" for room in ("graph", "folder", "running")),
    "llama.ports",
    "llama.intake",
    "llama.testing",
    "llama.services.icecube",
    "llama.services.fermi",
    "llama.services.gracedb",
    "llama.services.storage",
    "llama.services.droplets",
    "llama.studies.simulation",
    "llama.fleet.ssh",
)

LONGEST_FILE, LONGEST_BODY = 400, 40
LONG_FILES: set[str] = set()
LONG_BODIES: set[str] = set()
"""What is longer and waits for its mover. Nothing may be added, and what has become short must go."""


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def sources(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def folder_of(package: str) -> Path:
    return ROOT / "src" / package.replace(".", "/")


@functools.cache
def imports(path: Path) -> tuple[tuple[str, str], ...]:
    """Module and name of each `from module import name`; `import module` has no name."""
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)


@functools.cache
def listed(package: str) -> list[str]:
    """`__all__` as it stands in the window."""
    for node in tree(folder_of(package) / "__init__.py").body:
        if isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["__all__"]:
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def as_sorted(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest, each by name: as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def passed_over(path: Path) -> list[str]:
    """Imports from a module of a room whose window is there for those outside."""
    return [
        f"from {module} import {name}"
        for module, name in imports(path)
        for package in WINDOWS
        if module.startswith(f"{package}.") or (module == package and name not in listed(package))
        if folder_of(package) not in path.parents
    ]


@pytest.mark.parametrize("package", WINDOWS)
def test_a_window_says_what_to_read_and_lists_what_is_for_others(package: str) -> None:
    room, names = import_module(package), listed(package)
    assert len((room.__doc__ or "").split()) >= 15 and "the first thing to read" in room.__doc__.replace("\n", " ")
    assert names and names == sorted(set(names), key=as_sorted)
    assert [name for name in names if not hasattr(room, name)] == []
    modules = {path.stem for path in folder_of(package).glob("*.py")}
    shadowed = [name for name in names if name in modules and getattr(room, name).__name__ != f"{package}.{name}"]
    assert shadowed == [], "a name of the window hides a module"


@pytest.mark.slow
def test_other_rooms_come_to_the_window() -> None:
    found = {path.relative_to(ROOT).as_posix(): passed_over(path) for path in sources("src", "scripts", "bench")}
    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    "line",
    ["from llama.science.sky.psf import log_peak", "from llama.ports import Path", "import llama.ports.bursts"],
)
def test_one_who_climbs_in_is_seen(tmp_path: Path, line: str) -> None:
    path = tmp_path / "somebody.py"
    path.write_text(line)
    assert len(passed_over(path)) == 1


@pytest.mark.parametrize("package", [one for one in WINDOWS if one != "llama.ports"])
@pytest.mark.slow
def test_a_window_shows_nothing_that_nobody_uses(package: str) -> None:
    files = [path for path in sources("src", "scripts", "bench", "tests") if folder_of(package) not in path.parents]
    used = {name for path in files for module, name in imports(path) if module == package}
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").rglob("*.md"))
    used.update(re.findall(r"\w+", " ".join(re.findall(rf"from {re.escape(package)} import (.*)", pages))))
    assert sorted(set(listed(package)) - used) == []


def test_science_is_no_hallway() -> None:
    entries = {
        path.stem for path in (PACKAGE / "science").iterdir() if path.name not in ("__init__.py", "__pycache__")
    }
    assert set(SCIENCE) <= entries
    assert len(entries) <= 12


@pytest.mark.slow
def test_arrays_are_named_in_one_place() -> None:
    where = {
        path.relative_to(PACKAGE).as_posix()
        for path in sources("src")
        for node in tree(path).body
        if isinstance(node, ast.Assign) and ast.unparse(node.value).startswith(("NDArray[", "npt.NDArray["))
    }
    assert where == {"science/arrays.py"}


def test_no_file_is_longer_than_one_reads() -> None:
    lengths = {
        path.relative_to(PACKAGE).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources("src")
    }
    assert {name for name, lines in lengths.items() if lines > LONGEST_FILE} == LONG_FILES


def bodies(path: Path) -> Iterator[tuple[str, int]]:
    """Name and lines of the body of each function, without its docstring."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[ast.get_docstring(node) is not None :]
            if body:
                yield node.name, (node.end_lineno or 0) - body[0].lineno + 1


@pytest.mark.slow
def test_no_body_is_longer_than_one_reads() -> None:
    lengths = {
        f"{path.relative_to(PACKAGE).as_posix()}:{name}": lines
        for path in sources("src")
        for name, lines in bodies(path)
    }
    assert {name for name, lines in lengths.items() if lines > LONGEST_BODY} == LONG_BODIES


def test_a_word_means_one_thing() -> None:
    meanings = defaultdict(set)
    for path in sources("src"):
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                meanings[node.name].add(path.relative_to(PACKAGE).as_posix())
    assert {word: where for word, where in meanings.items() if len(where) > 1} == {}
