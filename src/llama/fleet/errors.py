"""What can go wrong with a fleet of servers.

FleetError
├── BadPattern      a name, range or glob of servers that cannot be read; the message says what it may be
├── NotThere        no server, image, key or size is called so
├── Ambiguous       several are called so; the message tells them apart
├── NotPossible     what is wanted cannot be: a name that is taken, a limit, an image that does not fit
└── NotFinished     something was begun and did not come to its end; the message says how things stand
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
