"""Posterior calibration: of the events said to be real with probability p, a fraction p is."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from llama.science.background import energy_cap_gev
from llama.science.search import Search
from llama.studies.validation.background import Background
from llama.studies.validation.blocks import run_blocks
from llama.studies.validation.check import Check, Table
from llama.studies.validation.evaluate import Analysis, Ensemble, ensemble, in_reach
from llama.studies.validation.inputs import Inputs, MapSource, generator
from llama.studies.validation.plots import calibration_plot
from llama.studies.validation.tally import Bins, Tally
from llama.studies.validation.truth import (
    BACKGROUND,
    MERGER,
    Lists,
    draw_background,
    draw_sources,
    draw_strangers,
    merged,
    of_sources,
)

Float = NDArray[np.float64]

Z_LIMIT = 4.0
EVENTS_AT_ONCE = 2500
_LEAST_B = 1e-7
PLAIN, CAPPED = "plain", "capped"
QUANTITIES = {
    "common source": "P(H_s): the merger is real and gave at least one of the neutrinos",
    "real merger": "p_astro': the merger is real, given the neutrinos",
    "real neutrino": "P(real neutrino): a neutrino near the map is astrophysical, the merger's or not",
}


@dataclass(frozen=True)
class Model:
    """A search whose hypotheses events are drawn from, and why this one."""

    name: str
    search: Search
    why: str


def models(search: Search) -> tuple[Model, Model]:
    """The search as it is, and one of strong sources, which puts weight on what is rare in the first."""
    strong = replace(
        search,
        beaming=1.0,
        n_51_100=10 * search.n_51_100,
        source_rate_mpc3_s=100 * search.source_rate_mpc3_s,
    )
    return (
        Model("as searched", search, "every number as in the search record"),
        Model(
            "strong sources",
            strong,
            "ten times the neutrinos, no beaming, 100 times the sources: doublets, triplets and "
            "strangers become common",
        ),
    )


@dataclass(frozen=True)
class Block:
    """Some events of one model around one sky map."""

    number: int
    events: int
    model: Model
    skymap: MapSource


def blocks(inputs: Inputs, model: Model, events: int) -> tuple[Block, ...]:
    """All events of a model, maps of all populations in turn."""
    maps = [skymap for population in inputs.populations for skymap in population.maps]
    every = -(-events // EVENTS_AT_ONCE) if events >= EVENTS_AT_ONCE * len(maps) else min(len(maps), events)
    sizes = [len(range(i, events, every)) for i in range(every)]
    return tuple(Block(i, size, model, maps[i % len(maps)]) for i, size in enumerate(sizes))


def draw_events(
    rng: np.random.Generator, analysis: Analysis, inputs: Inputs, background: Background, events: int
) -> tuple[Lists, Float, NDArray[np.bool_]]:
    """Neutrino lists of `events`, each one's p_astro (uniform), and which mergers are real."""
    season, search, sigmas = analysis.season, analysis.search, inputs.pool.sigma_rad
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


def tally_block(inputs: Inputs, seed: int, block: Block) -> Mapping[tuple[str, str], Tally]:
    """Draw one block, state the three probabilities, count what was true."""
    rng = generator(seed, f"calibration {block.model.name}", block.number)
    search = block.model.search
    analysis = Analysis.of(block.skymap.read(), inputs.season, search)
    background = Background.of(inputs.season, search)
    lists, p_astro, real = draw_events(rng, analysis, inputs, background, block.events)
    gave = np.zeros(lists.events, np.bool_)
    gave[lists.event[lists.origin == MERGER]] = True
    near = lists.take(in_reach(analysis, lists.neutrinos, _LEAST_B))
    found = ensemble(analysis, near)
    log_c = analysis.prepared.log_complement
    statements = {
        "common source": (log_odds_common(found, p_astro, log_c), gave),
        "real merger": (log_odds_real(found, p_astro, log_c), real),
        "real neutrino": (_log_odds_neutrinos(found, near, p_astro, log_c), near.origin != BACKGROUND),
    }
    capped = _with_capped_energy(analysis, near)
    each = {name: capped[near.event] if name == "real neutrino" else capped for name in QUANTITIES}
    return {
        (name, kind): Tally.of(log_odds[each[name] == (kind == CAPPED)], true[each[name] == (kind == CAPPED)])
        for name, (log_odds, true) in statements.items()
        for kind in (PLAIN, CAPPED)
    }


