"""For tests of ours and of packages that add a messenger or a service: a world, a bench, fakes, contract checks.

`check_messenger` (the first thing to read) and `check_service` say in one error all that is wrong with what you add;
docs/guides/testing.md shows each thing at work.
"""

from __future__ import annotations

from llama.testing import rehearsal
from llama.testing.brokers import FakeBroker, FakeProgram
from llama.testing.droplets import DropletsServer, Habits
from llama.testing.gracedb import GraceDBServer, superevent_record
from llama.testing.messengers import check_messenger
from llama.testing.neutrino_service import ReferenceService, Trouble, serve_neutrinos
from llama.testing.rehearsal import Played, RehearsalStage, Scene
from llama.testing.services import check_service
from llama.testing.ssh import SshFarm
from llama.testing.tansu import Proxy, Tansu, free_port, tansu_program
from llama.testing.worlds import NOW, Bench, Clock, FakeEnvironment, FakeGraceDB, demo_alert, event, world

__all__ = [
    "NOW",
    "Bench",
    "Clock",
    "DropletsServer",
    "FakeBroker",
    "FakeEnvironment",
    "FakeGraceDB",
    "FakeProgram",
    "GraceDBServer",
    "Habits",
    "Played",
    "Proxy",
    "ReferenceService",
    "RehearsalStage",
    "Scene",
    "SshFarm",
    "Tansu",
    "Trouble",
    "check_messenger",
    "check_service",
    "demo_alert",
    "event",
    "free_port",
    "rehearsal",
    "serve_neutrinos",
    "superevent_record",
    "tansu_program",
    "world",
]
