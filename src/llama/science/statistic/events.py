"""From terms to the statistic of an event: what several neutrinos say together, and the trigger's new p_astro.

With strangers, neutrinos of unrelated sources stand beside merger and noise alike, so each neutrino's own λ has been
divided out of its terms already and O = p_a B̃/(p_a c + p_t). Without, the published form has them beside noise only:
O = p_a B/(p_a c + p_t (1 + λ)), λ of the whole list (SCIENCE 1.6, 2.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import SeasonTable
from llama.science.search import Search
from llama.science.statistic.against import AgainstBackground
from llama.science.statistic.ensemble import joint_terms, stranger_host
from llama.science.statistic.hypotheses import LogWeights, Prior


@dataclass(frozen=True, eq=False)
class EventStatistic:
    """What several neutrinos say together.

    Attributes:
        log_b: ln of their Bayes factor for a common source with the merger; −inf for an empty list.
        weights: ln weights of the hypotheses, of which the odds are a ratio.
    """

    log_b: float
    weights: LogWeights

    @property
    def log_odds(self) -> float:
        """ln of the odds; −inf for an empty list."""
        return float(self.weights.log_odds())


@dataclass(frozen=True)
class Strangers:
    """Astrophysical neutrinos unrelated to the merger.

    Attributes:
        beside_mergers: whether they stand beside a real merger too.
        log_all_background: ln of the chance Π 1/(1 + λ) that none of the list is one (0 in the published form).
        log_rate: ln of λ of the whole list, in the published form.
    """

    beside_mergers: bool
    log_all_background: float
    log_rate: float

    @classmethod
    def of(cls, search: Search, season: SeasonTable, neutrinos: AgainstBackground, log_lambda: Float) -> Strangers:
        """From the single neutrinos' λ, and in the published form that of every set of them."""
        if search.strangers:
            return cls(True, -float(np.logaddexp(0.0, log_lambda).sum()), -np.inf)
        single = float(np.logaddexp.reduce(log_lambda, initial=-np.inf))
        heard = np.flatnonzero(np.isfinite(neutrinos.log_background))  # the others are not of the search's window
        inside = neutrinos.only(heard)
        joint = joint_terms(stranger_host(search, inside.source_times()), inside, season, log_lambda[heard])
        return cls(False, 0.0, float(np.logaddexp(single, joint.log_b)))

    def log_odds(self, prior: Prior, log_b: Float) -> Float:
        """ln of the odds for ln B̃ (B in the published form)."""
        return np.asarray(prior.log_astro + log_b - self._log_rest(prior))

    def _log_rest(self, prior: Prior) -> float:
        merger = prior.log_astro + prior.log_complement
        return float(np.logaddexp(merger, prior.log_terrestrial + np.logaddexp(0.0, self.log_rate)))

    def statistic(self, prior: Prior, log_b: float) -> EventStatistic:
        """The event's statistic from ln B̃ of the list."""
        chance_neutrino, noise = prior.log_terrestrial + self.log_rate, prior.log_terrestrial
        if self.beside_mergers:  # 1 = Π 1/(1 + λ) + the rest
            noise += self.log_all_background
            with np.errstate(divide="ignore"):
                chance_neutrino = prior.log_terrestrial + np.log(-np.expm1(self.log_all_background))
        chance_gw = prior.log_astro + prior.log_complement
        values = (prior.log_astro + log_b, chance_gw, chance_neutrino, noise)
        return EventStatistic(log_b, LogWeights(*(np.asarray(value, dtype=np.float64) for value in values)))


def p_astro_after(weights: LogWeights) -> float:
    """p_a' = p_a Λ_1/(p_a Λ_1 + p_t Λ_0), the weight of all hypotheses in which the merger is real."""
    real = np.logaddexp(weights.signal, weights.chance_gw)
    return float(np.exp(-np.logaddexp(0.0, np.logaddexp(weights.chance_neutrino, weights.noise) - real)))
