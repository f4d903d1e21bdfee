"""Fermi's bursts from files: a folder of archived notices (`archive`, the first thing to read) and the burst
catalogue (`catalogue`)."""

from __future__ import annotations

from llama.services.fermi.archive import SWIFT_AGAIN, NoticeFolder
from llama.services.fermi.catalogue import read_catalogue

__all__ = [
    "SWIFT_AGAIN",
    "NoticeFolder",
    "read_catalogue",
]
