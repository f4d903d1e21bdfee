"""How likely it is that a gravitational-wave trigger and a neutrino share a source (SCIENCE section 1).

For each neutrino four hypotheses compete: a common source, a real merger with an unrelated neutrino (`chance_gw`),
an astrophysical neutrino beside GW noise (`chance_neutrino`), and noise in both. Everything is a logarithm.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.background import energy_cap_gev, log_background_density
from llama.science.directional import heard_anywhere
from llama.science.distance import conditional_moments
from llama.science.fit import along_log_alpha
from llama.science.overlap import Nodes, overlap_nodes
from llama.science.poisson import log_j1
from llama.science.psf import log_density, rings, unit_vectors
from llama.science.quadtree import SkyTree, log_sum_by
from llama.science.radial import Likely, PerCell, Pinned, Radial
from llama.science.response import SeasonTable, alpha, interpolate_sin_dec, signal_rows
from llama.science.search import Search
from llama.science.skymap import SkyMap
from llama.science.snr import log_noise_snr_density, noise_snr_source
from llama.science.window import log_time_density

Float = NDArray[np.float64]

_COUNT_TOLERANCE = 1.25


@dataclass(frozen=True, eq=False)
class Neutrinos:
    """Neutrino candidates as arrays of one length: GPS seconds, ICRS radians, 1σ radians, reconstructed GeV."""

    gps_s: Float
    ra_rad: Float
    dec_rad: Float
    sigma_rad: Float
    energy_gev: Float

    def __len__(self) -> int:
        return int(self.gps_s.size)


@dataclass(frozen=True)
class GWTrigger:
    """A trigger: GPS seconds, network SNR and the pipeline's p_astro, None when unknown, who saw it."""

    gps_s: float
    snr: float | None = None
    p_astro: float | None = None
    instruments: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class LogWeights:
    """ln of each hypothesis' weight, up to one common constant: arrays per neutrino, or scalars for the event.

    The odds are signal/(chance_gw + chance_neutrino + noise), to all digits.
    """

    signal: Float
    chance_gw: Float
    chance_neutrino: Float
    noise: Float

    def log_odds(self) -> Float:
        """ln of the odds; −inf for odds of exactly 0."""
        return np.asarray(self.signal - np.logaddexp(np.logaddexp(self.chance_gw, self.chance_neutrino), self.noise))


