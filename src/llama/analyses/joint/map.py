"""`skymap_lvc-i3.multiorder.fits`: where the source is, given the gravitational wave and the neutrinos around it.

Two maps: one averaged over which neutrinos come from the source, and one for the case that the most significant
neutrino does. Both say in HISTORY of their headers what they are, what they rest on and how probable that is.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from llama.analyses.result import Statistic
from llama.analyses.telling import Report, Row, format_energy, format_odds, found, read_report, warning
from llama.messengers.icecube.likelihood import neutrinos as kernel_arrays
from llama.messengers.icecube.record import NeutrinoList
from llama.science.arrays import Float
from llama.science.detector import IceCubeTables, SeasonTable
from llama.science.joint import LEAST_PROBABILITY, Relation, joint_map
from llama.science.search import Search
from llama.science.significance import Searches
from llama.science.sky import SkyMap
from llama.science.statistic import GWTrigger, Prepared, prepare

_CARD = 72  # characters that a HISTORY card holds


@dataclass(frozen=True)
class MapInputs:
    """What a joint map is made from: the decoded result, its statistic, the gravitational wave's map, the neutrinos.

    `retracted` is when the event was taken back (UTC), `blinded` whether its flag blinds neutrinos: both of today.
    """

    significance: dict[str, Any]
    statistic: Statistic
    skymap: SkyMap
    neutrinos: NeutrinoList
    tables: IceCubeTables
    searches: Searches
    retracted: str | None = None
    blinded: bool = False

    def read(self, role: str) -> Report:
        """The result for people; `role` is the event's flag."""
        return read_report(self.significance, role=role, retracted=self.retracted, blinded=self.blinded)


def averaged_skymap(given: MapInputs, role: str, version: str) -> SkyMap:
    """Averaged over which neutrinos come from the source; the gravitational wave's map where none is likely to."""
    report = given.read(role)
    mixture = given.statistic.relations
    averaged = _Basis.of(given, report).map_of(mixture)
    return _labelled(averaged, given, report, version, _about_average(report, mixture))


def most_significant_skymap(given: MapInputs, role: str, version: str) -> SkyMap:
    """If the most significant neutrino comes from the source; the gravitational wave's map where none is significant.

    Where there is no p-value that neutrino is the likeliest, if it comes from the source with a probability that the
    average takes notice of.
    """
    report = given.read(role)
    basis = _Basis.of(given, report)
    row = _chosen(report, given.statistic.relations)
    if row is None:
        return _labelled(given.skymap, given, report, version, [_nothing_chosen(report), _UNCHANGED])
    one = basis.map_of([Relation((row.number - 1,), 1.0)])
    return _labelled(one, given, report, version, _about_one(report, row))


_UNLIKELY = f"with a probability above {LEAST_PROBABILITY:g}"
_UNCHANGED = "This is the gravitational wave's own map, unchanged."


@dataclass(frozen=True)
class _Basis:
    """What a map needs beside the probabilities that the statistic holds. The sky map is prepared only for a map that
    neutrinos change: most are the gravitational wave's own."""

    given: MapInputs
    report: Report
    season: SeasonTable
    search: Search

    @classmethod
    def of(cls, given: MapInputs, report: Report) -> _Basis:
        kept = given.statistic
        basis = cls(given, report, given.tables.season(kept.season), given.searches.choose(kept.population).search)
        kept.check(given.neutrinos, basis.search, basis.season)
        return basis

    @cached_property
    def prepared(self) -> Prepared:
        kept = self.given.statistic
        trigger = GWTrigger(self.report.gps_time, None, kept.p_astro_before, self.report.instruments)
        return prepare(self.given.skymap, trigger, self.season, self.search)

    @property
    def energy_used_gev(self) -> Float:
        return np.array([one.energy_used for one in self.given.statistic.neutrinos])

    def map_of(self, mixture: Sequence[Relation]) -> SkyMap:
        arrays = kernel_arrays(self.given.neutrinos)
        return joint_map(self.given.skymap, arrays, self.season, self.search, self, mixture)


