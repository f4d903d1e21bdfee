"""Hear the stream that is internal to LIGO, Virgo and KAGRA (igwn-alert): superevents and their labels.

Its events start with the flags TRIGGERED_INTERNAL, and get those of public ones when the same alert is public. Needs
`pip install 'llama-astro[lvalert]'`, and username and password of [lvalert] in the settings.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from llama.advice import Advice
from llama.cli.listening import add_listening, listen

if TYPE_CHECKING:
    from llama.app import App

_ME = Advice(("listen", "lvalert"))
add_arguments = add_listening


def main(args: argparse.Namespace, app: App) -> int:
    """Listen."""
    from llama.ports import LVALERT

    return listen(args, app, LVALERT, _ME)