def _with_capped_energy(analysis: Analysis, lists: Lists) -> NDArray[np.bool_]:
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


def _log_odds_neutrinos(found: Ensemble, lists: Lists, p_astro: Float, log_c: float) -> Float:
    """ln odds of being astrophysical: from the merger, or else (λ against background) from somewhere else."""
    whole = np.logaddexp(
        np.log(p_astro) + np.logaddexp(log_c, found.log_b),
        np.log1p(-p_astro),
    )[lists.event]
    log_from_merger = np.minimum(np.log(p_astro)[lists.event] + found.log_b_with - whole, -1e-15)
    log_else = np.log(-np.expm1(log_from_merger))
    log_stranger = -np.logaddexp(0.0, -found.log_lambda)
    log_not = log_else - np.logaddexp(0.0, found.log_lambda)
    return np.asarray(np.logaddexp(log_from_merger, log_else + log_stranger) - log_not)


def check_calibration(inputs: Inputs, seed: int, events: int, workers: int) -> Check:
    """Both models, `events` each."""
    found: dict[tuple[str, str, str], Tally] = {}
    for model in models(inputs.search):
        parts = run_blocks(functools.partial(tally_block, inputs, seed), blocks(inputs, model, events), workers)
        for name, kind in parts[0]:
            found[model.name, name, kind] = Tally.total(part[name, kind] for part in parts)
    plain = {(model, name): tally.bins() for (model, name, kind), tally in found.items() if kind == PLAIN}
    worst, judged = max(bins.worst for bins in plain.values()), sum(bins.judged for bins in plain.values())
    return Check(
        name="calibration",
        title="Posterior calibration",
        question="Of the events, mergers and neutrinos said to be real with probability p, is a fraction p real?",
        criterion=f"|z| ≤ {Z_LIMIT:g} in every bin of the stated probability that has Σp(1−p) ≥ 10, for three "
        "probabilities and two models, where no neutrino lies above all background energies",
        value=f"worst |z| = {worst:.2f} of {judged} bins, {events:,} events for each model",
        passed=judged > 0 and worst <= Z_LIMIT,
        limits="Events are drawn from the model, so this shows that the computation is the model's posterior, not "
        "that the model is true of nature: not its rates, its energy spectrum or the response of the detector. "
        "Angular "
        "errors are the sample's, the same for signal and background. Neutrinos for which B is certainly below "
        f"{_LEAST_B:g} are left out before the kernel is asked. Above all background energies the cap decides, not "
        "the model (choice A12): lists with such a neutrino within reach are counted apart, and not judged.",
        plots=(calibration_plot(plain, list(QUANTITIES)),),
        tables=(_summary(found), *_details(plain)),
    )


def _summary(found: Mapping[tuple[str, str, str], Tally]) -> Table:
    rows = []
    for (model, name, kind), tally in found.items():
        bins = tally.bins()
        judged: tuple[str | int | float, ...] = (
            ("not judged", "") if kind == CAPPED else (bins.judged, round(bins.worst, 2))
        )
        what = f"{name}, capped energies" if kind == CAPPED else name
        rows.append((model, what, int(tally.count.sum()), round(float(tally.stated.sum()), 1),
                     int(tally.true.sum()), *judged))  # fmt: skip
    columns = ("model", "probability of", "statements", "expected true", "true", "bins", "worst |z|")
    meaning = "; ".join(f"{name}: {what}" for name, what in QUANTITIES.items())
    return Table(
        f"All bins together; expected is the sum of the stated probabilities. {meaning}.", columns, tuple(rows)
    )


def _details(found: Mapping[tuple[str, str], Bins]) -> Sequence[Table]:
    columns = ("mean stated", "fraction true", "statements", "z")
    tables = []
    for (model, name), bins in found.items():
        mean, true = bins.stated / bins.count, bins.true / bins.count
        rows = zip(mean.tolist(), true.tolist(), bins.count.astype(int).tolist(), bins.z.tolist(), strict=True)
        shown = tuple((float(f"{a:.4g}"), float(f"{b:.4g}"), n, round(z, 2)) for a, b, n, z in rows)
        tables.append(Table(f"{name}, {model}: by bin of the stated probability", columns, shown))
    return tables
