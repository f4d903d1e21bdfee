"""What can go wrong with a fleet of servers.

FleetError
├── BadPattern      a name, range or glob of servers that cannot be read; the message says what it may be
├── NoServers       nobody to turn to: no server is named so, or no list of servers is there
├── NotToBeDone     what was asked is refused before anything is done: no room, no such file, no program
└── ServerFailed    one server did not do what it was asked; the others go on
    └── KeyChanged  it shows another host key than the one that is known
"""

from __future__ import annotations


class FleetError(Exception):
    """Root of the errors of a fleet. The message says what to do."""


class BadPattern(FleetError):
    """A name, range or glob of servers that cannot be read."""


class NoServers(FleetError):
    """Nobody to turn to."""


class NotToBeDone(FleetError):
    """What was asked is refused before anything is done."""


class ServerFailed(FleetError):
    """One server did not do what it was asked; the others go on."""


class KeyChanged(ServerFailed):
    """A server shows another host key than the one that is known of it."""
