"""What can be wrong with a batch.

FormatError
└── BatchError          what was asked for cannot be done: a list, a pattern, a study file
EventUnfinished         an event of a batch is not as far as it was to come
"""

from __future__ import annotations

from llama.formats.errors import FormatError


class BatchError(FormatError):
    """What was asked for cannot be done; the message names the list, pattern or file, and says what to do."""


class EventUnfinished(Exception):
    """A step of an event failed, or a file that is to be put was not made; the message says why."""
