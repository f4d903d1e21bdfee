"""Events drawn from the model, and what is stated of them: tallies of stated probabilities against what happened."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.detector import energy_cap_gev
from llama.science.search import Search
from llama.science.statistic import mean_distance_mpc
from llama.studies.background_density import BackgroundDraws
from llama.studies.blocks import Arrays, Blocks, Form, generator
from llama.studies.truth import (
    BACKGROUND,
    MERGER,
    Lists,
    draw_background,
    draw_sources,
    draw_strangers,
    merged,
    of_sources,
    stranger_counts,
)
from llama.studies.validation.evaluate import Ensemble, MapAnalysis, ensemble, in_reach
from llama.studies.validation.inputs import CheckInputs, MapSource, Population
from llama.studies.validation.tally import Tally

EVENTS_AT_ONCE = 2500
LEAST_B = 1e-7
PLAIN, CAPPED = "plain", "capped"
COMMON, REAL, NEUTRINO = "common source", "real merger", "real neutrino"
AS_SEARCHED, STRONG, FREQUENT = "as searched", "strong sources", "frequent associations"
_MOST_COUNTS, _STRANGERS = 10.0, 0.5
KINDS: Mapping[str, str] = {
    AS_SEARCHED: "every number as in the search record: true associations are rare",
    STRONG: f"no beaming, the loudest source at the median distance gives {_MOST_COUNTS:g} neutrinos: doublets and "
    f"larger sets are common, and a window holds {_STRANGERS:g} strangers",
    FREQUENT: "no beaming, a source at the median distance gives 0.1 to 1 neutrinos, and a window holds "
    f"{_STRANGERS:g} strangers: associations are common and uncertain, which shows a wrong scale of B or λ first",
}
Tallies = Mapping[tuple[str, str], Tally]


@dataclass(frozen=True)
class Model:
    """A search whose hypotheses events are drawn from, around the maps of its population."""

    kind: str
    population: Population
    search: Search

    @property
    def name(self) -> str:
        return f"{self.population.name}, {self.kind}"


def models(population: Population, inputs: CheckInputs) -> Mapping[str, Model]:
    """The search as it is, and two that put weight on what is rare in it, by kind."""
    search = population.search
    loudest = search.count_max_mpc2 / _typical_distance_mpc(population) ** 2
    strong = replace(search, beaming=1.0, n_51_100=_MOST_COUNTS / loudest * search.n_51_100)
    frequent = replace(
        search,
        beaming=1.0,
        n_51_100=search.n_51_100 / loudest,
        e_nu_min_eu=search.e_nu_max_eu / 10,
    )
    searches = {AS_SEARCHED: search, STRONG: _crowded(strong, inputs), FREQUENT: _crowded(frequent, inputs)}
    return {kind: Model(kind, population, one) for kind, one in searches.items()}


def _typical_distance_mpc(population: Population) -> float:
    """Median over the maps, which all must have distances."""
    found = [mean_distance_mpc(skymap.read()) for skymap in population.maps]
    if without := [skymap.name for skymap, one in zip(population.maps, found, strict=True) if one is None]:
        raise ValueError(f"{without[0]} has no distances; events can be drawn only where it has")
    return float(np.median([one for one in found if one is not None]))


def _crowded(search: Search, inputs: CheckInputs) -> Search:
    """The same with as many sources as give half a stranger per window."""
    more = _STRANGERS / stranger_counts(generator(0, "strangers", 0), inputs.season, search)
    return replace(search, source_rate_mpc3_s=search.source_rate_mpc3_s * more)


@dataclass(frozen=True)
class Block:
    """Some events of one model around one sky map."""

    number: int
    events: int
    model: str
    search: Search
    skymap: MapSource


def blocks(model: Model, events: int) -> tuple[Block, ...]:
    """All events of a model, its maps in turn."""
    maps = model.population.maps
    every = -(-events // EVENTS_AT_ONCE) if events >= EVENTS_AT_ONCE * len(maps) else min(len(maps), events)
    sizes = [len(range(i, events, every)) for i in range(every)]
    return tuple(Block(i, size, model.name, model.search, maps[i % len(maps)]) for i, size in enumerate(sizes))


def draw_events(
    rng: np.random.Generator,
    analysis: MapAnalysis,
    search: Search,
    sigmas: Float,
    background: BackgroundDraws,
    events: int,
) -> tuple[Lists, Float, NDArray[np.bool_]]:
    """Neutrino lists of `events` under `search`, each one's p_astro (uniform), and which mergers are real."""
    season = analysis.season
    p_astro = rng.random(events)
    real = rng.random(events) < p_astro
    ours = np.flatnonzero(real & (rng.random(events) < 1 / search.beaming))
    sources = draw_sources(rng, analysis.skymap, season, search, ours.size)
    count = rng.poisson(sources.mean_count)
    event = np.repeat(ours, count)
    signal = of_sources(
        rng, sources.take(np.repeat(np.arange(ours.size), count)), event, sigmas, season, search, MERGER
    )
    noise = draw_background(rng, background, sigmas, analysis.rate_hz, search, events)
    strangers = draw_strangers(rng, sigmas, season, search, events)
    return merged((signal, noise, strangers), events), p_astro, real


