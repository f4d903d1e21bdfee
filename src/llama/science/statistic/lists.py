"""One prepared sky map and any number of neutrino lists: the statistic of each, which `coincidence` is for one list.

Single neutrinos of all lists go through the overlap integrals together, and few lists have neutrinos that may share a
source, so thousands of lists take seconds. What a list gives does not depend on which others are beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Float, Index
from llama.science.detector import (
    SeasonTable,
    alpha,
    energy_cap_gev,
    interpolate_sin_dec,
    log_background_density,
    signal_rows,
)
from llama.science.distance import along_log_alpha, log_j1
from llama.science.search import Search
from llama.science.sky import declinations, log_sum_by, unit_vectors
from llama.science.statistic.against import AgainstBackground, Host
from llama.science.statistic.ensemble import Joint, Singles, joint_terms, single_log_b, single_terms
from llama.science.statistic.observed import GWTrigger, Neutrinos
from llama.science.statistic.pairs import lists_with_pairs
from llama.science.statistic.prepared import Prepared
from llama.science.statistic.timing import gw_window_s, in_search_window


@dataclass(frozen=True, eq=False)
class NeutrinoLists:
    """Several lists of neutrinos, end to end: list i is start[i] … start[i + 1]."""

    neutrinos: Neutrinos
    start: Index

    @classmethod
    def of(cls, every: Sequence[Neutrinos]) -> NeutrinoLists:
        """From lists by themselves."""
        columns = (
            np.concatenate([np.empty(0), *(getattr(one, name) for one in every)])
            for name in Neutrinos.__dataclass_fields__
        )
        return cls(Neutrinos(*columns), np.cumsum([0, *map(len, every)]))

    def __len__(self) -> int:
        return int(self.start.size - 1)


@dataclass(frozen=True, eq=False)
class ListStatistics:
    """What each of many lists says of a common source with the merger.

    Attributes:
        log_b, log_b_apart, log_lambda: (n,) of each neutrino, see `CoincidenceResult`.
        event: (lists,) ln of the public-alert statistic, single neutrinos and pairs, as odds at p_astro 1.
        ensemble: (lists,) ln of the exact statistic of the whole list, likewise.
    """

    log_b: Float
    log_b_apart: Float
    log_lambda: Float
    event: Float
    ensemble: Float


def list_statistics(
    ready: Prepared,
    trigger: GWTrigger,
    lists: NeutrinoLists,
    season: SeasonTable,
    search: Search,
    quick: bool = False,
) -> ListStatistics:
    """The statistic of every list with one merger, whose map is prepared.

    `quick` goes by machine code where it can be had: it agrees to 1e-9, pays half a second once, and is for studies.

    Neutrinos must be such that `check_neutrinos` passes; those outside the search window count nowhere.
    """
    terms = ListTerms.of(ready, trigger, lists.neutrinos, season, search, quick=quick)
    singles = log_sum_by(terms.log_b_apart, lists.start)
    event, ensemble = singles.copy(), singles.copy()
    for i in terms.lists_with_pairs(singles, lists.start).tolist():
        joint = terms.joint(slice(int(lists.start[i]), int(lists.start[i + 1])))
        event[i] = np.logaddexp(singles[i], joint.log_all_pairs)
        ensemble[i] = np.logaddexp(singles[i], joint.log_b)
    if_real = -ready.log_complement
    return ListStatistics(terms.log_b, terms.log_b_apart, terms.log_lambda, event + if_real, ensemble + if_real)


@dataclass(frozen=True, eq=False)
class ListTerms:
    """Neutrinos beside one merger, each by itself, and what sets of them are made from.

    Attributes:
        host: the merger. season: the table of the sample that supplied the neutrinos.
        candidates: the neutrinos against their background R_ν P_emp.
        against: against background and strangers, each (1 + λ) times as much.
        log_b, log_b_apart, log_lambda: (n,) see `CoincidenceResult`.
        energy_used_gev: (n,) reconstructed energies after the cap.
    """

    host: Host
    season: SeasonTable
    candidates: AgainstBackground
    against: AgainstBackground
    log_b: Float
    log_b_apart: Float
    log_lambda: Float
    energy_used_gev: Float

    @classmethod
    def of(
        cls,
        ready: Prepared,
        trigger: GWTrigger,
        neutrinos: Neutrinos,
        season: SeasonTable,
        search: Search,
        *,
        quick: bool = False,
    ) -> ListTerms:
        """Those of one list, or of several end to end."""
        return cls._of(ready, trigger, neutrinos, season, search, functools.partial(single_log_b, quick=quick))

    @classmethod
    def with_nodes(
        cls, ready: Prepared, trigger: GWTrigger, neutrinos: Neutrinos, season: SeasonTable, search: Search
    ) -> tuple[ListTerms, Singles]:
        """Those of one list, and where in the sky single neutrinos' come from."""
        kept: list[Singles] = []

        def log_b(host: Host, candidates: AgainstBackground, season: SeasonTable) -> Float:
            kept.append(single_terms(host, candidates, season))
            return kept[0].log_b

        return cls._of(ready, trigger, neutrinos, season, search, log_b), kept[0]

    @classmethod
    def _of(
        cls,
        ready: Prepared,
        trigger: GWTrigger,
        neutrinos: Neutrinos,
        season: SeasonTable,
        search: Search,
        log_b_of: Callable[[Host, AgainstBackground, SeasonTable], Float],
    ) -> ListTerms:
        energy = np.minimum(neutrinos.energy_gev, energy_cap_gev(season, search, neutrinos.dec_rad))
        candidates = _candidates(neutrinos, trigger, energy, season, search)
        host = merger_host(ready, search)
        log_b = log_b_of(host, candidates, season)
        log_lambda = log_stranger_rate(season, search, candidates, neutrinos) - candidates.log_background
        beside = np.logaddexp(0.0, log_lambda) if search.strangers else np.zeros_like(log_lambda)
        against = replace(candidates, log_background=candidates.log_background + beside)
        return cls(host, season, candidates, against, log_b, log_b - beside, log_lambda, energy)

    def joint(self, some: slice) -> Joint:
        """Every term of two or more neutrinos of one list."""
        mine = self.against.only(np.arange(self.log_b_apart.size)[some])
        return joint_terms(self.host, mine, self.season, self.log_b_apart[some])

    def lists_with_pairs(self, log_single: Float, start: Index) -> Index:
        """Which lists have such terms that matter."""
        return lists_with_pairs(
            self.host, self.against, self.against.log_most_strength(self.season), log_single, start
        )


