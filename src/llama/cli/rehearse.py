"""Play the whole way of a fleet on this machine: create servers, run a study on them, fetch its results, end them.

Each command is shown with its reason, typed, and its answer shown; the first that fails ends it with 1. The cloud,
its servers and the store are this command's own: nobody needs an account, a token or root, nothing leaves the
machine, and nothing of yours is touched. --shell opens a shell in there instead, for you to type in.
Needs `pip install 'llama-astro[rehearse]'`, and Linux: servers have addresses 127.0.x.y.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from llama.advice import Advice

if TYPE_CHECKING:
    from llama.app import App
    from llama.testing import Played, RehearsalStage, Scene

_ME, _SERVERS = Advice(("dev", "rehearse")), Advice(("com", "do", "-D"))
_MOST_LINES = 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("-n", "--servers", type=_servers, default=3, metavar="N", help="how many servers, 2 to 99 (%(default)s)")
    add("-d", "--folder", type=Path, metavar="DIR", help="where everything goes, and stays (default: it is removed)")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="print the commands with their reasons, and stop")
    what.add_argument(
        "--shell", action="store_true", help="a shell in which the commands work; its end is that of all"
    )
    add("--full", action="store_true", help="show all that commands say, not the first and last lines alone")


def main(args: argparse.Namespace, app: App) -> int:
    """0 when every command did what it was to do."""
    from llama.testing import rehearsal

    if args.list:
        for scene in rehearsal.scenes(args.folder or Path("FOLDER"), args.servers):
            print(f"# {scene.why}\n{_typed(scene)}")
        return 0
    if missing := rehearsal.lacks():
        print(f"{_ME.typed}: before it can be played here: {'; '.join(missing)}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, _leave)
    with _folder(args.folder) as folder, rehearsal.RehearsalStage(folder) as stage:
        return _shell(stage) if args.shell else _play(args, stage, rehearsal.scenes(stage.folder, args.servers))


def _leave(number: int, frame: object) -> NoReturn:
    """Stopped, it ends what runs on its servers first, as it does at Ctrl-C."""
    raise SystemExit(128 + number)


def _play(args: argparse.Namespace, stage: RehearsalStage, script: Iterator[Scene]) -> int:
    from llama.testing import rehearsal

    count, seconds = 0, 0.0
    for played in rehearsal.play(stage, _announced(script)):
        _show(played, full=args.full or played.why_not is not None)
        if played.why_not is not None:
            print(f"{_ME.typed}: {played.typed}: {played.why_not}", file=sys.stderr)
            return 1
        count, seconds = count + 1, seconds + played.seconds
    print(f"{count} commands did what they were to do, in {seconds:.0f} s")
    return 0


def _announced(script: Iterator[Scene]) -> Iterator[Scene]:
    """Each is shown before it is typed."""
    for scene in script:
        print(f"# {scene.why}\n$ {_typed(scene)}", flush=True)
        yield scene


def _show(played: Played, *, full: bool) -> None:
    lines = played.said.replace("\r", "\n").splitlines()
    if not full and len(lines) > _MOST_LINES:
        half = _MOST_LINES // 2
        lines = [*lines[:half], f"… {len(lines) - 2 * half} lines …", *lines[-half:]]
    print("".join(f"  {line}\n" for line in lines), flush=True)


def _shell(stage: RehearsalStage) -> int:
    """A shell whose commands reach this cloud and these servers."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    print(f"a shell in {stage.home}: try {_SERVERS.typed}. Its cloud, servers and store end with it.", flush=True)
    return subprocess.run([shell], env=stage.environment, cwd=stage.home, check=False).returncode


@contextmanager
def _folder(wanted: Path | None) -> Iterator[Path]:
    if wanted is not None:
        wanted.mkdir(parents=True, exist_ok=True)
        if any(wanted.iterdir()):
            raise FileExistsError(17, "a rehearsal begins in an empty folder", str(wanted))
        yield wanted
        return
    with tempfile.TemporaryDirectory(prefix="llama-rehearsal-") as folder:
        yield Path(folder)


def _typed(scene: Scene) -> str:
    import shlex

    return shlex.join(("llama", *scene.words))


def _servers(text: str) -> int:
    if not (text.isdecimal() and 2 <= int(text) <= 99):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 2 to 99")
    return int(text)
