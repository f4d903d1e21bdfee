"""Check by simulation that the statistic is right, and write a report: an HTML page and a JSON file beside it.

Takes sky maps from a folder (one folder per population, simulated/ of the data folder unless --maps says otherwise)
and neutrinos from the installed archive; where there are none, synthetic stand-ins, and the report says so. The
report is written anew after each check. Exits with 1 when a check fails or could not be judged.
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import place, seed
from llama.cli.cluster_words import add_workforce_arguments, workforce_of
from llama.cli.stopping import goes_on, some

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.validation.inputs import CheckInputs

_WORDS = {"pass": "pass", "fail": "FAIL", "not judged": "NOT JUDGED"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("-o", "--out", type=Path, default=Path("validation.html"), metavar="FILE",
                        help="the page (default %(default)s); its JSON twin has the suffix .json")  # fmt: skip
    parser.add_argument("--size", choices=("small", "medium", "full"), default="small",
                        help="how much to draw: a minute, ten minutes, hours (default %(default)s)")  # fmt: skip
    parser.add_argument("--check", action="append", default=[], metavar="NAME",
                        help="this check only; may be given again: calibration, uniformity, recovery, comparison, "
                        "bracket, own-map")  # fmt: skip
    parser.add_argument("--keep", type=Path, metavar="DIR",
                        help="keep what is drawn in this folder and take from it what is there: a run that was "
                        "cut, or split by --check, goes on")  # fmt: skip
    parser.add_argument("--maps", type=place, metavar="DIR", help="sky maps with distances, a folder per population")
    parser.add_argument("-s", "--season", default="IC86-2011", help="whose neutrinos (default %(default)s)")
    parser.add_argument("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")
    add_workforce_arguments(parser, workers=1)


def main(args: argparse.Namespace, app: App) -> int:
    """Run the checks, print a line for each as it is done, and where the report is."""
    from llama.studies.validation.report import inputs_at_hand, validate
    from llama.supplies import neutrino_pool, observed_season

    command = f"llama dev validate --size {args.size} --seed {args.seed} -s {args.season}"
    command += (" --maps DIR" if args.maps else "") + "".join(f" --check {name}" for name in args.check)

    def gather() -> CheckInputs:
        simulated, season = app.settings.data_dir / "simulated", app.season(args.season)
        pool, events = neutrino_pool(app, args.season), app.season_events(args.season)
        observed = observed_season(app, args.season)
        return inputs_at_hand(args.maps, simulated, app.searches(), season, pool, events, observed)

    passed = True
    kept = goes_on(lambda: some(str(args.keep), len(list(args.keep.rglob("*.npz"))), "blocks"))
    with kept if args.keep else nullcontext():
        for check in validate(
            args.out,
            gather,
            size=args.size,
            only=args.check,
            seed=args.seed,
            start=workforce_of(args, app),
            command=command,
            keep=args.keep,
        ):
            print(f"{_WORDS[check.verdict]}  {check.title}: {check.value}", flush=True)
            passed &= check.verdict == "pass"
    print(f"{args.out} and {args.out.with_suffix('.json')}")
    return 0 if passed else 1
