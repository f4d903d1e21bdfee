"""One command on many servers over SSH: start a study on a hundred of them, watch it, fetch what it made, end it.

  init                        take in host keys, log in, say which llama is there; --wheel FILE installs one
  ls-procs                    processes of llama on each, and how many in all
  launch bg|signal|doublet LIST   trials beside the sky maps of a list on the servers, each with blocks of its own
  launch dask                 the servers become a Dask cluster; says its address for --cluster
  batch [NAME] [-- OPTIONS]   llama batch on each, each with a part of its own
  done bg|signal|doublet      how many are done, and the sum
  tail                        the last lines of the log with the largest number
  eval CMD                    any command: one quoted CMD goes as it is, several words are joined safely
  push FILE…                  files or folders into the study's folder
  pull [NAME…]                results into a folder for each server, here
  killall                     end what launch started; ends with 0, or says who is left
  clean                       old results, listed and asked
  forget                      host keys of servers that are gone, or were made anew
  destroy                     the servers themselves, through the cloud

Options stand before or after the word; what follows the CMD of eval is part of it, unless CMD is quoted and has
spaces.
Servers are those of --from or of `servers` of [ssh], else of the cloud where it is set up, else of ~/.ssh/config.
Needs `pip install 'llama-astro[fleet]'`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.arguments import count, detectors, seed

if TYPE_CHECKING:
    from llama.app import App

_ME = Advice(("dev", "dv"))
_LIST = Advice(("dev", "dv", "-d"))
WORDS = {
    "init": "take in host keys, log in, say which llama is there",
    "ls-procs": "processes of llama, and how many in all",
    "launch": "start trials (bg, signal, doublet) or a Dask cluster (dask)",
    "batch": "start a batch, each server with a part of its own",
    "done": "how many trials are done, and the sum",
    "tail": "the last lines of the newest log",
    "eval": "any command",
    "push": "files into the study's folder",
    "pull": "results into a folder for each server",
    "killall": "end what launch started",
    "clean": "remove old results, after asking",
    "forget": "forget host keys",
    "destroy": "destroy the servers, after asking",
}
"""Every word, and what it does."""
DEFAULTS: dict[str, dict[str, str]] = {
    "init": {"-t": "30", "-f": "lines"},
    "ls-procs": {"-t": "30", "-f": "lines", "-r": "linecount"},
    "launch": {"-t": "120", "-f": "lines", "--depth": "pipeline", "--per-map": "20", "--each": "5000"},
    "batch": {"-t": "120", "-f": "lines"},
    "done": {"-t": "60", "-f": "lines", "-r": "sum"},
    "tail": {"-t": "30", "-f": "blocks", "--lines": "10"},
    "eval": {"-t": "60", "-f": "lines"},
    "push": {"-t": "none", "-f": "lines"},
    "pull": {"-t": "none", "-f": "lines"},
    "killall": {"-t": "60", "-f": "lines", "-r": "sum", "--wait": "10"},
    "clean": {"-t": "120", "-f": "lines"},
    "forget": {"-f": "lines"},
    "destroy": {},
}
"""What each word takes where nothing is said; -n is 50 and -p llama-* for all."""
_KIND_WORDS = ("bg", "background", "signal", "doublet", "dask")
_CMD = "--cmd="


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    add = parser.add_argument
    add("words", nargs="*", metavar="CMD [ARGS]", help=f"one of {', '.join(WORDS)}, and what it takes")
    add("-p", "--pattern", action="append", default=[], metavar="GLOB",
        help="which servers: names, globs, ranges llama-{00..97}; may be said again (default llama-*)")  # fmt: skip
    add("-n", "--connections", type=count, metavar="N", help="to so many at once (default 50)")
    add("-t", "--timeout", type=_seconds, metavar="S", help="for each server; none for as long as it takes")
    add("-f", "--format", metavar="FORMAT", help="lines, blocks, raw, json, or a text with {name} {host} {out} {err}")
    add("-r", "--reduce", choices=("sum", "linecount"), help="one number of all that they say")
    add("-l", "--local", action="store_true", help="on this machine instead")
    add("-P", "--pre-launch", default="", metavar="LINE", help="a line of shell before what is launched")
    add("-d", "--describe", action="store_true", help="list what each word does, and stop")
    add("-D", "--defaults", action="store_true", help="list what each word takes where nothing is said, and stop")
    add("--from", dest="source", type=Path, metavar="FILE", help="servers, a line each: NAME [USER@]HOST[:PORT]")
    add("--study-dir", metavar="DIR", help="the study's folder on the servers (default: see [ssh] study_dir)")
    add("--lines", type=count, default=10, metavar="N", help="tail: so many (default %(default)s)")
    add("--wait", type=count, default=10, metavar="S", help="killall: before they are made to end")
    add("--yes", action="store_true", help="clean, destroy: do not ask")
    add("--really", action="store_true", help="destroy: also servers that are sheltered")
    add("--wheel", type=Path, metavar="FILE", help="init: install this package there")
    add("--lock", type=Path, metavar="FILE", help="init: what the package needs, with hashes (default: its own)")
    add("--to", default="", metavar="DIR", help="push: a folder there, in the study's if it is no whole path")
    add("-o", "--into", type=Path, default=Path(), metavar="DIR", help="pull: a folder here (default: this one)")
    _add_trials(parser.add_argument_group("launch"))
    parser.add_argument(_CMD.rstrip("="), dest="cmd", help=argparse.SUPPRESS)


def _add_trials(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add(
        "--population",
        default="",
        choices=("bns", "nsbh", "bbh"),
        help="of the maps (default: as the list's folder says)",
    )
    add(
        "--detectors",
        type=detectors,
        metavar="H1L1V1",
        help="that heard the maps of the list (default: as its name says)",
    )
    add("--depth", choices=("kernel", "pipeline"), default="pipeline", help="of trials (default %(default)s)")
    add("--per-map", type=count, default=20, metavar="N", help="trials of a block (default %(default)s)")
    add("--each", type=count, default=5000, metavar="N", help="blocks for each server (default %(default)s)")
    add("--more", action="store_true", help="new blocks also for servers that have some")
    add("-s", "--season", default="IC86-2011", help="whose neutrinos (default %(default)s)")
    add("--seed", type=seed, default=1, help="of all random numbers (default %(default)s)")
    add("-j", "--workers", type=count, default=0, metavar="N", help="processes on each (default: one per core)")


def arranged(words: list[str]) -> list[str]:
    """The words as argparse can read them: servers that the shell made of one range, CMD of eval, options of batch.

    `-p` before the word takes all up to it. What follows the word `eval` and the options after it is CMD; what
    follows `--` after the word `batch` is for `llama batch`.
    """
    found: list[str] = []
    rest = list(words)
    word = ""
    while rest:
        one = rest.pop(0)
        if word == "eval" and (one == "--" or not one.startswith("-")):
            cmd, rest = _cmd(one, rest)
            found.append(_CMD + cmd)
        elif word == "batch" and one == "--":
            found.append(_CMD + shlex.join(rest))
            rest = []
        elif one in ("-p", "--pattern") and rest:
            found += ["-p", rest.pop(0)]
            while rest and _is_pattern(rest[0], word):
                found += ["-p", rest.pop(0)]
        elif one in _TAKE_ONE and rest:
            found += [one, rest.pop(0)]
        else:
            word = word or (one if one in WORDS else "")
            found.append(one)
    return found


_TAKE_ONE = ("-n", "-t", "-f", "-r", "-P", "--connections", "--timeout", "--format", "--reduce", "--pre-launch",
             "--from", "--study-dir")  # fmt: skip
"""Options whose value is never taken for a word."""


def _is_pattern(one: str, word: str) -> bool:
    """Whether one that follows `-p` and a pattern is a further one, not the word or what the word takes."""
    if one.startswith("-") or one in WORDS:
        return False
    if word in ("done", "launch"):
        return one not in _KIND_WORDS and "/" not in one and not one.endswith((".csv", ".txt"))
    return word not in ("eval", "push", "pull", "batch")


def _cmd(first: str, rest: list[str]) -> tuple[str, list[str]]:
    """CMD, and what is left for us."""
    if first == "--":
        return (rest[0] if len(rest) == 1 else shlex.join(rest)), []
    if not rest:
        return first, []
    if any(mark.isspace() for mark in first) and rest[0].startswith("-"):
        return first, rest  # a quoted line, and options of ours after it
    return shlex.join([first, *rest]), []


def _seconds(text: str) -> float:
    """A time in seconds, above zero; 0 for `none`."""
    if text == "none":
        return 0.0
    if not 0 < (value := float(text)) < 1e9:
        raise argparse.ArgumentTypeError("it must be above zero, or none")
    return value


def main(args: argparse.Namespace, app: App) -> int:
    """Do it everywhere; 0 when all did, 1 when one server failed."""
    if args.describe or args.defaults:
        return _list(defaults=args.defaults)
    word, *rest = args.words or [""]
    if word not in WORDS:
        print(
            f"{_ME.typed}: {f'there is no word {word!r}' if word else 'say what'}; {_LIST} lists them",
            file=sys.stderr,
        )
        return 2
    if args.cmd is not None and word == "eval":
        rest = [args.cmd]
    if args.cmd is not None and word == "batch":
        rest += shlex.split(args.cmd)
    from llama.cli import dv_words

    return dv_words.do(word, rest, args, app)


def _list(*, defaults: bool) -> int:
    for word, about in WORDS.items():
        said = "  ".join(f"{name} {value}" for name, value in DEFAULTS[word].items()) if defaults else about
        print(f"{word:<10} {said}")
    return 0
