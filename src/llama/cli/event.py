"""What an event holds, and why: the status of every product, the graph, the history.

  llama event [EVENT] [ACTION [FILE…]]

EVENT is as for `llama run`; without it, this folder. FILE is a file name, or any other name of its product, in
whichever pipeline that is.
Actions:

  status          status of every product and why, graph, and recent history (the default)
  graph, history  each alone and whole; history with the tracebacks of failures
  veto, unveto    make no more of FILE (without FILE: of the event); allow it again
  lock, unlock    keep FILE (without FILE: the event) as it is; allow changes again
  adopt FILE…     use the file as it was put or edited by hand, as if it had been received, if it can be read
  remake FILE…    make it again, though nothing it is made from has changed
  repair          finish what a crash interrupted; put missing files back
  check           hash everything again and report what is damaged
  prune           drop old contents that can be made again; --dry-run says which and drops none
  versions FILE   every content the file has had
  get FILE        write a copy of a version (-N N; default: the present one) into --into
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llama.advice import RUN, SHOW, SHOW_EVENT, Advice
from llama.cli.arguments import count
from llama.cli.event_text import graph_lines, header_lines, history_line, journal_lines, status_lines, telling
from llama.cli.flags import shown

if TYPE_CHECKING:
    from llama.app import App
    from llama.engine.folder import Event
    from llama.engine.graph import Pipeline, Product
    from llama.engine.running import Status

_IN_ORDER = Advice(("event", "EVENT", "ACTION"))
_HERE = Advice(("event", "ACTION"))
_HISTORY = Advice(("event", "EVENT", "history"))
_RUN_OTHER = Advice(("run", "-p", "PIPELINE"))
_RECENT = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `llama event` understands."""
    add = parser.add_argument
    add("words", nargs="*", metavar="EVENT | ACTION | FILE", help="see above")
    add("-p", "--pipeline", metavar="PIPELINE", help="judge by this pipeline (default: the default one)")
    add("--why", default="", help="the reason, for the event's history")
    add("--cruft", action="store_true", help="list files that neither journal nor pipeline knows, and stop")
    add("--dry-run", action="store_true", help="with prune: say what would be dropped, and drop nothing")
    add("--ascii", action="store_true", help="no characters beyond ASCII")
    add("--version-number", "-N", type=count, metavar="N", help="with get: which version (default: the present one)")
    add("--into", type=Path, default=Path(), metavar="DIR", help="with get: where to (default: here)")


def main(args: argparse.Namespace, app: App) -> int:
    """Find the event, do one thing."""
    from llama.engine.errors import EventError

    args.ascii = args.ascii or not _shows_unicode()
    word, action, names = _split(args.words)
    _refuse_swapped(word, action, names, app.settings.current_run)
    pipeline = app.pipeline(args.pipeline) if args.pipeline else app.pipeline()
    event = _event(word, app.settings.current_run)
    if args.cruft:
        print("\n".join(event.unknown_files(pipeline)))
        return 0
    if action in _SHOWING:
        return _SHOWING[action](event, pipeline, args, app) or _damage(event)
    files = [_filename(name, pipeline) for name in names]
    if action in _ON_FILES:
        if not files:
            raise EventError(f"llama event {action}: say which file")
        print("\n".join(_ON_FILES[action](event, pipeline, filename, args, app) for filename in files))
        return 0
    _refuse_unknown(event, pipeline, files)
    targets: list[str | None] = [*files] or [None]
    for filename in targets:
        print(_note(event, action, filename, args.why))
    return 0


def _damage(event: Event) -> int:
    """Tell of lines that the journal has lost; exit status 1 if there are any, since what is shown may lack them."""
    if lines := journal_lines(event.refresh()):
        print("\n".join(lines), file=sys.stderr)
    return 1 if lines else 0


