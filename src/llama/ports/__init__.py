"""What we ask of the outside world: one file per outside party, protocols and their keys, no code behind them.

A key (`Service`, the first thing to read) names a protocol; a product declares the keys it needs, and `app` says who
answers them.
"""

from __future__ import annotations

from llama.ports.broker import GCN, LVALERT, SCIMMA, Broker, BrokerError, BrokerFault, Incoming, Message
from llama.ports.bursts import GRB_SOURCE, SWIFT_SOURCE, Burst, BurstMap, BurstWindow, GRBSource, Retraction
from llama.ports.cloud import (
    DROPLETS,
    MOST_AT_ONCE,
    Account,
    Act,
    Cloud,
    CloudAction,
    CloudError,
    CloudRefused,
    Image,
    NewServers,
    ReadOnlyToken,
    Server,
    ServerSize,
    ServerTag,
    SSHKey,
    Uncertain,
)
from llama.ports.covered import SeasonStretch, Stretch
from llama.ports.gracedb import GRACEDB, GraceDB, GraceDBError, GraceDBRefused, StoredFile, StoredNotice, Superevent
from llama.ports.neutrino_alerts import NEUTRINO_ALERTS, NeutrinoAlert
from llama.ports.neutrinos import (
    NEUTRINO_SOURCE,
    SIMULATED_SOURCE,
    Neutrino,
    NeutrinoSource,
    NeutrinoWindow,
    NotNow,
)
from llama.ports.service import Opener, Places, Provider, Service
from llama.ports.storage import STORAGE, NoSuchObject, Storage, StoredObject, TransferError, TransferRefused

__all__ = [
    "DROPLETS",
    "GCN",
    "GRACEDB",
    "GRB_SOURCE",
    "LVALERT",
    "MOST_AT_ONCE",
    "NEUTRINO_ALERTS",
    "NEUTRINO_SOURCE",
    "SCIMMA",
    "SIMULATED_SOURCE",
    "STORAGE",
    "SWIFT_SOURCE",
    "Account",
    "Act",
    "Broker",
    "BrokerError",
    "BrokerFault",
    "Burst",
    "BurstMap",
    "BurstWindow",
    "Cloud",
    "CloudAction",
    "CloudError",
    "CloudRefused",
    "GRBSource",
    "GraceDB",
    "GraceDBError",
    "GraceDBRefused",
    "Image",
    "Incoming",
    "Message",
    "Neutrino",
    "NeutrinoAlert",
    "NeutrinoSource",
    "NeutrinoWindow",
    "NewServers",
    "NoSuchObject",
    "NotNow",
    "Opener",
    "Places",
    "Provider",
    "ReadOnlyToken",
    "Retraction",
    "SSHKey",
    "SeasonStretch",
    "Server",
    "ServerSize",
    "ServerTag",
    "Service",
    "Storage",
    "StoredFile",
    "StoredNotice",
    "StoredObject",
    "Stretch",
    "Superevent",
    "TransferError",
    "TransferRefused",
    "Uncertain",
]
