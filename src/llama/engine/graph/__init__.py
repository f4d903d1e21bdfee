"""What can be made of what: a product (`Product`, the first thing to read) names its file, its inputs and how it
is made, a pipeline puts products into makeable order, a step is one making, and the environment is all that the
engine asks of the application. Nothing here touches an event.
"""

from __future__ import annotations

from llama.engine.graph.environment import Environment
from llama.engine.graph.pipeline import Pipeline, find_among
from llama.engine.graph.product import (
    FLAG,
    SHARED,
    Codec,
    Guard,
    Input,
    Product,
    Requirements,
    Selection,
    ServiceKey,
    Shared,
    Step,
    read,
)
from llama.engine.graph.rules import FlagRules, FlagValues

__all__ = [
    "FLAG",
    "SHARED",
    "Codec",
    "Environment",
    "FlagRules",
    "FlagValues",
    "Guard",
    "Input",
    "Pipeline",
    "Product",
    "Requirements",
    "Selection",
    "ServiceKey",
    "Shared",
    "Step",
    "find_among",
    "read",
]
