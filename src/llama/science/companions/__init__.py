"""Messengers of other kinds: what one of them must state to enter the odds (`companion`, the first thing to read),
what gamma-ray bursts state (`grb`), and what unrelated candidates are like (`unrelated`)."""

from __future__ import annotations

from llama.science.companions.companion import (
    Companion,
    Listening,
    Looked,
    OfDistance,
    Unrelated,
    in_time,
    listens,
    log_silence_unless,
    log_strength,
    not_listening,
    source_times,
    within_reach,
)
from llama.science.companions.grb import (
    GRBModel,
    Measured,
    as_parameters,
    log_double_power_law,
    log_heard,
    log_heard_at_all,
    log_noise,
    log_normal,
)
from llama.science.companions.unrelated import draw_measured, rarer

__all__ = [
    "Companion",
    "GRBModel",
    "Listening",
    "Looked",
    "Measured",
    "OfDistance",
    "Unrelated",
    "as_parameters",
    "draw_measured",
    "in_time",
    "listens",
    "log_double_power_law",
    "log_heard",
    "log_heard_at_all",
    "log_noise",
    "log_normal",
    "log_silence_unless",
    "log_strength",
    "not_listening",
    "rarer",
    "source_times",
    "within_reach",
]
