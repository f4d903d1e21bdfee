"""What can go wrong with a fleet of servers.

FleetError
└── BadPattern      a name, range or glob of servers that cannot be read; the message says what it may be
"""

from __future__ import annotations


class FleetError(Exception):
    """Root of the errors of a fleet. The message says what to do."""


class BadPattern(FleetError):
    """A name, range or glob of servers that cannot be read."""
