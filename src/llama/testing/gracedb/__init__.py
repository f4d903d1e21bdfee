"""A GraceDB over HTTP that `ligo-gracedb` itself talks to: the server (`server`, the first thing to read), what it
holds (`state`); how it misbehaves when told to is in `llama.testing.faults`."""

from __future__ import annotations

from llama.testing.gracedb.server import GraceDBServer
from llama.testing.gracedb.state import Holdings, superevent_record

__all__ = ["GraceDBServer", "Holdings", "superevent_record"]
