"""Two processes that open an archive at once both get it, and leave one cache behind."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from llama.services.icecube.cache import load_release


def count(path: Path, cache: Path) -> int:
    return sum(season.events.shape[1] for season in load_release(path, cache).seasons)


@pytest.mark.slow
def test_two_processes_at_once(release, tmp_path):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        counts = list(pool.map(count, [release] * 4, [tmp_path / "cache"] * 4))
    assert counts == [334_677] * 4
    assert len(list((tmp_path / "cache").iterdir())) == 1
