"""The demonstration: a packaged alert as an event like any other."""

from __future__ import annotations

from collections.abc import Callable

from llama.engine.flags import Flags
from llama.engine.folder import Delivery, Event, Run
from llama.messengers.gw.start import Given, start
from llama.ports import GraceDB


def demo_event(run: Run, alert: bytes, gracedb: Callable[[], GraceDB]) -> Event:
    """The alert's event in the run, as a test that uploads nothing. Doing it again changes nothing."""
    begun = start(Given(alert=alert), gracedb)
    return run.accept(Delivery(begun.event_id, begun.files, Flags(), "llama demo"))
