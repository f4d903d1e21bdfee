"""Neutrino lists of a study as files that the pipeline takes as its neutrino file.

background: real events of a season, right ascension and time scrambled, as bklist/NAME.json, with bklist_names.txt.
signal and doublet (these need LISTFILE, sky maps): the same with one or two neutrinos of a source on each map,
injected from the detector's response, as signal-neutrinos/injection-N.json or signal-doublet-neutrinos/…, with
injections.csv of what is true of the sources: the lists that `llama dev trials` has in the same study. Maps that
cannot be used are left out and told; then the command ends with 1.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.cli.arguments import count, maps
from llama.cli.cluster_words import add_workforce_arguments, workforce_of
from llama.cli.stopping import goes_on, some
from llama.cli.study_words import add_study_arguments, options_of, run_of, study_of, task_of

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("kind", choices=("background", "signal", "doublet"), help="what the lists hold")
    parser.add_argument(
        "maps",
        type=maps,
        nargs="?",
        metavar="LISTFILE",
        help="sky maps of signals, one path per line, or a folder",
    )
    add_study_arguments(parser)
    parser.add_argument("-n", "--lists", type=count, default=1_000, help="how many (default %(default)s)")
    parser.add_argument("--gps", type=float, default=1e9, metavar="S",
                        help="time of the trigger that background is around (default %(default)s)")  # fmt: skip
    add_workforce_arguments(parser)


def main(args: argparse.Namespace, app: App) -> int:
    """Write the lists, with progress, and say where they are."""
    if args.kind == "background":
        return _background(args, app)
    if args.maps is None:
        print(f"{args.kind} neutrinos come from sky maps: give LISTFILE")
        return 2
    return _signal(args, app)


def _background(args: argparse.Namespace, app: App) -> int:
    from tqdm import tqdm

    from llama.studies.neutrino_files import LISTS, NAMES, write_background
    from llama.supplies import trial_inputs

    connect = trial_inputs(app, args.season)
    done = 0
    with (
        goes_on(lambda: some(str(args.folder / LISTS), done, "lists")),
        workforce_of(args, app)() as executor,
        tqdm(total=args.lists, unit="list", leave=False) as bar,
    ):
        for more in write_background(
            args.folder, connect, args.population, lists=args.lists, gps_s=args.gps, seed=args.seed, executor=executor
        ):
            done += more
            bar.update(more)
    print(f"{args.lists} lists of {args.season} in {args.folder / LISTS}, named in {args.folder / NAMES}")
    return 0


def _signal(args: argparse.Namespace, app: App) -> int:
    import sys

    from tqdm import tqdm

    from llama.studies.neutrino_files import SIGNAL_FOLDERS, write_signal

    done, left_out = 0, dict[str, str]()
    target = args.folder / SIGNAL_FOLDERS[args.kind]
    with (
        goes_on(lambda: some(str(target), done, "lists")),
        study_of(args.folder, options_of(args), app) as study,
        workforce_of(args, app)() as executor,
    ):
        run = run_of(args, "pipeline", args.lists)
        task = task_of(study, run, app)
        written = write_signal(args.folder, task, run.blocks, executor)
        for block, why in tqdm(written, total=len(run.blocks), unit="map", leave=False):
            if why and task.map_of(block) not in left_out:
                print(f"llama: left out: {why}", file=sys.stderr)
                left_out[task.map_of(block)] = why
            done += 0 if why else run.per_map
    print(f"{done} lists in {target}; {len(left_out)} sky maps were left out")
    return 1 if left_out else 0