def _shows_unicode() -> bool:
    """Whether marks and branches can be printed in this locale."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _split(words: list[str]) -> tuple[str, str, list[str]]:
    """Event, action, files. A word that is an action is never an event."""
    rest = list(words)
    event = rest.pop(0) if rest and rest[0] not in _ACTIONS else "."
    action = rest.pop(0) if rest else "status"
    if action not in _ACTIONS:
        from llama.engine.errors import EventError

        raise EventError(f"no action {action!r}; there are {', '.join(_ACTIONS)}")
    return event, action, rest


def _refuse_swapped(word: str, action: str, names: list[str], default: Path) -> None:
    """`llama event veto S190425z` would look for a file of that name in this folder."""
    from llama.engine.errors import EventError

    if word == "." and names and any((at / names[0] / ".llama").is_dir() for at in (Path(), default)):
        raise EventError(
            f"the event comes first: {_IN_ORDER.of(EVENT=names[0], ACTION=action).then(*names[1:]).typed}"
        )


def _event(word: str, default: Path) -> Event:
    """The one event meant."""
    from llama.cli.selection import target
    from llama.engine.errors import EventError, NotAnEvent
    from llama.engine.folder import Event

    if word == ".":
        try:
            return Event.open(Path.cwd())
        except NotAnEvent as error:
            raise NotAnEvent(f"{error}; go to one, or name it: {SHOW_EVENT.typed}") from None
    try:
        found = target(word.rstrip("/") or word, default).events()
    except EventError as error:
        close = difflib.get_close_matches(word, _ACTIONS, n=1)
        if not close:
            raise
        raise EventError(f"{error} (if you meant the action: {_HERE.of(ACTION=close[0]).typed})") from None
    if len(found) != 1:
        raise EventError(f"{word} means {len(found)} events: {', '.join(event.id for event in found) or 'none'}")
    return Event.open(found[0].path)


def _pipelines(first: Pipeline) -> list[Pipeline]:
    """Every pipeline, the one judged by first: an event may hold products of several."""
    from llama.app import pipelines

    return [first, *(other for other in pipelines().values() if other.name != first.name)]


def _product(name: str, pipeline: Pipeline) -> tuple[Pipeline, Product[Any]]:
    """The product of that name, and a pipeline that has it; PipelineError names those that are spelt like it."""
    from llama.engine.graph import find_among

    return find_among(_pipelines(pipeline), name)


def _filename(name: str, pipeline: Pipeline) -> str:
    """The file that a name of a product means; any other name is a file's own."""
    from llama.engine.errors import PipelineError

    try:
        return _product(name, pipeline)[1].filename
    except PipelineError:
        return name


def _refuse_unknown(event: Event, pipeline: Pipeline, files: list[str]) -> None:
    """A veto or lock of a misspelt name would hold nothing, and nobody would notice."""
    from llama.engine.errors import EventError

    known = {name for one in _pipelines(pipeline) for name in one.by_filename} | event.refresh().files.keys()
    if unknown := [name for name in files if name not in known]:
        raise EventError(f"{event.id} has no file or product {unknown[0]!r}; {SHOW} lists them")


# ---------------------------------------------------------------------- showing


