"""The servers of an account of DigitalOcean: list, create, snapshot, destroy.

  llama com do -D ['GLOB' …] [-C name ip …] [-n]      list servers; -S snapshots, -K keys, -T tags
  llama com do -c NAME … -i IMAGE [--wait]            create; llama-{00..97} is a range
  llama com do --snapshot IMAGE SERVER [--replace]    power off, take an image of its disk
  llama com do -d 'GLOB' …                            destroy; --reap those whose lifetime is over

What costs money or cannot be undone is said first, and only y confirms it. The token is that of $DIGITALOCEAN, with
read and write access, or token_file of [droplets]. Needs `pip install 'llama-astro[cloud]'`.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.com_do_text import COLUMNS, DEFAULT_COLUMNS

if TYPE_CHECKING:
    from llama.app import App

ME = Advice(("com", "do"))
PACKAGED = "(packaged)"
"""What --user-data without a file means."""
_TTL = re.compile(r"(\d+(?:\.\d+)?)([hd])")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    what = parser.add_argument_group("what to do, one of these")
    one = what.add_mutually_exclusive_group()
    one.add_argument("-D", "--droplets", nargs="*", metavar="GLOB", help="list servers, or those of these names")
    one.add_argument("-S", "--snapshots", action="store_true", help="list the account's images")
    one.add_argument("-K", "--keys", action="store_true", help="list the account's SSH keys")
    one.add_argument("-T", "--tags", action="store_true", help="list the account's tags")
    one.add_argument("-c", "--create", nargs="+", metavar="NAME", help="create servers of these names")
    one.add_argument("-d", "--destroy", nargs="+", metavar="GLOB", help="destroy servers of these names")
    one.add_argument("--reap", nargs="*", metavar="GLOB", help="destroy servers whose lifetime is over")
    one.add_argument("--snapshot", nargs=2, metavar=("IMAGE", "SERVER"), help="make an image of a server's disk")
    _add_listing(parser)
    _add_creating(parser)
    _add_ending(parser)


def _add_listing(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("listing").add_argument
    add(
        "-C",
        "--columns",
        nargs="+",
        metavar="COLUMN",
        choices=COLUMNS,
        default=list(DEFAULT_COLUMNS),
        help=f"of {', '.join(COLUMNS)} (default: {' '.join(DEFAULT_COLUMNS)})",
    )
    add("-n", "--no-header", action="store_true", help="without the line of names of columns")
    add("--json", action="store_true", help="all there is to know, as JSON")


def _add_creating(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("creating").add_argument
    add("-i", "--image", metavar="IMAGE", help="what to start from: name or id of an image, or debian-12-x64")
    add("-k", "--key", nargs="+", metavar="KEY", help="who is let in: names or ids of keys (default: all keys)")
    add("-t", "--tag", nargs="+", metavar="TAG", default=[], help="tags besides that of the lifetime")
    add("--size", metavar="SIZE", help="what they are (default: size of [droplets])")
    add("--region", metavar="REGION", help="where they stand (default: region of [droplets])")
    add("--ttl", type=_hours, metavar="TIME", help="their lifetime, 12h or 3d (default: lifetime_h of [droplets])")
    add(
        "--user-data",
        nargs="?",
        const=PACKAGED,
        metavar="FILE",
        help="for their first start (cloud-init); without FILE the packaged one: Python and a user, for plain Debian",
    )
    add("--missing", action="store_true", help="leave out names that are there already, create the others")
    add("--wait", action="store_true", help="until they are active")


def _add_ending(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("snapshots and destroying").add_argument
    add("--replace", action="store_true", help="delete the image of that name when the new one is complete")
    add("--start", action="store_true", help="start the server again after its snapshot")
    add("--really", action="store_true", help="destroy also what is not called llama-*, or has tag llama-protected")
    add("--yes", action="store_true", help="do not ask; for scripts")


def main(args: argparse.Namespace, app: App) -> int:
    """List, or do what was typed; 2 when it makes no sense, 1 when something was not done."""
    from llama.cli import com_do_orders as orders
    from llama.cli.com_do_listing import list_something

    if why := _nonsense(args):
        print(f"{ME.typed}: {why}", file=sys.stderr)
        return 2
    if args.create:
        return orders.create_servers(args, app, _user_data(args.user_data))
    if args.destroy:
        return orders.destroy_servers(args, app)
    if args.reap is not None:
        return orders.reap_servers(args, app)
    if args.snapshot:
        return orders.take_one_snapshot(args, app)
    return list_something(args, app)


def _nonsense(args: argparse.Namespace) -> str | None:
    """What of the words does not go together; None when all does."""
    lists = args.droplets is not None or args.snapshots or args.keys or args.tags
    if not (lists or args.create or args.destroy or args.reap is not None or args.snapshot):
        return "say what: -D, -S, -K, -T to list, -c, --snapshot, -d, --reap"
    if args.create and not args.image:
        return "servers are made from an image: -i IMAGE"
    creating = {"-i": args.image, "-k": args.key, "-t": args.tag, "--size": args.size, "--region": args.region}
    creating |= {"--ttl": args.ttl, "--user-data": args.user_data, "--missing": args.missing, "--wait": args.wait}
    if not args.create and (odd := [name for name, value in creating.items() if value]):
        return f"{', '.join(odd)} is for servers that are created: -c NAME"
    if not args.snapshot and (args.replace or args.start):
        return "--replace and --start are for --snapshot IMAGE SERVER"
    if not args.destroy and args.reap is None and args.really:
        return "--really is for -d and --reap"
    return None


def _hours(text: str) -> float:
    """A lifetime in hours, from 12h or 3d."""
    found = _TTL.fullmatch(text)
    hours = float(found[1]) * (24.0 if found[2] == "d" else 1.0) if found else 0.0
    if not 1.0 <= hours <= 24.0 * 366:
        raise argparse.ArgumentTypeError(f"{text!r} is no lifetime from 1h to 366d, as 12h or 3d")
    return hours


def _user_data(file: str | None) -> str:
    """What a server is told for its first start; empty for nothing."""
    if file is None:
        return ""
    from llama.app import packaged
    from llama.fleet.creating import MOST_USER_DATA
    from llama.formats.limits import read_text

    path = packaged("fleet/cloud-init.yaml") if file == PACKAGED else Path(file)
    return read_text(path, MOST_USER_DATA, "user data")