@dataclass(frozen=True, eq=False)
class Prepared:
    """What does not depend on the neutrinos: made once per trigger, however many lists it is compared with."""

    tree: SkyTree
    mode: str
    radial: Radial
    log_complement: float
    log_gw_odds: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class CoincidenceResult:
    """The single-neutrino statistic of one event.

    Attributes:
        mode: distance mode used: "map", "pinned" or "marginal".
        log_b: (n,) ln B, common source against real merger and background neutrino.
        log_lambda: (n,) ln λ, astrophysical against background for a neutrino unrelated to the merger.
        log_odds: (n,) ln of each neutrino's odds, −inf for 0.
        weights: ln weights of the hypotheses per neutrino.
        log_complement: ln c, how much less likely a real merger is to leave no neutrino (0 with complement off).
        log_odds_event: ln of the event's statistic, the sum of the single odds; −inf for an empty list.
        event_weights: the same four for the event, scaled to the event's odds.
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
    log_lambda: Float
    log_odds: Float
    weights: LogWeights
    log_complement: float
    log_odds_event: float
    event_weights: LogWeights
    p_astro_before: float | None
    p_astro_after: float | None
    log_gw_odds: float
    neutrino_rate_hz: float
    energy_used_gev: Float
    prepared: Prepared
    nodes: Nodes
    log_integrand: Float
    notes: tuple[str, ...]


def prepare(skymap: SkyMap, trigger: GWTrigger, season: SeasonTable, search: Search) -> Prepared:
    """The sky map as a tree, its distances averaged, and ln c (0 with `complement` off)."""
    _check_trigger(trigger)
    tree = SkyTree.of(skymap)
    node_alpha = alpha(season, tree.direction[:, 2])
    likely = Likely.of(tree, node_alpha)
    anywhere, heard = heard_anywhere(search, trigger.snr, trigger.instruments, trigger.gps_s, tree, likely)
    mode, radial, notes = choose_distance(skymap, tree, trigger, search, node_alpha, anywhere)
    log_c = log_complement(search, radial) if search.complement else 0.0
    log_odds = _log_gw_odds(trigger, search, anywhere.log_volume())
    return Prepared(tree, mode, radial, log_c, log_odds, notes + (heard if mode == "marginal" else ()))


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
        neutrinos: candidates of the search window; those outside it get odds 0.
        season: the table of the sample that supplied the neutrinos.
        search: every other number.
        prepared: `prepare` with the same arguments, when it is already at hand.

    Raises:
        ValueError: a neutrino or trigger that cannot be analysed; the message says which and why.
    """
    ready = prepared or prepare(skymap, trigger, season, search)
    _check_neutrinos(neutrinos, search)
    rate = season.rate_hz if search.neutrino_rate_hz is None else search.neutrino_rate_hz
    energy = np.minimum(neutrinos.energy_gev, energy_cap_gev(season, search, neutrinos.dec_rad))
    background = np.log(rate) + log_background_density(season, search, neutrinos.dec_rad, energy)
    rows = signal_rows(season, energy)

    direction = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad).reshape(-1, 3)
    nodes = overlap_nodes(ready.tree, direction, neutrinos.sigma_rad)
    integrand = signal_integrand(nodes, season, rows, ready.radial)
    time = log_time_density(search, trigger.gps_s, neutrinos.gps_s)
    log_b = time - np.log(search.beaming) + nodes.log_integral(integrand) - background
    log_lambda = _log_stranger_rate(season, search, rows, neutrinos) - background

    log_c = ready.log_complement
    log_odds_gw = ready.log_gw_odds
    weights = _weights(search, log_odds_gw, log_b, log_lambda, log_c)
    log_odds = weights.log_odds()
    event = _log_sum(log_odds)
    return CoincidenceResult(
        mode=ready.mode,
        log_b=log_b,
        log_lambda=log_lambda,
        log_odds=log_odds,
        weights=weights,
        log_complement=log_c,
        log_odds_event=event,
        event_weights=_event_weights(search, log_odds_gw, log_lambda, log_c, event),
        p_astro_before=trigger.p_astro,
        p_astro_after=None
        if trigger.p_astro is None
        else _updated_p_astro(search, log_odds_gw, log_b, log_lambda, log_c),
        log_gw_odds=log_odds_gw,
        neutrino_rate_hz=rate,
        energy_used_gev=energy,
        nodes=nodes,
        log_integrand=integrand,
        notes=ready.notes + _notes(season, search, neutrinos, energy, trigger),
        prepared=ready,
    )


def signal_integrand(nodes: Nodes, season: SeasonTable, rows: Float, radial: Radial) -> Float:
    """ln of (a/α)(ε, Ω) ⟨Q_1(αn)⟩ at each node, GeV⁻¹; −inf where the detector sees no such neutrino."""
    sin_dec = nodes.direction[:, 2]
    count_scale = alpha(season, sin_dec)
    density = interpolate_sin_dec(season, rows, nodes.neutrino, sin_dec)
    with np.errstate(divide="ignore"):
        return np.log(density / count_scale) + radial.log_q1(nodes, count_scale)


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
        distance = skymap.distmean_mpc or mean_distance_mpc(skymap)
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


def mean_distance_mpc(skymap: SkyMap) -> float | None:
    """Mean of r over the map's posterior; None for a map without distances."""
    if skymap.distmu is None or skymap.distsigma is None:
        return None
    probability = skymap.density * np.pi / 3 / 4.0 ** skymap.order.astype(np.float64)
    with np.errstate(invalid="ignore"):
        valid = (
            np.isfinite(skymap.distmu) & np.isfinite(skymap.distsigma) & (skymap.distsigma > 0) & (probability > 0)
        )
    if not valid.any():
        return None
    mean, _ = conditional_moments(skymap.distmu[valid], skymap.distsigma[valid])
    return float(np.average(mean, weights=probability[valid]))


