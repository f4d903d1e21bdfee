"""What processes of a crew do in its tests; here, since they import it, and the tests much more."""

from __future__ import annotations

import os
import signal
from pathlib import Path


def squared(number: int) -> int:
    """Kills its process for 13."""
    if number == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def lost(number: int) -> int:
    return -number


def began(path: Path) -> str:
    path.touch()
    return path.name
