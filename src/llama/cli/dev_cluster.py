"""Try a cluster before a study goes there: start WHERE as studies do, say which workers came, end it.

  llama dev cluster tcp://HOST:PORT | ssh:HOST,HOST | ssh:FILE | slurm | htcondor

With --script it only prints what would be submitted for each job of Slurm or HTCondor, as [cluster] of the settings
says. Workers that have other software than this machine are told, as in a study.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.cli.arguments import count
from llama.cli.cluster_words import cluster, workforce_of

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be typed."""
    parser.add_argument("cluster", type=cluster, metavar="WHERE", help="as after --cluster of a study")
    parser.add_argument("-j", "--workers", type=count, default=2, help="processes (default %(default)s)")
    parser.add_argument("--script", action="store_true", help="print the submit file of a job, and stop")


def main(args: argparse.Namespace, app: App) -> int:
    """Print the submit file, or the machines that answered."""
    from llama.studies.clusters import answers, submit_file

    wanted = workforce_of(args, app)
    if args.script:
        print(submit_file(wanted))
        return 0
    for machine, number in answers(wanted).items():
        print(f"{number:>7} blocks by {machine}")
    return 0
