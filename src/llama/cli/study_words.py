"""What commands ask of a study of trials, in the same words."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import blocks, count, detectors, injections, seed

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.trials import Options, Task, TrialRun, TrialStudy


def add_study_arguments(parser: argparse.ArgumentParser) -> None:
    """What a study is, and which part of it is meant."""
    parser.add_argument("-d", "--folder", type=Path, default=Path(), metavar="STUDY", help="default: here")
    parser.add_argument("-p", "--population", choices=("bns", "nsbh", "bbh"), required=True, help="of the maps")
    parser.add_argument("--blocks", type=blocks, metavar="FIRST:LAST", help="these blocks only, for this machine")
    parser.add_argument("--per-map", type=count, metavar="N", help="trials of a block, which is one sky map")
    parser.add_argument("-s", "--season", default="IC86-2011", help="whose neutrinos (default %(default)s)")
    parser.add_argument("--detectors", type=detectors, default="", metavar="H1L1V1",
                        help="that heard the maps of this list")  # fmt: skip
    parser.add_argument("--injections", type=injections, metavar="FILE",
                        help="where the sources are (injections.dat); else drawn from each map")  # fmt: skip
    parser.add_argument("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")


def options_of(args: argparse.Namespace) -> Options:
    """What a study is."""
    from llama.studies.trials import Options

    return Options(args.maps, args.population, args.season, args.seed, args.detectors, args.injections)


@contextmanager
def study_of(folder: Path, asked: Options, app: App) -> Iterator[TrialStudy]:
    """The study of the folder, begun if need be, held for this program alone."""
    from datetime import UTC, datetime

    from llama.advice import TRIALS
    from llama.operate.sole import Sole, myself
    from llama.studies.trials import TrialStudy, open_study
    from llama.supplies import trial_inputs

    study = TrialStudy.of(trial_inputs(app, asked.season)(), asked)
    folder.mkdir(parents=True, exist_ok=True)
    sole = Sole(folder, "trials", myself(TRIALS.typed, datetime.now(UTC)))
    try:
        yield open_study(folder, study)
    finally:
        sole.release()


def run_of(args: argparse.Namespace, depth: str, trials: int) -> TrialRun:
    """Which blocks of trials are meant."""
    from llama.studies.trials import TrialRun, listed

    maps = len(listed(args.maps))
    return TrialRun.of(args.folder, args.kind, depth, trials, maps, per_map=args.per_map, blocks=args.blocks)


def task_of(study: TrialStudy, run: TrialRun, app: App) -> Task:
    """What a process needs to do its blocks."""
    from llama.studies.trials import Task
    from llama.supplies import trial_inputs

    return Task.of(study, run.kind, run.depth, run.per_map, trial_inputs(app, study.season))
