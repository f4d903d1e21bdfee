"""Where the tests find real data: `LLAMA_TEST_DATA`, or `../shared/data` beside the project."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real notices, sky maps and neutrinos; without it a test skips, in CI it fails."""
    folder = Path(os.environ.get("LLAMA_TEST_DATA", ROOT.parent / "shared" / "data"))
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"no test data at {folder}; set LLAMA_TEST_DATA")
    pytest.skip(f"no test data at {folder}; set LLAMA_TEST_DATA")


@pytest.fixture(autouse=True)
def _own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the user's own folders."""
    for variable, name in (("DATA", "share"), ("CACHE", "cache"), ("CONFIG", "config")):
        folder = tmp_path / "xdg" / name
        folder.mkdir(parents=True)  # astropy warns of one that is named and missing
        monkeypatch.setenv(f"XDG_{variable}_HOME", str(folder))
