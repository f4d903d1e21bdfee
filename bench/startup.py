"""How long a person waits before anything happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.figure import Figure, median_ms


def figures() -> list[Figure]:
    llama = Path(sys.executable).parent / "llama"
    return [
        Figure("llama --help", median_ms(lambda: subprocess.run([llama, "--help"], capture_output=True)), "ms", 150)
    ]
