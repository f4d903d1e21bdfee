"""Start an event by hand: from a JSON alert, a VOEvent or GraceDB, with the sky map that is there or one of yours.

A retraction starts none: it goes to the events that it takes back, now or later, whose results then say so.
Without --flags it asks whether the event is real or a test; the answer decides what goes out to collaborators.
An event that exists is left alone unless -c is given; what it held before is then kept as earlier versions.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import RUN_ONCE, SHOW_EVENT, VETO_RETRACTED, Advice
from llama.cli.flags import print_presets, shown

if TYPE_CHECKING:
    from llama.app import App
    from llama.engine.folder import Delivery, Event
    from llama.flags import Flags
    from llama.intake import Delivered

_FLAGS = Advice(("flags",))
ANSWERS = {"real": "observation", "test": "test"}
QUESTION = f"""\
Is this event real or a test? The answer decides what goes out to collaborators:
  real   results may be uploaded, sent to IceCube and told to collaborators (flags TRIGGERED_PUBLIC)
  test   nothing may be uploaded or sent, and neutrino directions are scrambled (flags TRIGGERED_TEST)
This version sends nothing in either case; later ones do as the event's flags say ({_FLAGS} changes them).
real or test? """


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("--alert", metavar="FILE", type=Path, help="an igwn.gwalert JSON notice, sky map embedded")
    parser.add_argument("--voevent", metavar="FILE", type=Path, help="a VOEvent of LIGO, Virgo and KAGRA (XML)")
    parser.add_argument(
        "--graceid",
        metavar="ID",
        help="the event's name (S190425z, G298048); alone, all is taken from GraceDB, with the most recent sky map",
    )
    parser.add_argument(
        "--skymap",
        metavar="NAME",
        help="a sky map: a file that exists, else a name in GraceDB, of which a version may be meant (NAME,1)",
    )
    parser.add_argument(
        "--any-skymap",
        action="store_true",
        help="use that map even when its header names another event, instrument or program, without asking",
    )
    parser.add_argument("-d", "--rundir", metavar="FOLDER", type=Path, help="where the event goes (the current run)")
    parser.add_argument(
        "--flags", nargs="+", metavar="PRESET|NAME=value", help="flags instead of the question whether it is real"
    )
    parser.add_argument("--flag-presets", action="store_true", help="show the presets and stop")
    parser.add_argument("--dry-run-flags", action="store_true", help="show the flags the event would get and stop")
    parser.add_argument("-c", "--clobber", action="store_true", help="update the event if it exists already")


def main(args: argparse.Namespace, app: App) -> int:
    """Create the event and say where it is; 2 when what was typed makes no sense."""
    if args.flag_presets:
        return print_presets()
    if args.dry_run_flags:
        flags = _flags(args.flags, "")
        if flags is not None:
            print(shown(flags))
        return 2 if flags is None else 0
    run = app.settings.current_run if args.rundir is None else args.rundir
    delivery = _read(args, app)
    if delivery.takes_back:
        return _take_back(delivery, run)
    for remark in filter(None, (delivery.doubt, delivery.remark)):
        print(f"warning: {remark}", file=sys.stderr)
    if delivery.doubt and args.skymap and not args.any_skymap and not _meant():
        return 2
    _refuse_existing(run / delivery.event_id, clobber=args.clobber)
    flags = _flags(args.flags, delivery.role)
    if flags is None:
        return 2
    delivered = _deliver(replace(delivery, flags=flags), run)
    (event,) = delivered.events
    _make_info(event, app)
    _tell(event, delivery)
    _tell_refused(delivered)
    return 0


def _read(args: argparse.Namespace, app: App) -> Delivery:
    from llama.formats.limits import read_limited
    from llama.formats.notice_json import MAX_JSON_BYTES
    from llama.messengers.gw.start import Given, start

    given = Given(
        alert=read_limited(args.alert, MAX_JSON_BYTES, "a notice") if args.alert else None,
        voevent=read_limited(args.voevent, MAX_JSON_BYTES, "a notice") if args.voevent else None,
        graceid=args.graceid,
        skymap=args.skymap,
    )
    return start(given, app.gracedb)


def _deliver(delivery: Delivery, run: Path) -> Delivered:
    from llama.engine.folder import Run
    from llama.engine.running import utc_now
    from llama.intake import deliver

    return deliver(delivery, Run(run), now=utc_now(), update=True, reflag=True)


def _take_back(delivery: Delivery, run: Path) -> int:
    """Hand a retraction to the events here that it is about, and to those that come later."""
    from llama.messengers.gw.retraction import retractions

    delivered = _deliver(delivery, run)
    if not delivered.events:
        print(
            f"this is a retraction of {delivery.event_id}, from which no event is made, and {run} holds no event "
            "that it takes back (-d says where to look); it is kept there, and one that comes later gets it; "
            f"to stop work on one elsewhere: {VETO_RETRACTED.of(EVENT=delivery.event_id).typed}"
        )
    for event in delivered.events:
        print("\n".join(f"{event.id}: {line}" for line in retractions(event.path)))
        print(f"next: {RUN_ONCE.of(EVENT=event.path).typed}    make its results say so")
        print(f"      {VETO_RETRACTED.of(EVENT=event.path).typed}    make nothing more of it")
    return _tell_refused(delivered)


def _tell_refused(delivered: Delivered) -> int:
    """1 when an event did not take a retraction."""
    for sentence in delivered.refused:
        print(f"llama skymap_info: {sentence}", file=sys.stderr)
    return 1 if delivered.refused else 0


def _refuse_existing(path: Path, *, clobber: bool) -> None:
    """Before anything is asked: nobody wants to answer questions in vain."""
    from llama.engine.errors import EventExists

    if path.exists() and not clobber:
        raise EventExists(f"{path} exists already and was left as it is; -c updates it")


def _meant() -> bool:
    """Whether the operator means a map that seems to be of something else; False, with a message, without a yes."""
    if not sys.stdin.isatty():
        print(
            "llama skymap_info: nobody is there to say whether this sky map is meant; nothing was created. Give "
            "--any-skymap if it is, else --skymap with another",
            file=sys.stderr,
        )
        return False
    while True:
        try:
            answer = input("Use this sky map all the same? Every output will say this. yes or no? ").strip().lower()
        except EOFError:
            answer = "no"
        if answer in ("yes", "no"):
            break
    if answer == "no":
        print("llama skymap_info: the sky map was not wanted, so nothing was created", file=sys.stderr)
    return answer == "yes"


def _flags(words: list[str] | None, role: str) -> Flags | None:
    """The flags by preset or by question; None, with a message, when they are not understood."""
    from llama.flags import Flags, parse_flags
    from llama.intake import flags_of_role

    if words is None:
        answer = _ask(role)
        if answer is None:
            return None
        given = flags_of_role(ANSWERS[answer])
        _tell_contradiction(role, given.role)
        return given
    try:
        flags = parse_flags(words, Flags())
    except ValueError as error:
        print(f"llama skymap_info: {error}", file=sys.stderr)
        return None
    _tell_contradiction(role, flags.role)
    return flags


def _tell_contradiction(notice: str, event: str) -> None:
    """When the event will not be what the notice calls itself (empty: nothing)."""
    if notice == "test" and event != "test":
        print(
            "warning: the notice calls itself a test, so every output says TEST, but the flags say that the event is "
            "real",
            file=sys.stderr,
        )
    if notice == "observation" and event == "test":
        print("warning: the notice calls itself an observation, but the event is a test", file=sys.stderr)


def _ask(role: str) -> str | None:
    """`real` or `test`; None, with a message, when nobody is there to answer."""
    if not sys.stdin.isatty():
        print(
            "llama skymap_info: nobody is there to say whether the event is real or a test; "
            "give --flags TRIGGERED_PUBLIC (real) or --flags TRIGGERED_TEST",
            file=sys.stderr,
        )
        return None
    if role:
        print(f"The notice calls itself {'a test' if role == 'test' else 'an observation'}.")
    while True:
        try:
            answer = input(QUESTION).strip().lower()
        except EOFError:
            print("\nllama skymap_info: no answer, so nothing was created", file=sys.stderr)
            return None
        if answer in ANSWERS:
            return answer


def _make_info(event: Event, app: App) -> None:
    """Make what the alert says, the map aside, here and now while it is read: unless it came from outside or somebody
    makes it already."""
    from llama.engine.errors import EventError
    from llama.engine.folder import Owner, SharedDigests
    from llama.engine.graph import Pipeline
    from llama.engine.running import Maker, utc_now
    from llama.messengers.gw.products import IGWN_ALERT, LVALERT, LVC_GCN, P_ASTRO, SKYMAP_INFO

    pipeline = Pipeline("skymap_info", (IGWN_ALERT, LVC_GCN, LVALERT, SKYMAP_INFO, P_ASTRO))
    maker = Maker(pipeline, app, SharedDigests(app))
    now = utc_now()
    for product in pipeline.products:
        claim = None if product.make is None else maker.claim(event, product, now=now, owner=Owner.myself())
        if claim is not None and not maker.make(event, product, claim, now=now):
            raise EventError(f"{product.filename} could not be made; {SHOW_EVENT.of(EVENT=event.path)} says why")


def _tell(event: Event, delivery: Delivery) -> None:
    from llama.flags import Flags

    print(f"{event.id} is in {event.path}")
    print(f"  received  {', '.join(delivery.files)}")
    if kept := _kept(event, delivery):
        print(f"  as before {', '.join(kept)}")
    print(f"  sky map   {delivery.about}")
    print(f"  flags     {shown(Flags.of(event.refresh().flags))}")
    print(f"next: {RUN_ONCE.of(EVENT=event.path).typed}    make everything there is to make")
    print(f"      {SHOW_EVENT.of(EVENT=event.path).typed}     what there is, and why")


def _kept(event: Event, delivery: Delivery) -> list[str]:
    """Files received earlier that an update did not touch: they still count."""
    state = event.refresh()
    return sorted(name for name in state.files if state.file(name).outside and name not in delivery.files)
