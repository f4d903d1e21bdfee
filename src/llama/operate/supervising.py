"""A program that is started again whenever it fails, by a small process that does nothing else.

The supervisor holds the lock together with its child: whichever of the two is killed, the other still holds it, and
no second program comes between the end of one child and the start of the next.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from llama.operate.launching import REFUSED, STOPPED, UP, Child, Tidings, how_it_ended
from llama.operate.programs import Program

_LOG = logging.getLogger("llama.operate")


@dataclass(frozen=True)
class Relaunches:
    """How soon a program is started again: after `first_s`, then twice as long each time, at most `most_s`.

    One that worked for `steady_s` counts as if it had never failed.
    """

    first_s: float = 1.0
    most_s: float = 300.0
    steady_s: float = 600.0

    def pause_s(self, failures: int) -> float:
        """Before it is started again after so many failures in a row."""
        return min(self.first_s * 2.0 ** (min(failures, 60) - 1), self.most_s)


def supervise(start: Callable[[], Child], program: Program, report: Tidings, pauses: Relaunches | None = None) -> int:
    """Keep a program going until it is stopped; the exit status.

    A first child that never comes to work is not started again: whoever started us is told.
    """
    pauses = pauses or Relaunches()
    failures = 0
    worked = False
    while True:
        began = time.monotonic()
        child = start()
        heard, status = _attend(child, program, report)
        worked |= UP in heard
        if STOPPED in heard or program.stopping:
            return max(status, 0)
        if REFUSED in heard or not worked:
            _LOG.error("process %d %s; it is not started again", child.process.pid, how_it_ended(status))
            return 1
        failures = 1 if time.monotonic() - began >= pauses.steady_s else failures + 1
        pause_s = pauses.pause_s(failures)
        _LOG.error(
            "process %d %s; starting it again in %g s, for the %s time in a row",
            child.process.pid,
            how_it_ended(status),
            pause_s,
            _ordinal(failures),
        )
        if program.pause(pause_s):
            return 0
        if program.lock is not None:
            program.lock.keep()


def _attend(child: Child, program: Program, report: Tidings) -> tuple[bytes, int]:
    """Wait for the child's end, tell it to stop when we are to, hand on that it is up; what it said, its status."""
    heard, asked = b"", False
    try:
        while True:
            ready, _, _ = select.select([child.report, *([] if asked else [program.fileno()])], [], [])
            if program.stopping and not asked:
                asked = True
                child.process.send_signal(signal.SIGTERM)
            if child.report in ready:
                if not (data := os.read(child.report, 64)):
                    return heard, child.process.wait()
                heard += data
                if UP in heard:
                    report.say(UP)
    finally:
        child.close()


def _ordinal(number: int) -> str:
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
