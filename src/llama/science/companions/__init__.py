"""Messengers of other kinds: what one of them must state to enter the odds (`companion`, the first thing to read)
and what gamma-ray bursts state (`grb`)."""

from __future__ import annotations

from llama.science.companions.companion import (
    Companion,
    Listening,
    OfDistance,
    listens,
    log_silence_unless,
    log_strength,
    not_listening,
    source_times,
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

__all__ = [
    "Companion",
    "GRBModel",
    "Listening",
    "Measured",
    "OfDistance",
    "as_parameters",
    "listens",
    "log_double_power_law",
    "log_heard",
    "log_heard_at_all",
    "log_noise",
    "log_normal",
    "log_silence_unless",
    "log_strength",
    "not_listening",
    "source_times",
]
