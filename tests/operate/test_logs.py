"""The log of a program and its processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llama.engine.running.recipe import Recipe
from llama.operate.logs import open_log
from llama.sections import Secret


@dataclass
class Application:
    secrets: tuple[Secret, ...]


def build(settings: str) -> Application:
    """What another process builds of the settings."""
    return Application((Secret(settings),))


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger of everything, given back as it was."""
    found = logging.getLogger("llama")
    level, before, found.handlers = found.level, found.handlers, []
    yield found
    for handler in found.handlers:
        handler.close()
    found.handlers = before
    found.setLevel(level)


def test_a_process_writes_to_the_log_of_its_runner_and_hides_what_it_hides(
    tmp_path: Path, logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "logs" / "my run.log"
    text = open_log("WARNING", file, ())
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    Recipe(f"{__name__}:build", "hush-hush-hush", text).environment()
    logging.getLogger("llama.engine").info("below the level of the screen")
    logging.getLogger("llama.engine").warning("the password is hush-hush-hush")
    lines = file.read_text().splitlines()
    assert "INFO below the level of the screen" in lines[0]
    assert "the password is" in lines[1] and "hush" not in lines[1]
    assert "below" not in capsys.readouterr().err
