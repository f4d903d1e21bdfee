"""The far end of a step's process: only names and text travel here, everything else is built anew."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from llama.engine.errors import ClaimLost, EventError, NotAnEvent
from llama.engine.folder import Claimed, Event, Owner, SharedDigests
from llama.engine.running.making import NO_MEMORY, Maker, fail, one_line, take_over
from llama.engine.running.recipe import Recipe

STORAGE_EXIT = 74  # EX_IOERR: the disk is full, read-only or failing; the runner says so
_ORPHAN_S = 10.0


def when_told(told: Connection, target: Callable[..., None], *args: object) -> None:
    """Do it once the process that asked for this one says that it knows of it; never, if it cannot say so."""
    with told:
        try:
            told.recv_bytes()
        except (EOFError, OSError):
            return
    target(*args)


def make_named(recipe: Recipe, path: str, pipeline: str, filename: str, claim_id: str) -> None:
    """Go on with a claim of the runner's, in this process, and exit."""
    os.setpgid(0, 0)  # so that Ctrl-C is the runner's, which lets steps finish, and a kill takes children along
    threading.Thread(target=_die_with_the_runner, name="llama parent", daemon=True).start()
    event = Event(Path(path))
    claim: Claimed | None = None
    try:
        claim = take_over(event, claim_id, Owner.myself())
        _make(recipe, event, pipeline, filename, claim)
    except (ClaimLost, NotAnEvent):
        pass  # somebody else makes it now, or the event was moved away: nothing is left to do here
    except EventError:
        _leave(STORAGE_EXIT)
    except MemoryError:  # not even the note of the first one could be written; now that it is over there is room
        if claim is not None:
            fail(event, claim, NO_MEMORY, now=recipe.now())
    _leave(0)


def _die_with_the_runner() -> None:
    """Wait until the runner is gone, however it went; then end at once, and whatever this step started with it.

    Its claim would keep the next runner waiting, and its result might no longer be wanted. A kill at any point of a
    commit is healed.
    """
    runner = multiprocessing.parent_process()  # not the server that forked us: the process that asked for it
    if runner is not None:
        runner.join()
        os.killpg(0, signal.SIGKILL)


def _make(recipe: Recipe, event: Event, pipeline: str, filename: str, claim: Claimed) -> None:
    try:
        outside = recipe.environment()
        maker = Maker(outside.pipeline(pipeline), outside, SharedDigests(outside), recipe.now)
        product = maker.pipeline.by_filename[filename]
    except Exception as error:  # noqa: BLE001 - a broken installation is this product's failure, told in its entry
        fail(event, claim, f"its process could not start: {one_line(error)}", now=recipe.now())
        return
    # The runner enforces the time limit; this is for when it has died while native code lets no other thread run.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, product.timeout_s + _ORPHAN_S)
    with closing(outside):
        maker.make(event, product, claim, now=recipe.now())


def _leave(code: int) -> None:
    """End without the interpreter's long goodbye: all is on disk, and libraries' exit handlers cost time."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def report_missing(names: list[str], answer: Connection) -> None:
    """Send back which of these modules this process did not inherit (a probe: preloading fails silently)."""
    with suppress(BrokenPipeError):  # whoever asked is gone
        answer.send([name for name in names if name not in sys.modules])
    answer.close()
