"""The demonstration: a packaged alert as an event like any other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from llama.engine.folder import Event, Run
from llama.engine.running import utc_now
from llama.flags import Flags
from llama.intake import deliver
from llama.messengers.gw.start import Given, start
from llama.ports import GraceDB


def demo_event(run: Run, alert: bytes, gracedb: Callable[[], GraceDB]) -> Event:
    """The alert's event in the run, as a test that uploads nothing. Doing it again changes nothing."""
    delivery = replace(start(Given(alert=alert), gracedb), flags=Flags(), why="llama demo")
    (event,) = deliver(delivery, run, now=utc_now()).events
    return event
