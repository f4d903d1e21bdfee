"""How much disk a whole installation takes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.figure import Figure

ROOT = Path(__file__).resolve().parent.parent


def figures() -> list[Figure]:
    """Install what users get (not the tools of this repository) into a new environment and weigh it."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(Path(folder) / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*pip, "--no-deps", str(ROOT)], check=True)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return [Figure("whole installation, environment included", size / 1e6, "MB", 850)]
