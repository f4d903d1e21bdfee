"""The background of an own map is the same whenever it is drawn: after a kill, by order, and for an update."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from llama.analyses.gw_neutrino import BACKGROUND, SIGNIFICANCE
from llama.app import DEMO_ALERT, App, packaged
from llama.engine.folder.event import Event
from llama.engine.folder.journal import Made
from llama.engine.folder.run import Delivery, Run
from llama.flags import Flags
from llama.messengers.gw.start import Given, start
from llama.operate.update import bring_up_to_date

pytestmark = pytest.mark.slow

_KILLED_AFTER_THE_PILOT = """
import os, signal, sys
from pathlib import Path
from llama.analyses.gw_neutrino import BACKGROUND
from llama.app import environment
from llama.engine.folder.run import Run
from llama.engine.folder.store import SharedDigests
from llama.engine.running.making import Maker
from llama.engine.running.processes import Here
from llama.engine.running.runner import Runner
from llama.science.significance import own_map

draws, draw = [], own_map._draw
def die(*given):
    draws.append(1)
    if len(draws) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(*given)
own_map._draw = die
app = environment()
maker = Maker(app.pipeline("GW_NEUTRINO").only([BACKGROUND.name], ancestors=True), app, SharedDigests(app))
(event,) = Run(Path(sys.argv[1])).events()
Runner(maker, Here(maker)).once([event])
"""


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("LLAMA_CACHE_DIR", str(tmp_path / "cache"))


def started(run: Path) -> Event:
    begun = start(Given(alert=packaged(DEMO_ALERT).read_bytes()), App.read().gracedb)
    return Run(run).accept(Delivery(begun.event_id, begun.files, Flags(), "a test"))


def bring_up(event: Event) -> None:
    app = App.read()
    bring_up_to_date([event], app.pipeline().only([SIGNIFICANCE.name], ancestors=True), app)


def drawn(event: Event) -> bytes:
    return (event.path / BACKGROUND.filename).read_bytes()


def makings(event: Event, filename: str) -> int:
    """How often a file was made."""
    return sum(isinstance(item, Made) and item.filename == filename for item in event.entries())


def test_one_that_was_killed_is_drawn_to_the_same_bytes(tmp_path: Path) -> None:
    whole, cut = started(tmp_path / "whole"), started(tmp_path / "cut")
    child = subprocess.run([sys.executable, "-c", _KILLED_AFTER_THE_PILOT, str(tmp_path / "cut")], check=False)
    assert child.returncode == -signal.SIGKILL and not (cut.path / BACKGROUND.filename).exists()
    for event in (whole, cut):
        bring_up(event)
    assert drawn(cut) == drawn(whole)


def test_one_that_is_drawn_anew_changes_nothing(tmp_path: Path) -> None:
    """Not even what is made from it is made again."""
    event = started(tmp_path / "run")
    bring_up(event)
    before = drawn(event)
    event.remake(BACKGROUND, why="a test", now=datetime.now(UTC))
    bring_up(event)
    assert drawn(event) == before
    assert (makings(event, BACKGROUND.filename), makings(event, SIGNIFICANCE.filename)) == (2, 1)
