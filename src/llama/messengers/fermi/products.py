"""Fermi's file of an event: the gamma-ray bursts around the trigger."""

from __future__ import annotations

from llama.engine.graph import Shared
from llama.formats.records import Record
from llama.messengers.burst_product import BurstFile
from llama.ports import GRB_SOURCE
from llama.science.companions import GRBModel

GRB_MODEL: Shared[GRBModel] = Shared("grb.json", Record(GRBModel, whole=True), setting="grb.model")
"""Every number on gamma-ray bursts that the statistic uses."""

FERMI_GRBS = BurstFile(
    "FERMI_GRBS",
    "fermi_grbs.json",
    GRB_SOURCE,
    "gamma-ray bursts within 500 s of the trigger, from the burst source",
    ("FermiGRBsJSON",),
)
