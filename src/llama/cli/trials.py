"""Trials of a study: lists of neutrinos beside the sky maps of a population, and what the search says of each.

background: real events of a season, right ascension and time scrambled. signal and doublet: the same with one or two
neutrinos of a source on the map. At depth `kernel` many lists go through the statistic at once, without files; at
depth `pipeline` every trial becomes an event folder (events/injection-N, signal-events/…, signal-doublet-events/…).
The same trials have the same statistic at both.

The study's folder keeps what it was begun with (study.json), every block of trials as soon as it is done, and who
drew which (runs.jsonl): the same command goes on where it was stopped. Several machines take part with --blocks: each
draws its own in a folder of its own, and `llama dev sensitivity FOLDER…` reads all of them. Maps that cannot be used
are left out and told; then the command ends with 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama.cli.arguments import count, maps
from llama.cli.cluster_words import add_workforce_arguments, tell, workforce_of
from llama.cli.stopping import goes_on, some
from llama.cli.study_words import add_study_arguments, options_of, run_of, study_of, task_of

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.clusters import Workforce
    from llama.studies.trials import BlockResult, Judge, StudyTrials, TrialRun, TrialStudy

_MANY_BLOCKS, _FEW_PER_MAP = 2000, 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("kind", choices=("background", "signal", "doublet"), help="what the lists hold")
    parser.add_argument("maps", type=maps, metavar="LISTFILE", help="sky maps, one path per line, or their folder")
    add_study_arguments(parser)
    parser.add_argument("--depth", choices=("kernel", "pipeline"), default="kernel", help="default %(default)s")
    parser.add_argument("-n", "--trials", type=count, default=10_000, help="how many (default %(default)s)")
    parser.add_argument("--own-lists", type=count, default=200, metavar="N",
                        help="background lists for an event's own p-value (default %(default)s)")  # fmt: skip
    add_workforce_arguments(parser)


def main(args: argparse.Namespace, app: App) -> int:
    """Draw, with a progress bar, and say what there is now."""
    from llama.studies.trials import AsEvents, kernel_odds
    from llama.supplies import elsewhere

    pipeline = args.depth == "pipeline"
    judge = AsEvents(args.folder, elsewhere(app), args.own_lists) if pipeline else kernel_odds
    with study_of(args.folder, options_of(args), app) as study:
        trials = draw(study, run_of(args, args.depth, args.trials), judge, app, workforce_of(args, app))
    return 1 if trials.missing or trials.damaged or not len(trials) else 0


def draw(study: TrialStudy, run: TrialRun, judge: Judge, app: App, workforce: Workforce) -> StudyTrials:
    """The trials of a run, and a CSV file of all that are there."""
    import sys

    from tqdm import tqdm

    from llama.studies.trials import collate, do_run, write_csv

    told, modes = set[str](), dict[str, str]()
    if len(run.blocks) > _MANY_BLOCKS and run.per_map < _FEW_PER_MAP:
        note = f"{len(run.blocks)} blocks of {run.per_map} trials; in a new folder --per-map {_FEW_PER_MAP}"
        print(f"llama: note: {note} reads maps less often", file=sys.stderr)
    with (
        goes_on(lambda: some(str(run.keep), len(list(run.keep.glob("*.npz"))), "blocks")),
        workforce() as executor,
        tqdm(total=len(run.blocks) * run.per_map, unit="trial", leave=False) as bar,
    ):
        task = task_of(study, run, app)
        for block in do_run(task, run, executor, judge, tell):
            bar.update(run.per_map)
            _refuse_mixed(modes, block, task.maps)
            if block.why and block.skymap not in told:
                told.add(block.skymap)
                bar.clear()
                print(f"llama: left out: {block.why}", file=sys.stderr)
    trials = collate([run.folder], run.kind, run.depth)
    table = run.keep.with_suffix(".csv")
    write_csv(trials, table)
    print(f"{trials.told}\nin {table}")
    return trials


def _refuse_mixed(modes: dict[str, str], block: BlockResult, maps: Sequence[str]) -> None:
    """FormatError for a map whose distances are used in another way than those of maps before: odds of such have no
    p-value in common."""
    from llama.formats.errors import FormatError

    if block.why:
        return
    modes.setdefault(block.mode, block.skymap)
    if len(modes) > 1:
        (one, first), (two, second) = modes.items()
        raise FormatError(
            f"{second} has distance mode {two}, {first} of the same list {one}; list them apart{_without(maps)}"
        )


def _without(maps: Sequence[str]) -> str:
    """All maps without distances, or with, whichever are fewer; for the sake of whoever lists them apart."""
    from pathlib import Path

    from llama.formats.errors import FormatError
    from llama.formats.skymap import has_distances

    found: dict[bool, list[str]] = {False: [], True: []}
    for one in sorted(maps):
        try:
            found[has_distances(Path(one))].append(one)
        except (FormatError, OSError):  # told when its turn comes
            continue
    fewer = len(found[True]) < len(found[False])
    if not (names := found[fewer]):
        return ""
    return f". {len(names)} of {len(maps)} have {'' if fewer else 'no '}distances: {', '.join(names)}"
