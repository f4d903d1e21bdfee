"""Trials of a study at two depths: `study` (what is asked for, the first thing to read), `drawing` (the lists of one
sky map), `kernel` (many lists at once), `events` (every trial an event folder), `results` (all of them together)."""

from __future__ import annotations

from llama.studies.trials.drawing import Supply, TrialMap, TrueSources, draw_trials
from llama.studies.trials.events import KEPT, OWN_LISTS, AsEvents
from llama.studies.trials.kernel import Judge, Task, do_block, kernel_odds, why_of
from llama.studies.trials.results import (
    SEARCH_TYPES,
    BlockResult,
    StudyTrials,
    blocks_folder,
    collate,
    read_block,
    write_csv,
)
from llama.studies.trials.running import TrialRun, do_run, runs_of
from llama.studies.trials.sources import Source, read_sources
from llama.studies.trials.study import (
    CLASSES,
    DEPTHS,
    EVENT_FOLDERS,
    SIGNAL_NEUTRINOS,
    STUDY_FILE,
    Connect,
    Inputs,
    Options,
    TrialStudy,
    in_turn,
    listed,
    open_study,
    read_study,
)

__all__ = [
    "CLASSES",
    "DEPTHS",
    "EVENT_FOLDERS",
    "KEPT",
    "OWN_LISTS",
    "SEARCH_TYPES",
    "SIGNAL_NEUTRINOS",
    "STUDY_FILE",
    "AsEvents",
    "BlockResult",
    "Connect",
    "Inputs",
    "Judge",
    "Options",
    "Source",
    "StudyTrials",
    "Supply",
    "Task",
    "TrialMap",
    "TrialRun",
    "TrialStudy",
    "TrueSources",
    "blocks_folder",
    "collate",
    "do_block",
    "do_run",
    "draw_trials",
    "in_turn",
    "kernel_odds",
    "listed",
    "open_study",
    "read_block",
    "read_sources",
    "read_study",
    "runs_of",
    "why_of",
    "write_csv",
]