def whole(neutrinos: Neutrinos) -> Index:
    """Start and end of one list."""
    return np.array([0, len(neutrinos)])


def rate_hz(season: SeasonTable, search: Search) -> float:
    """R_ν: the search's own number, else that of the season."""
    return season.rate_hz if search.neutrino_rate_hz is None else search.neutrino_rate_hz


def _candidates(
    neutrinos: Neutrinos, trigger: GWTrigger, energy: Float, season: SeasonTable, search: Search
) -> AgainstBackground:
    """Neutrinos against their background R_ν P_emp.

    Those outside the search window are none of the data: against an infinite background they weigh nothing, by
    themselves, in any set and with any messenger.
    """
    background = np.log(rate_hz(season, search)) + log_background_density(season, search, neutrinos.dec_rad, energy)
    background = np.where(in_search_window(search, trigger.gps_s, neutrinos.gps_s), background, np.inf)
    direction = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad).reshape(-1, 3)
    return AgainstBackground.of(neutrinos, direction, trigger.gps_s, background, signal_rows(season, energy), search)


def merger_host(ready: Prepared, search: Search) -> Host:
    """The merger as the host of neutrinos."""
    log_rate = -np.log(gw_window_s(search) * search.beaming)
    return Host(ready.tree, ready.radial, -search.t_gw_plus_s, -search.t_gw_minus_s, float(log_rate))


def log_stranger_rate(
    season: SeasonTable, search: Search, candidates: AgainstBackground, neutrinos: Neutrinos
) -> Float:
    """ln of (ṅ/f_b) ∫(a/α) PSF J_1(0, r_ν,max; α) dΩ: astrophysical neutrinos like this one, s⁻¹ sr⁻¹ GeV⁻¹."""
    neutrino, sin_dec, weights = declinations(neutrinos.dec_rad, neutrinos.sigma_rad, season.sin_dec)
    count_scale = alpha(season, sin_dec)
    per_source = interpolate_sin_dec(season, candidates.rows, neutrino, sin_dec) / count_scale
    horizon = search.horizon_mpc(search.e_gw_max_eu)
    log_volume = along_log_alpha(
        lambda scale: log_j1(horizon, scale * search.count_max_mpc2, search.log_nu_span), count_scale
    )
    averages = np.bincount(neutrino, weights * per_source * np.exp(log_volume), minlength=len(neutrinos))
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(search.source_rate_mpc3_s / search.beaming) + np.log(averages))
