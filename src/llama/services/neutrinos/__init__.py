"""Neutrinos from a service that anybody may run: JSON over HTTP by a protocol of LLAMA's own, which is not IceCube's.

`source` (the first thing to read) answers for a window, `answer` is the protocol, `asking` is how it is asked.
"""

from __future__ import annotations

from llama.services.neutrinos.answer import PROTOCOL
from llama.services.neutrinos.asking import Asking, wrong_address
from llama.services.neutrinos.source import NeutrinoService

__all__ = ["PROTOCOL", "Asking", "NeutrinoService", "wrong_address"]
