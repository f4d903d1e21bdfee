"""Hear GCN: archive every message as it is, and make events of alerts. It goes on until Ctrl-C or SIGTERM.

Needs `pip install 'llama-astro[gcn]'`, and client_id and client_secret of [gcn] in the settings.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.listening import add_listening, listen

if TYPE_CHECKING:
    from llama.app import App

_ME = Advice(("listen", "gcn"))
add_arguments = add_listening


def main(args: argparse.Namespace, app: App) -> int:
    """Listen."""
    from llama.ports import GCN

    return listen(args, app, GCN, _ME)