def _chosen(report: Report, mixture: Sequence[Relation]) -> Row | None:
    if report.coincident:
        return report.coincident[0]
    if report.p_value is not None or report.blinded:
        return None
    singles = [one.neutrinos[0] + 1 for one in mixture if len(one.neutrinos) == 1]
    return next((row for row in report.by_significance if row.number in singles), None)


def _about_average(report: Report, mixture: Sequence[Relation]) -> list[str]:
    lines = [
        f"Where the source of {report.event_id} is, if it is a merger: given its gravitational-wave map and the "
        "neutrinos around it, averaged over which of them come from it. Probabilities:"
    ]
    lines += [f"{one.probability:.3g} {_named(one)}" for one in mixture]
    if len(mixture) == 1:
        lines += [f"No neutrino comes from it {_UNLIKELY}.", _UNCHANGED]
    return lines


def _named(relation: Relation) -> str:
    if not relation.neutrinos:
        return "none of them"
    numbers = [str(i + 1) for i in relation.neutrinos]
    named = f"neutrino{'s' if len(numbers) > 1 else ''} {' and '.join(numbers)}"
    return f"three or more of them, drawn as {named}" if relation.larger else named


def _about_one(report: Report, row: Row) -> list[str]:
    lines = [
        f"Where the source of {report.event_id} is, if it is a merger and neutrino {row.number} comes from it. "
        "Whether it does, this map does not say.",
        f"Odds that it does: {format_odds(row.log_odds)}, p-value {row.p_text}.",
    ]
    if row not in report.coincident:
        lines.append(f"How often chance does as well is not known: {report.nothing_coincides}.")
    return lines


def _nothing_chosen(report: Report) -> str:
    if not report.rows:
        return "There is no neutrino that could come from the source."
    if report.p_value is None and not report.blinded:
        return f"There is no p-value, and no neutrino comes from the source {_UNLIKELY}."
    return f"No neutrino is significant: {report.nothing_coincides}."


def _labelled(m: SkyMap, given: MapInputs, report: Report, version: str, about: Iterable[str]) -> SkyMap:
    """The map with the header of a file of its own."""
    of_map = given.skymap.origin  # in tests and replays it may be another event's
    origin = {
        "OBJECT": report.graceid,
        "REFERENC": of_map.get("REFERENC", ""),
        "INSTRUME": ",".join(report.instruments) or of_map.get("INSTRUME", ""),
        "DATE-OBS": report.event_time.removesuffix("Z"),
        "CREATOR": f"llama {version}",
        "HISTORY": "\n".join(_cards([warning(report), *about, *_inputs(given, report, m is given.skymap)])),
    }
    return replace(m, origin={key: text for key, text in origin.items() if text})


def _inputs(given: MapInputs, report: Report, unchanged: bool) -> list[str]:
    """What it rests on."""
    written = given.skymap.origin.get("DATE")
    lines = [f"GW map: {report.skymap}{f'; written {written}' if written else ''}", *report.skymap.remarks]
    lines += [f"IceCube: {found(len(report.rows), report.covered_s)}; {report.source}, season {report.season}"]
    lines += [_neutrino(row) for row in report.rows]
    lines += [f"Search: {report.parameters.get('population')}, distance mode {report.distance_mode}"]
    if given.skymap.distmu is not None and not unchanged:
        lines.append(
            "Distances: of the GW map, weighted with how many neutrinos a source gives at each"
            if report.distance_mode == "map"
            else "Distances: of the GW map as they are; neutrinos are not weighed against them in this distance mode"
        )
    return lines


def _neutrino(row: Row) -> str:
    return (
        f"Neutrino {row.number}: {row.i3event}, RA {row.ra_deg:.3f}, Dec {row.dec_deg:.3f}, sigma "
        f"{row.sigma_deg:.3f} deg, {format_energy(row.energy_gev)} GeV, {row.dt_s:+.2f} s"
    )


def _cards(lines: Iterable[str]) -> list[str]:
    return [card for line in lines for card in textwrap.wrap(line, _CARD, subsequent_indent="  ")]
