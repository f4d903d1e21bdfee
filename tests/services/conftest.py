"""The installed 3-year release, opened once."""

from __future__ import annotations

from pathlib import Path

import pytest

from llama.services.icecube.archive import IceCubeArchive, open_archive


@pytest.fixture(scope="session")
def release(data: Path) -> Path:
    return data / "neutrinos" / "icecube_3yr_ps" / "3year-data-release.zip"


@pytest.fixture(scope="session")
def ten_years(data: Path) -> Path:
    return data / "neutrinos" / "icecube_10yr_ps"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def archive(release: Path, cache: Path) -> IceCubeArchive:
    return open_archive(release, cache)
