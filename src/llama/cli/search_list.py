"""List the search of each population, from the packaged file or the one that LLAMA_SEARCH names."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llama.app import App


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Nothing can be typed."""


def main(args: argparse.Namespace, app: App) -> int:
    """One line each, with what sets it apart."""
    print("search    sources/(Mpc³ s)    E_gw/eu               κ0/(Mpc eu^−½)    assumptions")
    for name, record in app.searches().records.items():
        search = record.search
        energies = f"{search.e_gw_min_eu:g} to {search.e_gw_max_eu:g}"
        assumed = sum(source.startswith("assumption") for source in record.sources.values())
        print(
            f"{name:<9} {search.source_rate_mpc3_s:<19.3g} {energies:<21} {search.k0_mpc:<17g} "
            f"{assumed} of {len(record.sources)}"
        )
    return 0
