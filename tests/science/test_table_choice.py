"""Which tables of populations are read to choose one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from llama.science.significance import BackgroundTable, Conditions, Populations, TableKind


class Watched(Mapping[str, BackgroundTable]):
    """Tables that are made when they are asked for, and their names noted."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names, self.read = names, list[str]()

    def __getitem__(self, name: str) -> BackgroundTable:
        if name not in self.names:
            raise KeyError(name)
        self.read.append(name)
        return BackgroundTable(
            name=name,
            statistics=np.array([0.0, 1.0]),
            rate_hz=1.0,
            search_digest="search",
            response_digest="response",
            distance_mode="map",
            provenance="made up",
            sky_maps=1,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def test_no_table_of_another_population_is_read() -> None:
    """Each takes milliseconds, and there are dozens."""
    alike = ("opa/bns/o4/H1L1/IC86-2011", "opa/bns/o4/H1V1/IC86-2011")
    others = ("opa/bbh/o4/H1L1/IC86-2011", "opa/bns/o4/H1L1/IC86-2012", "subthreshold/bns/o4/H1L1/IC86-2011")
    tables = Watched((*others, *alike))
    kind = TableKind("opa", "bns", "o4", "unknown", "IC86-2011")
    choice = Populations(tables).choose(
        kind, Conditions(search_digest="search", response_digest="response", distance_mode="map")
    )
    assert choice.table is not None and choice.table.statistics.size == 4
    assert set(tables.read) == set(alike)
