"""Run a pipeline over many inputs: every combination of the values of the lists becomes an event of its own.

A word name=LISTFILE is a parameter: {name} stands for its values in addresses, names of folders and templates, and so
do {number} (of the combination) and {eventid} (the name of its event's folder). A word without = is a study,
packaged or a TOML file, that says all this; what is typed besides goes before. Without any word it is the study
mid-o3-subthreshold. What is put already is not done again: type the same to go on.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count, seed
from llama.cli.cluster_words import add_cluster_argument, workforce_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Set

    from llama.app import App
    from llama.operate.programs import Program
    from llama.ports import Storage
    from llama.studies.batch.combination import Outcome
    from llama.studies.batch.crew import Crew
    from llama.studies.batch.plan import Batch, Combination
    from llama.studies.batch.study_file import Asked

PREFIX_CHARS = "-+"
PROGRAM = "llama.batch"
_DEFAULT_STUDY = "mid-o3-subthreshold"
_SHOWN = 3
_QUIET = "QUIET"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama batch` understands."""
    add = parser.add_argument
    add("words", nargs="*", metavar="STUDY|name=LISTFILE", help="what is combined (see above)")
    pairs = {
        "--get": ("FILE=URL", "fetch a file of the event: a path, https://… or s3://…, with {name}; FILE= not"),
        "--put": ("FILE=URL", "put a file of the event there: a path or s3://…, with {name}; FILE= not"),
        "--set": ("NAME=VALUE", "a name that is not listed; without it, the variable of the environment"),
        "--skip": ("NAME=LISTFILE", "leave these values of a parameter out"),
    }
    for option, (form, about) in pairs.items():
        add(option, action="append", default=[], metavar=form, help=f"{about}; may be given again")
    add("--format", action="append", default=[], metavar="FILE", help="a fetched file in which {name} is filled in")
    add("--eventdir", default="", metavar="PATTERN", help="the event's folder (default: all parameters, joined by -)")
    add("--errdump", default="", metavar="PATTERN|FOLDER", help="where traceback and state of failed events are put")
    add("--random", type=count, metavar="N", help="so many combinations, at random")
    add("--seed", type=seed, metavar="N", help="of --random: the same gives the same combinations")
    add("--part", type=_part, metavar="K/N", help="the K-th of N machines that share the work")
    add("--flags", nargs="+", default=[], metavar="PRESET|NAME=value", help="of the events (default: DEFAULT)")
    add("--public", action="store_true", help="whoever knows the address may read what is put")
    add("--discard", action="store_true", help="remove an event's folder once all of it is put")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("-f", nargs="+", default=[], metavar="PRODUCT", dest="only", help="make these products only")
    only.add_argument("+f", nargs="+", default=[], metavar="PRODUCT", dest="upto", help="these and what they need")
    add("-p", "--pipeline", default="", metavar="PIPELINE", help="which pipeline")
    add("-j", "--workers", type=count, metavar="N", help="processes (default: see LLAMA_WORKERS)")
    add_cluster_argument(parser)
    add("--dry-run", action="store_true", help="show what would be done, and stop")
    levels = ("DEBUG", "INFO", "WARNING", "ERROR")
    add(
        "-v",
        "--verbosity",
        metavar="LEVEL",
        default="WARNING",
        type=str.upper,
        choices=levels,
        help=f"of the log on the screen: {', '.join(levels)} (default %(default)s)",
    )
    add("-l", "--logfile", type=Path, metavar="LOGFILE", help="write a log there too, always at level debug")


def main(args: argparse.Namespace, app: App) -> int:
    """Work through all combinations; the exit status says whether any failed."""
    from llama.operate.programs import running
    from llama.ports import STORAGE
    from llama.studies.batch.before import put_before
    from llama.studies.batch.combination import Outcome, pipeline_of, task
    from llama.studies.batch.crew import Crew
    from llama.studies.batch.plan import check_apart, check_places, plan
    from llama.supplies import workshop

    storage: Storage = app.service(STORAGE)
    whole = _chosen(plan(_asked(args, app), storage, os.environ), args)
    pipeline_of(whole.orders, app)
    check_apart(whole)
    _tell(whole)
    if args.dry_run:
        return _show(whole)
    check_places(whole, storage)
    args.workers = args.workers or app.workers
    start = workforce_of(args, app) if args.cluster and args.cluster.kind != "local" else None
    before = put_before(whole, storage)
    with running(PROGRAM, app, args.verbosity, args.logfile, tells=False) as program:
        connect = workshop(app) if args.workers <= 1 and not start else workshop(app, program.log)

        def lost(one: Combination) -> Outcome:
            why = "its process died: killed, or out of memory"
            return Outcome(one.number, "failed", "", f"number {one.number}: {why}")

        crew = Crew(task(whole.orders, connect), args.workers, lost, start)
        program.on_stop(crew.stop)
        found = _watched(crew, whole, before)
        return _conclude(found, whole, program, app.settings.logs / f"{PROGRAM}.log")


