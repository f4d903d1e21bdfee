"""Sky maps of simulated mergers: from a population, or a table of injections, to a folder of maps (`request`, the
first thing to read). A block of sources (`campaign`) is searched for in noise (`measurement`, with `waveform`,
`curves` and `network`), and what is found is localised, by BAYESTAR (`bayestar`) or by a fast approximation
(`localiser`, `amplitudes`); `folder` writes tables and lists."""

from __future__ import annotations

from llama.studies.simulation.measurement import SearchConditions
from llama.studies.simulation.request import RUNS, Request, maps_in, simulate

__all__ = ["RUNS", "Request", "SearchConditions", "maps_in", "simulate"]
