"""What can go wrong with a fleet of servers.

FleetError
├── BadPattern      a name, range or glob of servers that cannot be read; the message says what it may be
├── NotThere        no server, image, key or size is called so
├── Ambiguous       several are called so; the message tells them apart
├── NotPossible     what is wanted cannot be: a name that is taken, a limit, an image that does not fit
├── NotFinished     something was begun and did not come to its end; the message says how things stand
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


class NotThere(FleetError):
    """No server, image, key or size is called so."""


class Ambiguous(FleetError):
    """Several are called so; the message tells them apart."""


class NotPossible(FleetError):
    """What is wanted cannot be: a name that is taken, a limit, an image that does not fit."""


class NotFinished(FleetError):
    """Something was begun and did not come to its end; the message says how things stand."""


class NoServers(FleetError):
    """Nobody to turn to."""


class NotToBeDone(FleetError):
    """What was asked is refused before anything is done."""


class ServerFailed(FleetError):
    """One server did not do what it was asked; the others go on."""


class KeyChanged(ServerFailed):
    """A server shows another host key than the one that is known of it."""
