"""The lists of `llama com do`: servers, images, keys, tags. A line each, so that they can be counted and piped."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llama.cli import com_do_text as text
from llama.cli.confirming import confirmed, files_among

if TYPE_CHECKING:
    from llama.app import App
    from llama.ports import Cloud, Server


def list_something(args: argparse.Namespace, app: App) -> int:
    """Print the list that was asked for."""
    from llama.ports import DROPLETS

    cloud: Cloud = app.service(DROPLETS)
    if args.snapshots:
        images = cloud.images()
        return _print(args, images, text.images_table(images))
    if args.keys:
        keys = cloud.ssh_keys()
        return _print(args, keys, text.keys_table(keys))
    if args.tags:
        tags = cloud.tags()
        return _print(args, tags, text.tags_table(tags))
    if not _meant(args.droplets, yes=args.yes):
        return 1
    servers = _servers(args.droplets, cloud)
    return _print(args, servers, text.servers_table(servers, args.columns))


def tell_of_files(words: Sequence[str]) -> bool:
    """That words are also files here, and whether some are: whoever typed a glob may have meant something else."""
    if found := files_among(words):
        from llama.fleet.choosing import shortened

        print(
            f"note: {shortened(found)}: there is a file or folder of that name here, so the shell may have put it in "
            "place of a glob; put globs in quotes ('llama-*')",
            file=sys.stderr,
        )
    return bool(found)


def _meant(words: Sequence[str], *, yes: bool) -> bool:
    """Whether to list what the words mean. Who reads the list at a terminal is asked where a shell may have put them
    there; what is piped is told of only."""
    if not tell_of_files(words) or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return True
    return confirmed("list the servers of these names", yes=yes, otherwise="nothing was listed")


def _servers(words: Sequence[str], cloud: Cloud) -> Sequence[Server]:
    from llama.fleet.choosing import choose_servers

    servers = cloud.servers()
    return choose_servers(words, servers) if words else servers


def _print(args: argparse.Namespace, values: Sequence[object], table: tuple[str, list[str]]) -> int:
    if args.json:
        from llama.formats.records import to_json

        print(to_json(values).decode(), end="")
        return 0
    header, lines = table
    if not args.no_header:
        # Lines of standard output are counted and piped; for people the header stands above them all the same
        print(header, file=sys.stdout if sys.stdout.isatty() else sys.stderr, flush=True)
    for line in lines:
        print(line)
    return 0
