"""Processes of a batch: one that dies takes nothing along but what it was at."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.studies.crew_tasks import began, lost, squared

from llama.studies.batch.crew import Crew


@pytest.mark.slow
def test_a_block_that_kills_its_process_is_lost_and_no_other() -> None:
    found = list(Crew(squared, 2, lost).through(range(40)))
    assert sorted(found) == sorted(number * number if number != 13 else -13 for number in range(40))


def test_one_worker_works_here_and_stops_when_it_is_told() -> None:
    crew = Crew(lambda number: (number, os.getpid()), 1, lambda number: (number, 0))
    found = []
    for number, process in crew.through(range(10)):
        found.append(number)
        assert process == os.getpid()
        if number == 3:
            crew.stop()
    assert found == [0, 1, 2, 3]


@pytest.mark.slow
def test_what_is_begun_is_finished_and_nothing_more_is_begun(tmp_path: Path) -> None:
    crew = Crew(began, 2, lambda path: "lost")
    found, folder = [], tmp_path / "begun"
    folder.mkdir()
    for name in crew.through(folder / str(number) for number in range(100)):
        found.append(name)
        crew.stop()
    assert sorted(found) == sorted(path.name for path in folder.iterdir()) and len(found) < 10
