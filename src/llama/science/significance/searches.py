"""A search for each population of sources, every number of it with where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from llama.science.search import Search

UNITS: Mapping[str, str] = {
    "t_gw_minus_s": "s",
    "t_gw_plus_s": "s",
    "t_nu_minus_s": "s",
    "t_nu_plus_s": "s",
    "e_gw_min_eu": "eu",
    "e_gw_max_eu": "eu",
    "e_nu_min_eu": "eu",
    "e_nu_max_eu": "eu",
    "source_rate_mpc3_s": "Mpc⁻³ s⁻¹",
    "k0_mpc": "Mpc eu^−½",
    "gw_background_rate_hz": "Hz",
    "neutrino_rate_hz": "Hz",
    "alert_rate_hz": "Hz",
    "low_significance_rate_hz": "Hz",
    "energy_min_gev": "GeV",
    "energy_max_gev": "GeV",
    "energy_window_dex": "dex",
    "declination_window_deg": "deg",
}
"""Of the parameters that have one."""


def parameters(search: Search) -> dict[str, Any]:
    """What can be chosen: everything but the name, in order."""
    return {name: getattr(search, name) for name in PARAMETERS}


PARAMETERS = tuple(field.name for field in fields(Search) if field.name != "name")


@dataclass(frozen=True)
class SearchRecord:
    """The search of one population.

    Attributes:
        search: the numbers.
        sources: for each parameter where its value comes from; one that is not known is called an assumption.
    """

    search: Search
    sources: Mapping[str, str]

    def __post_init__(self) -> None:
        if unknown := [name for name in self.sources if name not in PARAMETERS]:
            raise ValueError(
                f"sources has {', '.join(unknown)}, which is no parameter; there are {_listed(PARAMETERS)}"
            )
        if missing := [name for name in PARAMETERS if not self.sources.get(name, "").strip()]:
            raise ValueError(f"sources does not say where {', '.join(missing)} comes from; if nowhere, 'assumption'")


@dataclass(frozen=True)
class SearchChoice:
    """The search an event is analysed with, and why that one."""

    record: SearchRecord
    why: str

    @property
    def search(self) -> Search:
        return self.record.search


@dataclass(frozen=True)
class Searches:
    """The records at hand, by population."""

    records: Mapping[str, SearchRecord]

    def __post_init__(self) -> None:
        if not self.records:
            raise ValueError("it holds no search")
        for name, record in self.records.items():
            if record.search.name != name:
                raise ValueError(f"search {record.search.name} is filed under {name}")

    def __getitem__(self, name: str) -> SearchRecord:
        """The record of that name; ValueError that lists those there are."""
        if name not in self.records:
            raise ValueError(f"no search {name!r}; there are {_listed(self.records)}")
        return self.records[name]

    def choose(self, population: str) -> SearchChoice:
        """The population's own search, else `cbc`, else the only one there is; the choice says so.

        Raises ValueError when none of these is there: an answer with the numbers of another population would be
        worth nothing.
        """
        if population in self.records:
            return SearchChoice(self.records[population], f"population {population}")
        for name in ("cbc", *self.records):
            if name in self.records and (name == "cbc" or len(self.records) == 1):
                return SearchChoice(self.records[name], f"no search for population {population}: {name} instead")
        raise ValueError(
            f"no search for population {population}, nor cbc to stand in; there are {_listed(self.records)}"
        )


def _listed(names: Any) -> str:
    return ", ".join(names)