def _status(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    from llama.analyses.telling import result_lines, unblinded_lines
    from llama.flags import Flags

    found = _judged(event, pipeline, app)
    state = event.refresh()
    results = result_lines(event.path, found, state.flags)
    results += unblinded_lines(event.path, [one for pipe in _pipelines(pipeline) for one in pipe], state)
    head = [
        f"{event.id}  {event.path}",
        f"flags: {shown(Flags.of(state.flags))}",
        *header_lines(event, state),
        *results,
    ]
    print("\n".join(head), end="\n\n")
    print("\n".join(status_lines(found, args.ascii)), end="\n\n")
    print("\n".join(graph_lines(pipeline, found, args.ascii)), end="\n\n")
    lines = [line for entry in telling(event.entries()) if (line := history_line(entry))]
    if len(lines) > _RECENT:
        print(f"({len(lines) - _RECENT} earlier entries: {_HISTORY.of(EVENT=event.id).typed})")
    print("\n".join(lines[-_RECENT:]))
    return 0


def _graph(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    print("\n".join(graph_lines(pipeline, _judged(event, pipeline, app), args.ascii)))
    return 0


def _history(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    for entry in telling(event.entries()):
        if line := history_line(entry):
            print(line)
        if details := getattr(entry, "traceback", ""):
            print("    " + details.rstrip().replace("\n", "\n    "))
    return 0


def _repair(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    from llama.engine.folder import mend_objects, repair

    done = [*mend_objects(event), *repair(event, now=datetime.now(UTC))]
    print("\n".join(done) or "nothing to repair")
    return 0


def _check(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    from llama.engine.folder import check

    problems = check(event)
    print("\n".join(problems) or f"{event.id}: every byte is as recorded")
    return 1 if problems else 0


def _prune(event: Event, pipeline: Pipeline, args: argparse.Namespace, app: App) -> int:
    from llama.engine.folder import prune

    print(
        "\n".join(prune(event, pipeline, dry_run=args.dry_run))
        or "nothing to drop: every content kept is present, published, or was received, adopted or edited by hand"
    )
    return 0


def _judged(event: Event, pipeline: Pipeline, app: App) -> dict[str, Status]:
    from llama.engine.folder import SharedDigests
    from llama.engine.running import statuses

    state = event.look(pipeline, SharedDigests(app))
    return statuses(pipeline, state, datetime.now(UTC))


# ---------------------------------------------------------------------- changing


def _note(event: Event, action: str, filename: str | None, why: str) -> str:
    from llama.operate import orders

    if action == "unveto":
        orders.unveto(event, filename, why=why, now=datetime.now(UTC))
    else:
        getattr(event, action)(filename, why=why, now=datetime.now(UTC))
    return f"{event.id}: {action} {filename or 'the whole event'}"


def _adopt(event: Event, pipeline: Pipeline, filename: str, args: argparse.Namespace, app: App) -> str:
    product = _product(filename, pipeline)[1]
    news = event.adopt(filename, product.codec, why=args.why, now=datetime.now(UTC))
    return f"{filename}: {'adopted' if news else 'is as received already'}"


def _remake(event: Event, pipeline: Pipeline, filename: str, args: argparse.Namespace, app: App) -> str:
    from llama.app import DEFAULT_PIPELINE_NAME

    home, product = _product(filename, pipeline)
    event.remake(product, why=args.why, now=datetime.now(UTC))
    status = _judged(event, home, app)[filename]
    if status.kind != "ready":
        return f"{filename}: asked for, but {status.kind}: {status.why}"
    by = RUN if home.name == DEFAULT_PIPELINE_NAME else _RUN_OTHER.of(PIPELINE=home.name)
    return f"{filename}: will be made again by the next {by}"


def _versions(event: Event, pipeline: Pipeline, filename: str, args: argparse.Namespace, app: App) -> str:
    from llama.engine.folder import version_name, versions

    return "\n".join(
        f"{version.at:%Y-%m-%d %H:%M:%S}Z {version.kind:<8} {version_name(event, filename, version)}"
        + ("" if version.digest in event.store else "  (no copy kept)")
        for version in versions(event, filename)
    )


def _get(event: Event, pipeline: Pipeline, filename: str, args: argparse.Namespace, app: App) -> str:
    from llama.engine.folder import get_version

    return str(get_version(event, filename, args.version_number, args.into))


_SHOWING: dict[str, Callable[[Event, Pipeline, argparse.Namespace, App], int]] = {
    "status": _status,
    "graph": _graph,
    "history": _history,
    "repair": _repair,
    "check": _check,
    "prune": _prune,
}
_ON_FILES: dict[str, Callable[[Event, Pipeline, str, argparse.Namespace, App], str]] = {
    "adopt": _adopt,
    "remake": _remake,
    "versions": _versions,
    "get": _get,
}
_ACTIONS = (*_SHOWING, *_ON_FILES, "veto", "unveto", "lock", "unlock")
