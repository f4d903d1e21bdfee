"""How likely it is that a gravitational-wave trigger and a neutrino share a source (SCIENCE section 1).

For each neutrino four hypotheses compete: a common source, a real merger with an unrelated neutrino (`chance_gw`),
an astrophysical neutrino beside GW noise (`chance_neutrino`), and noise in both. Everything is a logarithm.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrc

from llama.science.arrays import Float
from llama.science.detector import (
    SeasonTable,
    noise_snr_source,
    signal_rows,
)
from llama.science.overlap import Nodes
from llama.science.search import Search
from llama.science.sky import SkyMap, log_density, log_sum_by, unit_vectors
from llama.science.statistic.against import AgainstBackground
from llama.science.statistic.ensemble import Joint
from llama.science.statistic.events import EventStatistic, Strangers, p_astro_after
from llama.science.statistic.hypotheses import LogWeights, Prior, log_weights
from llama.science.statistic.lists import ListTerms, rate_hz, whole
from llama.science.statistic.observed import GWTrigger, Neutrinos, check_neutrinos
from llama.science.statistic.prepared import Prepared, prepare
from llama.science.statistic.timing import search_window_s

_COUNT_TOLERANCE = 1.25
_TOO_MANY = 1e-6  # probability of so many background neutrinos or more


@dataclass(frozen=True, eq=False)
class CoincidenceResult:
    """The statistic of one event: single neutrinos, pairs, the whole list.

    Attributes:
        mode: distance mode used: "map", "pinned" or "marginal".
        log_b: (n,) ln B, common source against real merger and background neutrino.
        log_b_apart: (n,) ln B/(1 + λ), strangers divided out (ln B in the published form).
        log_lambda: (n,) ln λ, astrophysical against background for a neutrino unrelated to the merger.
        log_odds: (n,) ln of each neutrino's odds, −inf for 0.
        weights: ln weights of the hypotheses per neutrino.
        log_complement: ln c, how much less likely a real merger is to leave no neutrino (0 with complement off).
        candidates: the neutrinos as the kernel takes them, each against its background R_ν P_emp.
        log_odds_pairs: (n, n) ln of the odds of each pair, above the diagonal; −inf for pairs that do not matter.
        event: the public-alert statistic, single neutrinos and pairs.
        ensemble: the exact statistic of the whole list, pairs and all higher sets of neutrinos included.
        p_astro_before, p_astro_after: None when the trigger had none.
        log_gw_odds: ln of the prior odds merger : noise that were used, from p_astro or from the model's rates.
        neutrino_rate_hz: R_ν that was used.
        energy_used_gev: (n,) reconstructed energies after the cap.
        prepared: what was made of the sky map.
        nodes, log_integrand: quadrature nodes of the overlap integrals and ln of what they are to be multiplied with.
        notes: what the reader of the result must know.
    """

    mode: str
    log_b: Float
    log_b_apart: Float
    log_lambda: Float
    log_odds: Float
    weights: LogWeights
    log_complement: float
    candidates: AgainstBackground
    log_odds_pairs: Float
    event: EventStatistic
    ensemble: EventStatistic
    p_astro_before: float | None
    p_astro_after: float | None
    log_gw_odds: float
    neutrino_rate_hz: float
    energy_used_gev: Float
    prepared: Prepared
    nodes: Nodes
    log_integrand: Float
    notes: tuple[str, ...]


def coincidence(
    skymap: SkyMap,
    trigger: GWTrigger,
    neutrinos: Neutrinos,
    season: SeasonTable,
    search: Search,
    prepared: Prepared | None = None,
) -> CoincidenceResult:
    """The statistic of one event.

    Args:
        skymap: probability density of the merger's direction, with or without distances.
        trigger: when, how loud, how likely real.
        neutrinos: candidates; those outside the search window count nowhere: odds and λ are 0, and a note says so.
        season: the table of the sample that supplied the neutrinos.
        search: every other number.
        prepared: `prepare` with the same arguments, when it is already at hand.

    Raises:
        ValueError: a neutrino or trigger that cannot be analysed; the message says which and why.
    """
    ready = prepared or prepare(skymap, trigger, season, search)
    check_neutrinos(neutrinos, search)
    terms, single = ListTerms.with_nodes(ready, trigger, neutrinos, season, search)
    prior = Prior.of(ready.log_gw_odds, ready.log_complement)
    groups = {frozenset({"gw", "icecube"}): terms.log_b, frozenset({"icecube"}): terms.log_lambda}
    weights = log_weights(groups, ("gw", "icecube"), prior, search.strangers)
    joint, log_all = terms.joint(slice(None)), float(log_sum_by(terms.log_b_apart, whole(neutrinos))[0])
    pairs, everything = (float(np.logaddexp(log_all, more)) for more in (joint.log_all_pairs, joint.log_b))
    strangers = Strangers.of(search, season, terms.against, terms.log_lambda)
    event, ensemble = strangers.statistic(prior, pairs), strangers.statistic(prior, everything)
    return CoincidenceResult(
        mode=ready.mode,
        log_b=terms.log_b,
        log_b_apart=terms.log_b_apart,
        log_lambda=terms.log_lambda,
        log_odds=weights.log_odds(),
        weights=weights,
        log_complement=ready.log_complement,
        candidates=terms.candidates,
        log_odds_pairs=strangers.log_odds(prior, joint.log_pairs),
        event=event,
        ensemble=ensemble,
        p_astro_before=trigger.p_astro,
        p_astro_after=None if trigger.p_astro is None else p_astro_after(ensemble.weights),
        log_gw_odds=ready.log_gw_odds,
        neutrino_rate_hz=rate_hz(season, search),
        energy_used_gev=terms.energy_used_gev,
        nodes=single.nodes,
        log_integrand=single.log_integrand,
        notes=(
            *ready.notes,
            *_notes(season, search, neutrinos, terms.energy_used_gev, trigger),
            *_list_notes(neutrinos, terms.candidates, search, rate_hz(season, search)),
            *_crowd(joint),
        ),
        prepared=ready,
    )


def _list_notes(neutrinos: Neutrinos, candidates: AgainstBackground, search: Search, rate: float) -> list[str]:
    """What is strange about the list as a whole."""
    first, last = search_window_s(search)
    within = np.isfinite(candidates.log_background)
    inside, expected = int(within.sum()), rate * (last - first)
    places = list(zip(neutrinos.gps_s.tolist(), neutrinos.ra_rad.tolist(), neutrinos.dec_rad.tolist(), strict=True))
    known = Counter(places)
    notes = [
        f"neutrino {i}: another of the list has its time and direction; an event that is listed twice counts as two"
        for i, place in enumerate(places)
        if known[place] > 1
    ]
    notes += [
        f"neutrino {i}: {candidates.delay_s[i]:+.2f} s is outside the search's window of {first:+g} to {last:+g} s: "
        "it counts nowhere"
        for i in np.flatnonzero(~within)
    ]
    if inside and pdtrc(inside - 1, expected) < _TOO_MANY:
        notes.append(
            f"{inside} neutrinos where the season's rate gives {expected:.2g}: background does not explain so many, "
            "and odds and p-values mean nothing if the list is not of the season's sample"
        )
    return notes


def _crowd(joint: Joint) -> tuple[str, ...]:
    if not joint.left_out:
        return ()
    return (f"{joint.left_out} neutrinos are so many near others that their pairs and larger sets are left out",)


def most_probable_direction(result: CoincidenceResult, neutrinos: Neutrinos) -> tuple[float, float] | None:
    """Right ascension and declination (rad) where the source of the likeliest neutrino most probably is.

    Given that neutrino, not over all of them: a sharp one is a high peak of the density however improbable it is.
    It is a node of the overlap integral, up to a quarter of σ from the peak. None when there can be no source.
    """
    nodes, log_odds = result.nodes, result.log_odds
    if not np.isfinite(log_odds).any():
        return None
    best = int(np.argmax(log_odds))
    own = slice(int(nodes.start[best]), int(nodes.start[best + 1]))
    centre = unit_vectors(neutrinos.ra_rad[best : best + 1], neutrinos.dec_rad[best : best + 1])
    quarter = np.square(nodes.direction[own] - centre).sum(axis=-1) / 4
    density = result.prepared.tree.log_density()[nodes.node[own]] + log_density(quarter, neutrinos.sigma_rad[best])
    x, y, z = nodes.direction[own][int(np.argmax(density + result.log_integrand[own]))]
    return float(np.arctan2(y, x) % (2 * np.pi)), float(np.arctan2(z, np.hypot(x, y)))


def _notes(
    season: SeasonTable, search: Search, neutrinos: Neutrinos, energy: Float, trigger: GWTrigger
) -> tuple[str, ...]:
    notes = [f"{season.name}: {season.smearing}"]
    notes += [
        f"neutrino {i}: energy {neutrinos.energy_gev[i]:.3g} GeV capped at {energy[i]:.3g} GeV, "
        "the highest background energy at its declination"
        for i in np.flatnonzero(energy < neutrinos.energy_gev)
    ]
    notes += [
        f"neutrino {i}: energy {energy[i]:.3g} GeV is below what the response of {season.name} covers: odds 0"
        for i in np.flatnonzero(~signal_rows(season, energy).any(axis=1))
    ]
    if not 1 / _COUNT_TOLERANCE < search.n_51_100 / season.n_51_100 < _COUNT_TOLERANCE:
        notes.append(
            f"the search expects {search.n_51_100:g} neutrinos of 1e51 erg at 100 Mpc; "
            f"the effective area of {season.name} gives {season.n_51_100:.2f}"
        )
    if trigger.p_astro is None:
        known = "no SNR, integrated above threshold" if trigger.snr is None else f"SNR {trigger.snr:g}"
        notes.append(f"no p_astro: merger and noise rates of the model ({known}; {noise_snr_source(search)})")
    return tuple(notes)
