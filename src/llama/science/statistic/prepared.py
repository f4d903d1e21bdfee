"""What of the statistic does not depend on the neutrinos: the sky map as a tree, its distances, the merger's odds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import SeasonTable, alpha, log_noise_snr_density
from llama.science.distance import Distances, Likely, PerCell, Pinned, Radial, heard_anywhere
from llama.science.search import Search
from llama.science.sky import SkyMap, SkyTree, conditional_moments, is_distance
from llama.science.statistic.observed import GWTrigger, check_trigger


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the neutrinos: made once per trigger, however many lists it is compared with.

    `log_volume` is ln of the volume that the averages of `radial` are over, where directions are heard unlike: the
    same map times another's is an average over less of it. 0 in modes that use the map's own distances."""

    tree: SkyTree
    mode: str
    radial: Distances
    log_complement: float
    log_gw_odds: float
    log_volume: float
    notes: tuple[str, ...]


def node_alphas(tree: SkyTree, season: SeasonTable | None) -> Float:
    """α at every node of a tree; one where no neutrino detector listens."""
    return np.ones(tree.cell.size) if season is None else alpha(season, tree.direction[:, 2])


def prepare(skymap: SkyMap, trigger: GWTrigger, season: SeasonTable | None, search: Search) -> Prepared:
    """The sky map as a tree, its distances averaged, and ln c (0 with `complement` off).

    Without a season no neutrino detector listens, and c is 1.
    """
    check_trigger(trigger)
    trigger, below = _above_threshold(trigger, search)
    tree = SkyTree.of(skymap)
    node_alpha = node_alphas(tree, season)
    likely = Likely.of(tree, node_alpha)
    anywhere, heard = heard_anywhere(search, trigger.snr, trigger.instruments, trigger.gps_s, tree, likely)
    mode, radial, notes = choose_distance(skymap, tree, trigger, search, node_alpha, anywhere)
    notes = below + notes
    log_c = log_complement(search, radial) if search.complement and season is not None else 0.0
    log_odds = _log_gw_odds(trigger, search, anywhere.log_volume())
    if mode != "marginal":
        return Prepared(tree, mode, radial, log_c, log_odds, 0.0, notes)
    return Prepared(tree, mode, radial, log_c, log_odds, anywhere.log_volume(), notes + heard)


def _above_threshold(trigger: GWTrigger, search: Search) -> tuple[GWTrigger, tuple[str, ...]]:
    """The trigger with an SNR that the search can have; both densities of SNR begin at its threshold."""
    if trigger.snr is None or trigger.snr >= search.snr_min:
        return trigger, ()
    note = f"SNR {trigger.snr:g} is below the search's threshold of {search.snr_min:g} and taken as that"
    return replace(trigger, snr=search.snr_min), (note,)


def log_complement(search: Search, radial: Radial) -> float:
    """ln c, c = 1 − (1 − Q̄_0)/f_b: the chance that a real merger's neutrinos escape us, over its posterior."""
    return float(np.log(max(1 - radial.mean_q_some() / search.beaming, 1e-300)))


def choose_distance(
    skymap: SkyMap, tree: SkyTree, trigger: GWTrigger, search: Search, node_alpha: Float, marginal: Radial
) -> tuple[str, Radial, tuple[str, ...]]:
    """The distance mode to use, its averages, and notes on why it is not the one asked for."""
    asked = "map" if search.distance_mode == "auto" else search.distance_mode
    if asked == "marginal":
        return "marginal", marginal, ()
    if trigger.p_astro is None:
        note = f"no p_astro: distance mode marginal with the model's rates instead of {asked}"
        return "marginal", marginal, (note,)
    if asked == "pinned":
        distance = stated_distance_mpc(skymap)
        if distance is not None:
            return "pinned", Pinned(search, distance, Likely.of(tree, node_alpha)), ()
        return "marginal", marginal, ("the sky map has no distances: distance mode marginal instead of pinned",)
    try:
        cells = PerCell.of(search, skymap, tree, node_alpha)
    except ValueError as error:
        return "marginal", marginal, (f"{error}: distance mode marginal instead of map",)
    if cells.without_distance < 1e-6:
        return "map", cells, ()
    what = f"cells with {cells.without_distance:.2g} of the probability have no valid distance"
    return "map", cells, (f"{what} and take the map's mean posterior",)


def stated_distance_mpc(skymap: SkyMap) -> float | None:
    """The map's own summary of the distance, where it is one, else the mean of its posterior."""
    stated = skymap.distmean_mpc
    return stated if stated is not None and 0 < stated < np.inf else mean_distance_mpc(skymap)


def mean_distance_mpc(skymap: SkyMap) -> float | None:
    """Mean of r over the map's posterior; None for a map without distances."""
    if skymap.distmu is None or skymap.distsigma is None:
        return None
    probability = skymap.density * np.pi / 3 / 4.0 ** skymap.order.astype(np.float64)
    valid = is_distance(skymap.distmu, skymap.distsigma) & (probability > 0)
    if not valid.any():
        return None
    mean, _ = conditional_moments(skymap.distmu[valid], skymap.distsigma[valid])
    return float(np.average(mean, weights=probability[valid]))


def _log_gw_odds(trigger: GWTrigger, search: Search, log_volume: float) -> float:
    """ln of merger : noise, from p_astro when the pipeline gave one, else ṅ ∫4πP_gw K_gw : R_gw P_emp(ρ)."""
    with np.errstate(divide="ignore"):
        if trigger.p_astro is not None:
            return float(np.log(trigger.p_astro) - np.log1p(-trigger.p_astro))
    mergers = np.log(4 * np.pi * search.source_rate_mpc3_s) + log_volume
    noise = np.log(search.gw_background_rate_hz)
    if trigger.snr is not None:
        noise += log_noise_snr_density(search, trigger.snr)
    return float(mergers - noise)
