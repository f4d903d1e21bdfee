"""What can go wrong outside.

ServiceError
├── ArchiveError            an archive that cannot be used; the message says what to do
│   └── BadEvent            a row that cannot be a neutrino
├── ServiceBusy             it has no answer for now, and may have one later; whoever asked waits
└── DownloadError           something could not be fetched
    └── DigestMismatch      what arrived is not what was asked for
"""

from __future__ import annotations

from llama.ports import NotNow


class ServiceError(Exception):
    """Root: something outside did not do what we asked. The message says what to do."""


class ArchiveError(ServiceError):
    """An archive of neutrinos or bursts that is missing, damaged, or not one."""


class BadEvent(ArchiveError):
    """A row of an archive that cannot be a neutrino; the message names file and row."""


class ServiceBusy(ServiceError, NotNow):
    """What is asked over the network has no answer for now."""

    def __init__(self, why: str, wait_s: float = 0.0) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class DownloadError(ServiceError):
    """Something could not be fetched; nothing was left behind."""


class DigestMismatch(DownloadError):
    """What arrived is not what was asked for; it was thrown away."""
