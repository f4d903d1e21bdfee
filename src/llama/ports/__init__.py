"""What we ask of the outside world: one file per outside party, protocols and their keys, no code behind them.

A key (`Service`, the first thing to read) names a protocol; a product declares the keys it needs, and `app` says who
answers them.
"""

from __future__ import annotations

from llama.ports.bursts import GRB_SOURCE, SWIFT_SOURCE, Burst, BurstMap, BurstWindow, GRBSource, Retraction
from llama.ports.covered import SeasonStretch, Stretch
from llama.ports.gracedb import GRACEDB, GraceDB
from llama.ports.neutrinos import NEUTRINO_SOURCE, SIMULATED_SOURCE, Neutrino, NeutrinoSource, NeutrinoWindow
from llama.ports.service import Opener, Places, Provider, Service

__all__ = [
    "GRACEDB",
    "GRB_SOURCE",
    "NEUTRINO_SOURCE",
    "SIMULATED_SOURCE",
    "SWIFT_SOURCE",
    "Burst",
    "BurstMap",
    "BurstWindow",
    "GRBSource",
    "GraceDB",
    "Neutrino",
    "NeutrinoSource",
    "NeutrinoWindow",
    "Opener",
    "Places",
    "Provider",
    "Retraction",
    "SeasonStretch",
    "Service",
    "Stretch",
]
