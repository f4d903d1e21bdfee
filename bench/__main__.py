"""`make bench`: every figure with its goal; exits with 1 when one is missed."""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys
import traceback

from bench.figure import Figure

MODULES = ("startup", "skymaps", "statistic", "engine", "event", "comparison", "size")


def main() -> int:
    """Run the modules named on the command line; without names all, each in a process of its own."""
    if names := sys.argv[1:]:
        return int(sum(_run(name) for name in names) > 0)
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}", flush=True)
    # A fork server, and memory once used, would go over from one module to the next
    return max(subprocess.run([sys.executable, "-m", "bench", name]).returncode for name in MODULES)


def _run(name: str) -> int:
    """Print a module's figures; how many of them missed their goal (one, when the module itself failed)."""
    print(f"\n{name}", flush=True)
    try:
        figures = importlib.import_module(f"bench.{name}").figures()
    except Exception:  # noqa: BLE001  one broken figure must not hide the others
        traceback.print_exc()
        return 1
    wrong = 0
    for figure in (Figure(*row) for row in figures):
        print(figure.line(), flush=True)
        wrong += figure.goal is not None and figure.value > figure.goal
    return wrong


if __name__ == "__main__":
    sys.exit(main())
