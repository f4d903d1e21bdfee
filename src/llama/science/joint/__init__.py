"""Where the source is and how far, given all that may share it: the joint sky map (`map`, the first thing to
read), the cells it stands on (`grid`), the merger's distance reweighted (`distance`)."""

from __future__ import annotations

from llama.science.joint.map import LEAST_PROBABILITY, Relation, joint_map, relations

__all__ = [
    "LEAST_PROBABILITY",
    "Relation",
    "joint_map",
    "relations",
]
