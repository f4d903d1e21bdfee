"""What can go wrong with starting an event by hand; unreadable notices are `llama.formats.errors`.

FormatError
└── StartError              what was given is not enough to start an event, or contradicts itself
"""

from __future__ import annotations

from llama.formats.errors import FormatError


class StartError(FormatError):
    """What was given is not enough to start an event, or contradicts itself; nothing was created."""
