"""Trials of a study: lists of neutrinos beside the sky maps of a population, and what the search says of each.

background: real events of a season, right ascension and time scrambled. signal and doublet: the same with one or two
neutrinos of a source on the map. At depth `kernel` many lists go through the statistic at once, without files; at
depth `pipeline` every trial becomes an event folder (events/injection-N, signal-events/…, signal-doublet-events/…).
The same trials have the same statistic at both.

The study's folder keeps what it was begun with (study.json), every block of trials as soon as it is done, and who
drew which (runs.jsonl): the same command goes on where it was stopped. Several machines take part with --blocks: each
draws its own in a folder of its own, and `llama dev sensitivity FOLDER…` reads all of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import blocks, count, seed

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.trials import Run, TrialStudy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("kind", choices=("background", "signal", "doublet"), help="what the lists hold")
    parser.add_argument("maps", type=Path, metavar="LISTFILE", help="sky maps, one path per line: H1L1V1.csv")
    parser.add_argument("-d", "--folder", type=Path, default=Path(), metavar="STUDY", help="default: here")
    parser.add_argument("-p", "--population", choices=("bns", "nsbh", "bbh"), required=True, help="of the maps")
    parser.add_argument("--depth", choices=("kernel", "pipeline"), default="kernel", help="default %(default)s")
    parser.add_argument("-n", "--trials", type=count, default=10_000, help="how many (default %(default)s)")
    parser.add_argument("--blocks", type=blocks, metavar="FIRST:LAST", help="these blocks only, for this machine")
    parser.add_argument("--per-map", type=count, metavar="N", help="trials of a block, which is one sky map")
    parser.add_argument("-s", "--season", default="IC86-2011", help="whose neutrinos (default %(default)s)")
    parser.add_argument("--detectors", default="", metavar="H1L1V1", help="that heard the maps of this list")
    parser.add_argument("--injections", type=Path, metavar="FILE",
                        help="where the sources are (injections.dat); else drawn from each map")  # fmt: skip
    parser.add_argument("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")
    parser.add_argument("--own-lists", type=count, default=200, metavar="N",
                        help="background lists for an event's own p-value (default %(default)s)")  # fmt: skip
    parser.add_argument("-j", "--workers", type=count, default=2, help="processes (default %(default)s)")


def main(args: argparse.Namespace, app: App) -> int:
    """Draw, with a progress bar, and say what there is now."""
    from datetime import UTC, datetime

    from llama.operate.sole import Sole, myself
    from llama.studies.trials import Options, Run, TrialStudy, listed, open_study

    connect = app.trial_inputs(args.season)
    asked = Options(args.maps, args.population, args.season, args.seed, args.detectors, args.injections)
    study = TrialStudy.of(connect(), asked)
    args.folder.mkdir(parents=True, exist_ok=True)
    sole = Sole(args.folder, "trials", myself("llama dev trials", datetime.now(UTC)))
    try:
        study = open_study(args.folder, study)
        run = Run.of(
            args.folder,
            args.kind,
            args.depth,
            args.trials,
            len(listed(args.maps)),
            per_map=args.per_map,
            blocks=args.blocks,
        )
        return _draw(args, app, study, run)
    finally:
        sole.release()


def _draw(args: argparse.Namespace, app: App, study: TrialStudy, run: Run) -> int:
    import sys

    from tqdm import tqdm

    from llama.studies.blocks import processes
    from llama.studies.trials import AsEvents, collate, do_run, kernel_odds, write_csv

    judge = AsEvents(run.folder, app.elsewhere(), args.own_lists) if run.depth == "pipeline" else kernel_odds
    with (
        processes(args.workers) as executor,
        tqdm(total=len(run.blocks) * run.per_map, unit="trial", leave=False) as bar,
    ):
        for block in do_run(study, run, app.trial_inputs(study.season), executor, judge):
            bar.update(run.per_map)
            if block.why:
                bar.clear()
                print(f"llama: left out: {block.why}", file=sys.stderr)
    trials = collate([run.folder], run.kind, run.depth)
    table = run.keep.with_suffix(".csv")
    write_csv(trials, table)
    print(f"{trials.told}\nin {table}")
    return 0
