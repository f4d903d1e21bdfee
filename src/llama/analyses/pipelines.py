"""Every named pipeline."""

from __future__ import annotations

from collections.abc import Mapping

from llama.analyses.gw_companions import GW_GRB, GW_NEUTRINO_GRB, GW_NEUTRINO_ZTF
from llama.analyses.gw_neutrino import GW_NEUTRINO
from llama.analyses.o2 import O2
from llama.engine.graph import Pipeline

PIPELINES: Mapping[str, Pipeline] = {
    pipeline.name: pipeline for pipeline in (GW_NEUTRINO, GW_GRB, GW_NEUTRINO_GRB, GW_NEUTRINO_ZTF, O2)
}