def tally_block(inputs: CheckInputs, background: BackgroundDraws, seed: int, block: Block) -> Tallies:
    """Draw one block, state the three probabilities, count what was true."""
    rng = generator(seed, f"calibration {block.model}", block.number)
    analysis = MapAnalysis.of(block.skymap.read(), inputs.season, block.search)
    sigmas = inputs.pool.sigma_rad
    lists, p_astro, real = draw_events(rng, analysis, block.search, sigmas, background, block.events)
    gave = np.zeros(lists.events, np.bool_)
    gave[lists.event[lists.origin == MERGER]] = True
    near = lists.take(in_reach(analysis, lists.neutrinos, LEAST_B))
    found = ensemble(analysis, near)
    log_c = analysis.prepared.log_complement
    statements = {
        COMMON: (log_odds_common(found, p_astro, log_c), gave),
        REAL: (log_odds_real(found, p_astro, log_c), real),
        NEUTRINO: (log_odds_neutrinos(found, near, p_astro, log_c), near.origin != BACKGROUND),
    }
    capped = _with_capped_energy(analysis, near)
    return {
        (name, kind): _tally(log_odds, true, (capped[near.event] if name == NEUTRINO else capped) == (kind == CAPPED))
        for name, (log_odds, true) in statements.items()
        for kind in (PLAIN, CAPPED)
    }


def _tally(log_odds: Float, true: NDArray[np.bool_], wanted: NDArray[np.bool_]) -> Tally:
    """Of some of the statements; NaN states nothing."""
    some = wanted & ~np.isnan(log_odds)
    return Tally.of(log_odds[some], true[some])


def _arrays(tallies: Tallies) -> Arrays:
    return {
        f"{name}/{kind}/{field}": getattr(tally, field)
        for (name, kind), tally in tallies.items()
        for field in Tally.__dataclass_fields__
    }


def _result(arrays: Arrays) -> Tallies:
    keys = dict.fromkeys(tuple(name.split("/")[:2]) for name in arrays)
    return {
        (name, kind): Tally(*(arrays[f"{name}/{kind}/{field}"] for field in Tally.__dataclass_fields__))
        for name, kind in keys
    }


AS_ARRAYS = Form(_arrays, _result)


def tally_model(inputs: CheckInputs, seed: int, events: int, model: Model, by: Blocks) -> Tallies:
    """All blocks of a model together."""
    background = BackgroundDraws.of(inputs.season, model.search)
    task = functools.partial(tally_block, inputs, background, seed)
    parts = list(by.draw(f"calibration {model.name}", task, blocks(model, events), AS_ARRAYS))
    return {key: Tally.total(part[key] for part in parts) for key in parts[0]}


def _with_capped_energy(analysis: MapAnalysis, lists: Lists) -> NDArray[np.bool_]:
    """(events,) whether a neutrino within reach lies above all background energies, where the cap (A12) decides."""
    neutrinos = lists.neutrinos
    above = neutrinos.energy_gev > energy_cap_gev(analysis.season, analysis.search, neutrinos.dec_rad)
    capped = np.zeros(lists.events, np.bool_)
    capped[lists.event[above]] = True
    return capped


def log_odds_common(found: Ensemble, p_astro: Float, log_c: float) -> Float:
    """ln O = ln p_a B̃/(p_a c + p_t), −inf without neutrinos within reach."""
    return np.asarray(np.log(p_astro) + found.log_b - np.log(p_astro * np.exp(log_c) + 1 - p_astro))


def log_odds_real(found: Ensemble, p_astro: Float, log_c: float) -> Float:
    """ln of p_a (c + B̃)/p_t."""
    return np.asarray(np.log(p_astro) - np.log1p(-p_astro) + np.logaddexp(log_c, found.log_b))


def log_odds_neutrinos(found: Ensemble, lists: Lists, p_astro: Float, log_c: float) -> Float:
    """ln odds of being astrophysical: from the merger, or else (λ against background) from somewhere else."""
    whole = np.logaddexp(
        np.log(p_astro) + np.logaddexp(log_c, found.log_b),
        np.log1p(-p_astro),
    )[lists.event]
    log_from_merger = np.minimum(np.log(p_astro)[lists.event] + found.log_b_with - whole, -1e-15)
    log_else = np.log(-np.expm1(log_from_merger))
    log_stranger = -np.logaddexp(0.0, -found.log_lambda)
    log_not = log_else - np.logaddexp(0.0, found.log_lambda)
    with np.errstate(invalid="ignore"):  # NaN states nothing
        return np.asarray(np.logaddexp(log_from_merger, log_else + log_stranger) - log_not)
