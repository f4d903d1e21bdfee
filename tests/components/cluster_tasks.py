"""What workers do in tests of clusters; here, since they import it, and the tests much more."""

from __future__ import annotations

import os
import signal
import time

import numpy as np

from llama.studies.blocks import generator


def drawn(block: int) -> bytes:
    """A block of numbers that takes a moment."""
    time.sleep(0.02)
    return generator(7, "a study", block).random(1000).tobytes()


def deadly(block: int) -> int:
    """Kills its process for 3."""
    if block == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def greedy(block: int) -> int:
    """Takes far more memory than a worker may have for 3."""
    held = []
    while block == 3 and len(held) < 64:
        held.append(np.ones(2**21))
        time.sleep(0.05)
    return block


def failing(block: int) -> int:
    if block == 3:
        raise ValueError("block 3 has a map that cannot be used")
    return block