def _log_stranger_rate(season: SeasonTable, search: Search, rows: Float, neutrinos: Neutrinos) -> Float:
    """ln of (ṅ/f_b) ∫(a/α) PSF J_1(0, r_ν,max; α) dΩ: astrophysical neutrinos like this one, s⁻¹ sr⁻¹ GeV⁻¹."""
    offsets, weights = rings(neutrinos.sigma_rad, 16, 16)
    psi, azimuth, dec = offsets[..., 0], offsets[..., 1], neutrinos.dec_rad[:, None]
    sin_dec = np.sin(dec) * np.cos(psi) + np.cos(dec) * np.sin(psi) * np.cos(azimuth)
    count_scale = alpha(season, sin_dec)
    per_source = interpolate_sin_dec(season, rows, np.arange(len(neutrinos))[:, None], sin_dec) / count_scale
    horizon = search.horizon_mpc(search.e_gw_max_eu)
    log_volume = along_log_alpha(
        lambda scale: log_j1(horizon, scale * search.count_max_mpc2, search.log_nu_span), count_scale
    )
    averages = (weights * per_source * np.exp(log_volume)).sum(axis=-1)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(search.source_rate_mpc3_s / search.beaming) + np.log(averages))


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


def _split_odds(log_odds: float) -> tuple[float, float]:
    """ln p_astro and ln p_terrestrial."""
    return -float(np.logaddexp(0.0, -log_odds)), -float(np.logaddexp(0.0, log_odds))


def _weights(search: Search, log_odds_gw: float, log_b: Float, log_lambda: Float, log_c: float) -> LogWeights:
    """Weights whose ratio is O = p_a B/((p_a c + p_t)(1 + λ)); with strangers off p_a B/(p_a c + p_t (1 + λ))."""
    log_a, log_t = _split_odds(log_odds_gw)
    beside = np.logaddexp(0.0, log_lambda) if search.strangers else np.zeros_like(log_lambda)
    return LogWeights(
        signal=log_a + log_b,
        chance_gw=log_a + log_c + beside,
        chance_neutrino=log_t + log_lambda,
        noise=np.full_like(log_b, log_t),
    )


def _event_weights(
    search: Search, log_odds_gw: float, log_lambda: Float, log_c: float, log_odds: float
) -> LogWeights:
    """Weights for the event: every neutrino background or some astrophysical; the signal is what the odds make it."""
    log_a, log_t = _split_odds(log_odds_gw)
    chance_gw, noise = np.float64(log_a + log_c), np.float64(log_t)
    if search.strangers:  # 1 = Π 1/(1 + λ) + the rest
        all_background = -float(np.logaddexp(0.0, log_lambda).sum())
        with np.errstate(divide="ignore"):
            chance_neutrino = log_t + np.log(-np.expm1(all_background))
        noise = np.float64(log_t + all_background)
    else:
        chance_neutrino = np.float64(log_t + _log_sum(log_lambda))
    rest = np.logaddexp(np.logaddexp(chance_gw, chance_neutrino), noise)
    return LogWeights(*(np.asarray(value) for value in (log_odds + rest, chance_gw, chance_neutrino, noise)))


def _updated_p_astro(search: Search, log_odds_gw: float, log_b: Float, log_lambda: Float, log_c: float) -> float:
    """p_a' = p_a Λ_1/(p_a Λ_1 + p_t Λ_0), neutrinos taken one at a time (SCIENCE 2.2 up to pairs)."""
    if search.strangers:
        ratio = np.logaddexp(log_c, _log_sum(log_b - np.logaddexp(0.0, log_lambda)))
    else:
        ratio = np.logaddexp(log_c, _log_sum(log_b)) - np.logaddexp(0.0, _log_sum(log_lambda))
    return float(np.exp(_split_odds(log_odds_gw + float(ratio))[0]))


