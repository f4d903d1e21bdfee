"""An event with one text file, and Python in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import toys
from toybench import HERE, Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An event with a source, and the toy chain."""
    return Bench(tmp_path / "run" / "S1", toys.CHAIN, {"source.txt": b"hello"}, tmp_path / "shared")


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs Python code in a process of its own, which finds the toys."""

    def run(code: str, *args: object, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(HERE), **more}
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, args)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return run
