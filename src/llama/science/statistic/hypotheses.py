"""Which messengers share a source: every way to divide them, and what each way weighs (SCIENCE 3.1).

A hypothesis is a set of groups, each group the messengers that heard one source; those in no group heard noise. With
M messengers there are Bell(M + 1) hypotheses, 2^M if distinct sources in one window are left out. A group's weight is
that of its common source against noise in all its members, so a hypothesis weighs the product over its groups.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from llama.science.arrays import Float

Group = frozenset[str]
Hypothesis = frozenset[Group]


def hypotheses(messengers: Collection[str], distinct_sources: bool = True) -> Iterator[Hypothesis]:
    """Every hypothesis once, the empty one (noise in all) first.

    Args:
        messengers: their names, each once.
        distinct_sources: also those with two or more sources in one window.
    """
    names = sorted(messengers)
    if len(set(names)) < len(names):
        raise ValueError(f"a messenger is named twice among {', '.join(names)}")
    for found in _divided(names):
        if distinct_sources or len(found) <= 1:
            yield frozenset(found)


def _divided(names: list[str]) -> Iterator[tuple[Group, ...]]:
    if not names:
        yield ()
        return
    for rest in _divided(names[1:]):
        yield rest  # the first one heard noise
        yield (frozenset(names[:1]), *rest)
        for i, group in enumerate(rest):
            yield (*rest[:i], group | {names[0]}, *rest[i + 1 :])


@dataclass(frozen=True, eq=False)
class LogWeights:
    """ln of each hypothesis' weight, up to one common constant: arrays per neutrino, or scalars for the event.

    The odds are signal/(chance_gw + chance_neutrino + noise), to all digits.

    Attributes:
        signal: the merger shares its source with another messenger.
        chance_gw: the merger is real, and no other messenger heard it.
        chance_neutrino: GW noise beside an astrophysical signal in another messenger.
        noise: noise in all.
    """

    signal: Float
    chance_gw: Float
    chance_neutrino: Float
    noise: Float

    def log_odds(self) -> Float:
        """ln of the odds; −inf for odds of exactly 0."""
        return np.asarray(self.signal - np.logaddexp(np.logaddexp(self.chance_gw, self.chance_neutrino), self.noise))


@dataclass(frozen=True)
class Prior:
    """ln p_astro and ln p_terrestrial of the trigger, and ln c for mergers that no other messenger heard."""

    log_astro: float
    log_terrestrial: float
    log_complement: float

    @classmethod
    def of(cls, log_odds_gw: float, log_complement: float) -> Prior:
        """From ln of merger : noise."""
        return cls(-float(np.logaddexp(0, -log_odds_gw)), -float(np.logaddexp(0, log_odds_gw)), log_complement)


def log_weights(
    groups: Mapping[Group, ArrayLike],
    messengers: Collection[str],
    prior: Prior,
    distinct_sources: bool,
    gw: str = "gw",
) -> LogWeights:
    """The four classes of hypotheses for one candidate of each messenger.

    Args:
        groups: ln of each group's weight against noise in its members; with the merger in it, of a merger that is
            the common source (B) against a real merger alone. Groups that are not given weigh nothing.
        messengers: all of them, the merger among them.
    """
    classes: dict[str, Float] = {}
    for hypothesis in hypotheses(messengers, distinct_sources):
        total: Float = np.asarray(0.0)
        for group in hypothesis:
            total = total + _log_group(group, groups, prior, gw)
        if not any(gw in group for group in hypothesis):
            total = total + prior.log_terrestrial
        kind = _kind(hypothesis, gw)
        classes[kind] = np.asarray(np.logaddexp(classes[kind], total) if kind in classes else total)
    shape = np.broadcast_shapes(*(value.shape for value in classes.values()))
    return LogWeights(*(np.array(np.broadcast_to(classes[kind], shape)) for kind in LogWeights.__dataclass_fields__))


def _log_group(group: Group, groups: Mapping[Group, ArrayLike], prior: Prior, gw: str) -> Float:
    if group == {gw}:
        return np.asarray(prior.log_astro + prior.log_complement)
    known = np.asarray(groups.get(group, -np.inf), dtype=np.float64)
    return np.asarray(known + prior.log_astro) if gw in group else known


def _kind(hypothesis: Hypothesis, gw: str) -> str:
    if not hypothesis:
        return "noise"
    with_gw = next((group for group in hypothesis if gw in group), None)
    if with_gw is None:
        return "chance_neutrino"
    return "signal" if len(with_gw) > 1 else "chance_gw"
