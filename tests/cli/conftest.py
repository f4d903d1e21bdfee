"""What the tests of commands share: a data folder and a new event, one of each per file."""

from __future__ import annotations

from pathlib import Path

import pytest
from typed import fresh_event


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with nothing in it."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def fresh(home: Path) -> Path:
    """A new event of the packaged alert, of which nothing is made yet. Copy it before changing it."""
    return fresh_event(home / "fresh", home)
