"""Where the tests find real data, and what no test does: touch the user's folders, or speak to the outside."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guard import loopback
from tests.needs import absent

ROOT = Path(__file__).resolve().parent.parent

loopback.install()
os.environ["PYTHONPATH"] = loopback.python_path(
    os.environ.get("PYTHONPATH", "")
)  # for every Python started by a test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The studies first: they are the dearest, and no worker is to be left alone with them at the end."""
    items.sort(key=lambda item: ROOT / "tests" / "studies" not in item.path.parents)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real notices, sky maps and neutrinos: `LLAMA_TEST_DATA`, or `../shared/data` beside the project.

    Without it a test skips, in CI it fails.
    """
    folder = Path(os.environ.get("LLAMA_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        absent(f"no test data at {folder}; set LLAMA_TEST_DATA")
    return folder


@pytest.fixture(autouse=True)
def _loopback_only(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test that wanted to leave this machine fails, even where the code under test swallowed the refusal.

    So does one whose child processes, those that are Python, wanted to.
    """
    refused = tmp_path_factory.getbasetemp() / "refused.txt"
    refused.unlink(missing_ok=True)
    monkeypatch.setenv(loopback.REFUSED, str(refused))
    yield
    if refused.exists():
        pytest.fail(refused.read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's own folders."""
    for variable, name in (("DATA", "share"), ("CACHE", "cache"), ("CONFIG", "config")):
        folder = tmp_path / "xdg" / name
        folder.mkdir(parents=True)  # astropy warns of one that is named and missing
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(folder))
