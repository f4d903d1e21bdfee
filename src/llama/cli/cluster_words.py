"""What commands ask of whoever draws the blocks of a study, in the same words."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llama.cli.arguments import count

if TYPE_CHECKING:
    from llama.app import App
    from llama.studies.clusters import Cluster, Workforce


def add_workforce_arguments(parser: argparse.ArgumentParser, workers: int = 2) -> None:
    """How many processes draw, and where."""
    parser.add_argument("-j", "--workers", type=count, default=workers,
                        help="processes; changes no number (default %(default)s)")  # fmt: skip
    add_cluster_argument(parser)


def add_cluster_argument(parser: argparse.ArgumentParser) -> None:
    """Where processes are."""
    parser.add_argument("--cluster", type=cluster, metavar="WHERE",
                        help="where they are: local (default), tcp://HOST:PORT of a Dask scheduler, ssh:HOST,HOST, "
                        "ssh:FILE, slurm, htcondor")  # fmt: skip


def cluster(text: str) -> Cluster:
    """As an argument."""
    from llama.studies.clusters import ClusterError, read_cluster

    try:
        return read_cluster(text)
    except ClusterError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def workforce_of(args: argparse.Namespace, app: App) -> Workforce:
    """Who was asked for, not started yet. ClusterError over SSH without the file of host keys that settings name."""
    from llama.advice import DV_INIT
    from llama.settings import CLUSTER, SSH
    from llama.studies.clusters import LOCAL, ClusterError, Workforce

    asked = app.settings[SSH]
    ours, theirs = known_hosts_of(app)
    if args.cluster and args.cluster.kind == "ssh" and asked.known_hosts and not ours.is_file():
        raise ClusterError(f"[ssh] known_hosts: there is no file {ours}; {DV_INIT} writes it")
    known = tuple(path for path in (ours, theirs) if path.is_file()) if ours.is_file() else ()
    return Workforce(args.cluster or LOCAL, args.workers, app.settings[CLUSTER], tell, asked.key, known)


def known_hosts_of(app: App) -> tuple[Path, Path]:
    """The file of host keys that we add to, and that of `ssh` itself, which need not be there."""
    from llama.settings import SSH

    ours = app.settings[SSH].known_hosts or app.settings.data_dir / "fleet" / "known_hosts"
    return ours.expanduser(), Path(os.environ.get("HOME") or Path.home()) / ".ssh" / "known_hosts"


def tell(text: str) -> None:
    """On the screen, beside what the command prints."""
    print(f"llama: {text}", file=sys.stderr, flush=True)