def _asked(args: argparse.Namespace, app: App) -> Asked:
    """The study, with what was typed besides."""
    from llama.studies.batch.errors import BatchError
    from llama.studies.batch.study_file import Asked, read_study

    studies = [word for word in args.words if "=" not in word]
    parameters = _pairs([word for word in args.words if "=" in word], "name=LISTFILE")
    if len(studies) > 1:
        raise BatchError(f"{' and '.join(studies)} are two studies; name one, and write parameters as name=LISTFILE")
    if not (studies or parameters):
        studies = [_DEFAULT_STUDY]
    study = read_study(_study(studies[0])) if studies else Asked()
    typed = Asked(
        parameters=parameters,
        skip=_pairs(args.skip, "--skip NAME=LISTFILE"),
        set=_pairs(args.set, "--set NAME=VALUE"),
        get=_pairs(args.get, "--get FILE=URL"),
        put=_pairs(args.put, "--put FILE=URL"),
        format=tuple(args.format),
        eventdir=args.eventdir,
        errdump=args.errdump,
        flags=tuple(args.flags),
        pipeline=args.pipeline,
        only=tuple(args.only),
        upto=tuple(args.upto),
        public=args.public,
        discard=args.discard,
    )
    from llama.app import DEFAULT_PIPELINE_NAME

    return Asked(pipeline=DEFAULT_PIPELINE_NAME).then(study).then(typed)


def _study(word: str) -> Path:
    from llama.app import packaged
    from llama.studies.batch.errors import BatchError

    path = Path(word)
    if path.suffix == ".toml" or path.is_file():
        return path
    there = sorted(one.stem for one in packaged("studies").glob("*.toml"))
    if word not in there:
        raise BatchError(f"there is no study {word}; there are {', '.join(there)}, or write name=LISTFILE")
    return packaged("studies") / f"{word}.toml"


def _pairs(words: Iterable[str], form: str) -> dict[str, str]:
    from llama.studies.batch.errors import BatchError

    found: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not (name and equals and (value or "FILE" in form)):
            raise BatchError(f"{word!r} is not understood; write {form}")
        if name in found:
            raise BatchError(f"{name} is given twice ({form}); keep one of them")
        found[name] = value
    return found


def _part(text: str) -> tuple[int, int]:
    first, _, second = text.partition("/")
    return count(first), count(second)


def _chosen(whole: Batch, args: argparse.Namespace) -> Batch:
    from llama.studies.batch.errors import BatchError
    from llama.studies.batch.plan import at_random, part_of

    if args.random is not None:
        chosen = secrets.randbits(32) if args.seed is None else args.seed
        total, whole = whole.total, at_random(whole, args.random, chosen)
        print(f"{args.random} of {total} combinations at random; --seed {chosen} gives the same again")
    elif args.seed is not None:
        raise BatchError("--seed is of --random N; say how many")
    return part_of(whole, *args.part) if args.part else whole


def _tell(whole: Batch) -> None:
    if whole.orders.asked.about:
        print(whole.orders.asked.about)
    for one in whole.parameters:
        left = f"; {len(one.skipped)} are skipped" if one.skipped else ""
        left += f"; {one.unmet} to be skipped are not listed" if one.unmet else ""
        print(f"{len(one.values):>9} {one.name} in {one.source}{left}")
    print(f"{len(whole):>9} combinations to do; {whole.skipped} are skipped", flush=True)


def _show(whole: Batch) -> int:
    orders = whole.orders
    for one, _ in zip(whole, range(_SHOWN), strict=False):
        print(f"\n{one.number}  {orders.folder(one)}")
        for name, url in orders.asked.get.items():
            print(f"  get {name} = {orders.address(url, one)}")
        for name, url in orders.asked.put.items():
            print(f"  put {name} = {orders.address(url, one)}")
    if len(whole) > _SHOWN:
        print(f"\nand {len(whole) - _SHOWN} more")
    return 0


def _watched(crew: Crew[Combination, Outcome], whole: Batch, before: Set[int]) -> Counter[str]:
    """How many came to which end, with a progress bar, and the first failures as they come; a full disk ends it."""
    from tqdm import tqdm

    found: Counter[str] = Counter(before=len(before))
    with tqdm(total=len(whole), initial=len(before), unit="event", disable=None) as bar:
        for outcome in crew.through(one for one in whole if one.number not in before):
            found[outcome.kind] += 1
            bar.update()
            if outcome.kind == "failed":
                bar.set_postfix(failed=found["failed"])
                if found["failed"] <= _SHOWN:
                    bar.write(f"llama batch: {outcome.why}", file=sys.stderr)
            if outcome.full:
                crew.stop()
                found["full"] += 1
    return found


def _conclude(found: Counter[str], whole: Batch, program: Program, log: Path) -> int:
    """The counts; the exit status."""
    if found["failed"] > _SHOWN:
        print(f"llama batch: and {found['failed'] - _SHOWN} more; {log} has them all", file=sys.stderr)
    if found["full"]:
        print("llama batch: the disk is full; free some room, and type the same to go on", file=sys.stderr)
    left = len(whole) - sum(found[kind] for kind in ("done", "before", "failed"))
    counts = f"{found['done']} done, {found['before']} had been put before, {found['failed']} failed"
    print(f"{counts}, {whole.skipped} skipped" + (f", {left} not begun" if left else ""))
    if program.signal is not None:
        return 128 + program.signal
    return 1 if found["failed"] or left else 0
