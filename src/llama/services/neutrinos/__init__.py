"""Neutrinos as they come: from a service that anybody may run, JSON over HTTP by a protocol of LLAMA's own and nobody
else's (`source`, the first thing to read; `answer` is the protocol, `asking` how it is asked), and from notices that
announce single ones (`alerts`)."""

from __future__ import annotations

from llama.services.neutrinos.alerts import NeutrinoAlerts
from llama.services.neutrinos.answer import PROTOCOL
from llama.services.neutrinos.asking import Asking, wrong_address
from llama.services.neutrinos.source import NeutrinoService

__all__ = ["PROTOCOL", "Asking", "NeutrinoAlerts", "NeutrinoService", "wrong_address"]
