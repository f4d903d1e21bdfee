"""What can go wrong in running the system.

OperateError
├── AlreadyRunning     another program does this work already; the message names it
├── NotUp              a program that was started did not come to work
├── NotEnded           a program that was to end did not, or may not be told to
└── StoreError         what is asked of a store, a manifest or an archive cannot be done
"""

from __future__ import annotations


class OperateError(Exception):
    """Root of the errors of running programs."""


class AlreadyRunning(OperateError):
    """Another program holds what this one wants for itself.

    `pid` is that program's process, None when it is not known.
    """

    def __init__(self, message: str, pid: int | None) -> None:
        super().__init__(message)
        self.pid = pid


class NotUp(OperateError):
    """A program that was started did not come to work; the message is what it said itself."""


class NotEnded(OperateError):
    """A program that was to end did not, or may not be told to."""


class StoreError(OperateError):
    """What is asked of a store, a manifest or an archive cannot be done; the message names the file."""
