"""`make bench`: every figure with its goal, all of them again in a table at the end. Always exits with 0.

    python -m bench [--all] [MODULE …]

`--all` also prints the details, like the memory for each sky map (`make bench ALL=--all`).
"""

from __future__ import annotations

import argparse
import multiprocessing
import platform
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from bench.figure import Figure, measured

MODULES = (
    "startup",
    "skymaps",
    "memory",
    "statistic",
    "own_map",
    "engine",
    "event",
    "counts",
    "comparison",
    "stores",
    "fleet",
    "clusters",
    "studies",
    "size",
)


def main() -> None:
    """Run the modules named on the command line, or all, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the project promises.")
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=f"of {', '.join(MODULES)}; without any: all")
    parser.add_argument("--all", action="store_true", help="print the details too")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(MODULES):
        parser.error(f"no module {', '.join(sorted(unknown))}; there are {', '.join(MODULES)}")
    print(f"Python {platform.python_version()}, {platform.processor() or platform.machine()}", flush=True)
    _print_table([figure for name in options.modules or MODULES for figure in _run(name, details=options.all)])


def _run(name: str, *, details: bool) -> list[Figure]:
    """Print and return a module's figures; one that misses its goal, when the module itself failed."""
    print(f"\n{name}", end=" ", flush=True)
    start = time.perf_counter()
    # A fork server, and memory once used, would go over from one module to the next
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
        try:
            figures = fresh.submit(measured, name).result()
        except Exception:  # noqa: BLE001  one broken module must not hide the others
            traceback.print_exc()
            figures = [Figure(f"{name} could not be measured", float("nan"), "", 0)]
    print(f"({time.perf_counter() - start:.0f} s)")
    for figure in figures:
        print("\n".join([figure.line(), *(f"    {line}" for line in figure.details if details)]), flush=True)
    return figures


def _print_table(figures: list[Figure]) -> None:
    """Everything that has a goal, and how many are met."""
    promised = [figure for figure in figures if figure.goal is not None]
    print("\n".join(["", "goals", *(figure.line() for figure in promised)]))
    print(f"{sum(figure.met for figure in promised)} of {len(promised)} goals met")


if __name__ == "__main__":
    main()
