"""GraceDB through its own library: how it is set up (`setup`, the first thing to read), the adapter (`adapter`), when
a question is asked again (`asking`) and how answers are read (`answers`)."""

from __future__ import annotations

from llama.services.gracedb.setup import PROVIDER, GraceDBSettings

__all__ = ["PROVIDER", "GraceDBSettings"]