def _log_sum(values: Float) -> float:
    return float(log_sum_by(values, np.array([0, values.size]))[0])


def most_probable_direction(result: CoincidenceResult, neutrinos: Neutrinos) -> tuple[float, float] | None:
    """Right ascension and declination (rad) where a common source is likeliest, None when there can be none."""
    nodes = result.nodes
    if not np.isfinite(result.log_odds[nodes.neutrino]).any():
        return None
    centre = unit_vectors(neutrinos.ra_rad, neutrinos.dec_rad).reshape(-1, 3)[nodes.neutrino]
    quarter = np.square(nodes.direction - centre).sum(axis=-1) / 4
    density = result.prepared.tree.log_density()[nodes.node] + log_density(
        quarter, neutrinos.sigma_rad[nodes.neutrino]
    )
    share = result.log_odds.copy()  # stays −inf where the integral may be 0 as well
    np.subtract(share, nodes.log_integral(result.log_integrand), share, where=np.isfinite(share))
    best = density + result.log_integrand + share[nodes.neutrino]
    x, y, z = nodes.direction[int(np.argmax(best))]
    return float(np.arctan2(y, x) % (2 * np.pi)), float(np.arctan2(z, np.hypot(x, y)))


def _check_trigger(trigger: GWTrigger) -> None:
    if trigger.p_astro is not None and not 0 <= trigger.p_astro <= 1:
        raise ValueError(f"p_astro is {trigger.p_astro}, it must lie between 0 and 1")
    if trigger.snr is not None and not 0 < trigger.snr < np.inf:
        raise ValueError(f"the trigger's SNR is {trigger.snr}; give a positive number or leave it out")
    if not np.isfinite(trigger.gps_s):
        raise ValueError(f"the trigger's time is {trigger.gps_s}; give GPS seconds")


def _check_neutrinos(neutrinos: Neutrinos, search: Search) -> None:
    sizes = {np.shape(getattr(neutrinos, name)) for name in Neutrinos.__dataclass_fields__}
    if len(sizes) != 1 or len(next(iter(sizes))) != 1:
        raise ValueError(f"the neutrinos' arrays must be one-dimensional and of one length, not {sorted(sizes)}")
    band = f"{search.energy_min_gev:g} to {search.energy_max_gev:g} GeV"
    with np.errstate(invalid="ignore"):
        _refuse(~((neutrinos.energy_gev >= search.energy_min_gev) & (neutrinos.energy_gev <= search.energy_max_gev)),
                neutrinos.energy_gev, f"energy outside the search's band of {band}", "GeV")  # fmt: skip
        _refuse(~((neutrinos.sigma_rad > 0) & (neutrinos.sigma_rad < np.inf)),
                neutrinos.sigma_rad, "no positive angular error", "rad")  # fmt: skip
        _refuse(~(np.abs(neutrinos.dec_rad) <= np.pi / 2), neutrinos.dec_rad, "no declination between ±π/2", "rad")
        _refuse(~np.isfinite(neutrinos.ra_rad), neutrinos.ra_rad, "no finite right ascension", "rad")
        _refuse(~np.isfinite(neutrinos.gps_s), neutrinos.gps_s, "no finite time", "s")


def _refuse(bad: NDArray[np.bool_], values: Float, what: str, unit: str) -> None:
    if bad.any():
        i = int(np.argmax(bad))
        raise ValueError(f"neutrino {i} has {what}: {values[i]} {unit}. Correct it or take it off the list")


def _notes(
    season: SeasonTable, search: Search, neutrinos: Neutrinos, energy: Float, trigger: GWTrigger
) -> tuple[str, ...]:
    notes = [f"{season.name}: {season.smearing}"]
    notes += [
        f"neutrino {i}: energy {neutrinos.energy_gev[i]:.3g} GeV capped at {energy[i]:.3g} GeV, "
        "the highest background energy at its declination"
        for i in np.flatnonzero(energy < neutrinos.energy_gev)
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
