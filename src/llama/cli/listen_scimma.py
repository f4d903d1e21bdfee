"""Hear SCiMMA: the alerts that GCN has too, in Avro, by another way. The same alert stays one event.

Needs `pip install 'llama-astro[scimma]'`, and username and password of [scimma] in the settings.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.listening import add_listening, listen

if TYPE_CHECKING:
    from llama.app import App

_ME = Advice(("listen", "scimma"))
add_arguments = add_listening


def main(args: argparse.Namespace, app: App) -> int:
    """Listen."""
    from llama.ports import SCIMMA

    return listen(args, app, SCIMMA, _ME)
