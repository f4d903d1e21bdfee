"""What a step's process has of its runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import toys
from toybench import Bench
from toys import WITNESS

from llama.engine.folder.event import Event
from llama.engine.folder.journal import Claimed, Made
from llama.engine.running.making import utc_now
from llama.engine.running.recipe import Recipe

RUN = """
import sys
from pathlib import Path
import toys
from llama.engine.folder.event import Event
from llama.engine.running.making import Maker
from llama.engine.running.processes import Processes
from llama.engine.running.recipe import Recipe
from llama.engine.running.runner import Runner
from llama.engine.folder.store import SharedDigests

def main(path, log):
    first = Recipe("toys:environment", "before")
    assert Processes(first, "WITNESSES", 1, ["toys"]).missing([]) == []  # the server runs from here on
    recipe = Recipe("toys:environment", "after", f"toys:join_log {log}", "toys:clock")
    world = toys.environment("after")
    maker = Maker(world.pipeline("WITNESSES"), world, SharedDigests(world), recipe.now)
    Runner(maker, Processes(recipe, "WITNESSES", 1, ["toys"])).once([Event(Path(path))])

if __name__ == "__main__":
    main(*sys.argv[1:])
"""


@pytest.mark.slow
def test_settings_log_and_clock_of_a_step_are_those_of_its_runner(
    bench: Bench, python: Callable, tmp_path: Path
) -> None:
    log = tmp_path / "with space.log"
    done = python(RUN, bench.event.path, log)
    assert done.returncode == 0, done.stderr
    assert bench.read(WITNESS) == f"ask after at {toys.NOW:%H:%M}"
    assert "witness.txt is being made, after\n" in log.read_text()
    entries = Event(bench.event.path).entries()
    times = [entry.at for entry in entries if isinstance(entry, Claimed | Made)]
    assert times == [toys.NOW] * 3, "claimed by the runner, handed on, made"


def test_the_clock_is_the_systems_unless_one_is_given() -> None:
    before = utc_now()
    assert before <= Recipe("toys:environment").now() <= utc_now()
    assert Recipe("toys:environment", clock="toys:clock").now() == toys.NOW


@pytest.mark.parametrize("name", ["toys:nothing_there", "no_such_module:environment"])
def test_a_factory_that_is_not_there_is_an_error(name: str) -> None:
    with pytest.raises((AttributeError, ImportError)):
        Recipe(name).environment()
