"""`make bench`: every figure with its goal; exits with 1 when one is missed."""

from __future__ import annotations

import importlib
import platform
import sys
import traceback

from bench.figure import Figure

MODULES = ("startup", "skymaps", "statistic", "engine", "event", "comparison", "size")


def main() -> int:
    """Run the modules named on the command line, or all."""
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}")
    wrong = 0
    for name in sys.argv[1:] or MODULES:
        print(f"\n{name}", flush=True)
        try:
            figures = importlib.import_module(f"bench.{name}").figures()
        except Exception:  # noqa: BLE001  one broken figure must not hide the others
            traceback.print_exc()
            wrong += 1
            continue
        for figure in (Figure(*row) for row in figures):
            print(figure.line(), flush=True)
            wrong += figure.goal is not None and figure.value > figure.goal
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
