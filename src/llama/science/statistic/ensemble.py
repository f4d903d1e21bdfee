"""All neutrinos of a window against one source: pairs, triples and every other subset (SCIENCE 2.2).

Neutrinos in the window are one Poisson process, background plus source. Expanding

    B̃ = (1/f_b) ∫dΩ P_gw ∫dr p(r|Ω) ∫dE_ν P(E_ν) (1/T_gw) ∫dt_s e^{−αn} [Π_i (1 + n w_i) − 1]

gives every subset once: Σ_k k! Q_k e_k(u), with u_i = (a_i/α) PSF_i/(R_ν P_emp,i (1 + λ_i) T_ν) for the neutrinos
whose window holds t_s. Single neutrinos are the statistic of `coincidence`; here are the terms from pairs on. Only
neutrinos that overlap in the sky and in time have any, so they are gathered into clusters first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float, Index
from llama.science.detector import SeasonTable, alpha, interpolate_sin_dec
from llama.science.distance import At, LargerSets, Volume, typical_patches
from llama.science.overlap import (
    MOST,
    Members,
    Nodes,
    Steepness,
    cluster_nodes,
    log_integrals,
    quickest_log_integrals,
    signal_nodes,
)
from llama.science.search import Search
from llama.science.sky import SkyMap, SkyTree
from llama.science.statistic.against import AgainstBackground, Host
from llama.science.statistic.pairs import clusters_of, near, shared_s
from llama.science.statistic.symmetric import symmetric_polynomials

_MARGIN = 3.0
_FLAT = 1.0  # e-folds over which u/PSF may change with declination before the walk must know
_REACH = 5.0  # sigma
_PATCHES, _ROUGH = 4, 0.1  # order of patches in which α varies so little
_LARGEST_LOG = 700.0
_TOGETHER, _QUICKLY_TOGETHER = 100, 250  # neutrinos
_BLOCK = 8192  # nodes whose polynomials stay in the cache


@dataclass(frozen=True, eq=False)
class Singles:
    """Terms of one neutrino each.

    Attributes:
        log_b: (n,) ln of each neutrino's term.
        nodes, log_integrand: quadrature nodes of the overlap integrals and ln of what they are to be multiplied with.
    """

    log_b: Float
    nodes: Nodes
    log_integrand: Float

    @property
    def log_all(self) -> float:
        """ln of their sum; −inf for none."""
        return float(np.logaddexp.reduce(self.log_b, initial=-np.inf))


def single_terms(
    host: Host, neutrinos: AgainstBackground, season: SeasonTable, overlaps: tuple[Nodes, Float] | None = None
) -> Singles:
    """Every neutrino's term by itself: ∫dt_s/T_ν ∫dΩ P (a/α) PSF ⟨Q_1(αn)⟩ against its background.

    Args:
        overlaps: nodes and ln of the integrand for this host and these neutrinos, when they are at hand.
    """
    nodes, integrand = overlaps or _overlaps(host, neutrinos, season)
    return Singles(_log_b(host, neutrinos, nodes.log_integral(integrand)), nodes, integrand)


def single_log_b(host: Host, neutrinos: AgainstBackground, season: SeasonTable, quick: bool = True) -> Float:
    """(n,) `log_b` of `single_terms`, without the nodes: for any number of neutrinos beside one host.

    Args:
        quick: by machine code where it can be had, which agrees to some 1e-12.
    """
    log_integral = np.full(neutrinos.delay_s.size, -np.inf)
    integrals, together = (quickest_log_integrals(), _QUICKLY_TOGETHER) if quick else (log_integrals, _TOGETHER)
    for at in _some_heard(neutrinos, together):
        some = neutrinos.only(at)
        log_integral[at] = integrals(host.tree, host.radial, some.direction, some.sigma_rad, some.rows, season)
    return _log_b(host, neutrinos, log_integral)


def _log_b(host: Host, neutrinos: AgainstBackground, log_integral: Float) -> Float:
    """(n,) ln of each neutrino's term, of whose integral over the sky the ln is given."""
    opens, closes = neutrinos.delay_s - neutrinos.plus_s, neutrinos.delay_s - neutrinos.minus_s
    shared = np.minimum(closes, host.stop_s) - np.maximum(opens, host.start_s)
    with np.errstate(divide="ignore"):
        time = np.log(np.maximum(shared, 0.0)) - np.log(neutrinos.plus_s - neutrinos.minus_s)
    return np.asarray(host.log_rate + time + log_integral - neutrinos.log_background)


def _some_heard(neutrinos: AgainstBackground, together: int) -> list[Index]:
    """Some of them at a time, which is faster.

    Those that stand against an infinite background have no nodes, so they change no digit of the others'.
    """
    heard = np.flatnonzero(np.isfinite(neutrinos.log_background))
    return [heard[k : k + together] for k in range(0, max(heard.size, 1), together)]


def _overlaps(host: Host, neutrinos: AgainstBackground, season: SeasonTable) -> tuple[Nodes, Float]:
    """Nodes of the overlap integrals and ln of the integrand there."""
    heard, found, integrands = _some_heard(neutrinos, _TOGETHER), [], []
    for at in heard:
        some = neutrinos.only(at)
        nodes, integrand = signal_nodes(host.tree, host.radial, some.direction, some.sigma_rad, some.rows, season)
        found.append(nodes)
        integrands.append(integrand)
    return Nodes.joined(found).among(np.concatenate(heard), neutrinos.delay_s.size), np.concatenate(integrands)


@dataclass(frozen=True, eq=False)
class Joint:
    """Terms of two and more neutrinos.

    Attributes:
        log_pairs: (n, n) ln of each pair's term above the diagonal; −inf elsewhere and for those left out.
        log_b: ln of all terms, pairs and higher.
        clusters: neutrinos that were treated together.
        left_out: how many neutrinos were not, because there were too many near each other.
    """

    log_pairs: Float
    log_b: float
    clusters: tuple[tuple[int, ...], ...]
    left_out: int

    @property
    def log_all_pairs(self) -> float:
        """ln of the sum over pairs."""
        return float(np.logaddexp.reduce(self.log_pairs[np.isfinite(self.log_pairs)], initial=-np.inf))


def stranger_host(search: Search, times: tuple[float, float]) -> Host:
    """Any source within r_ν,max, anywhere and between two times after the trigger, without gravitational waves."""
    faces = SkyMap(np.zeros(12, np.uint8), np.arange(12), np.full(12, 0.25 / np.pi))
    horizon = search.horizon_mpc(search.e_gw_max_eu)
    log_rate = np.log(4 * np.pi * search.source_rate_mpc3_s / search.beaming)
    return Host(SkyTree.of(faces), Volume(search, horizon), *times, float(log_rate))


def joint_terms(
    host: Host, neutrinos: AgainstBackground, season: SeasonTable, log_each: Float, beside: float = -np.inf
) -> Joint:
    """Every term of two or more neutrinos with one host.

    Args:
        log_each: (n,) ln of the single neutrinos' terms; what is negligible beside their sum may be left out.
        beside: ln of what else stands beside them.
    """
    log_single = float(np.logaddexp.reduce(log_each, initial=beside))
    n = neutrinos.delay_s.size
    log_pairs, log_b = np.full((n, n), -np.inf), -np.inf
    every = clusters_of(near(host, neutrinos, neutrinos.log_most_strength(season), log_single))
    clusters = tuple(_likeliest(cluster, log_each) for cluster in every)
    for cluster in clusters:
        at = np.array(cluster)
        pairs, total = _cluster_terms(host, neutrinos, at, season, log_single)
        log_pairs[np.ix_(at, at)] = pairs
        log_b = float(np.logaddexp(log_b, total))
    return Joint(log_pairs, log_b, clusters, sum(map(len, every)) - sum(map(len, clusters)))


def largest_pairs(host: Host, season: SeasonTable) -> tuple[float, float]:
    """ln of ⟨2 Q_2⟩ and of ⟨2 Q_2⟩/⟨Q_1⟩ where they are largest on the map, to 0.1: what pair bounds leave out."""
    tree = host.tree
    one, two = (host.radial.weighted_tree(tree, k) for k in (1, 2))
    if two is not tree:
        leaf = tree.cell >= 0
        pair, single = two.log_probability[leaf], one.log_probability[leaf]
        counts = (pair - tree.log_probability[leaf], pair - single)
    else:
        patches = tree.covering(_PATCHES)
        found = host.radial.log_counts(At.of(tree, patches), alpha(season, tree.direction[patches, 2]), 2)
        counts = (found[1], found[1] - found[0])
    most, ratio = (float(values[np.isfinite(values)].max(initial=-np.inf)) + _ROUGH for values in counts)
    return min(most, 0.0), ratio


def _likeliest(cluster: tuple[int, ...], log_each: Float) -> tuple[int, ...]:
    """The cluster, or of a very large one the members that weigh most by themselves."""
    at = np.array(cluster)
    return tuple(sorted(int(i) for i in at[np.argsort(-log_each[at], kind="stable")[:MOST]]))


def _cluster_terms(
    host: Host, neutrinos: AgainstBackground, at: Index, season: SeasonTable, log_single: float
) -> tuple[Float, float]:
    """ln of each pair's term, above the diagonal, and of all terms from pairs on, for one cluster."""
    member, tree = neutrinos.only(at), host.radial.weighted_tree(host.tree, 2)
    together = _together(host, member)
    most = int(together.sum(axis=1).max(initial=2))
    sets = _larger_sets(host, season, most)
    if not together.size or not np.isfinite(sets.log_pair):  # two of them are impossible
        return np.full((at.size, at.size), -np.inf), -np.inf
    steepness = Steepness.of(season, member.rows, member.direction[:, 2])
    steep = steepness.change(member.direction[:, 2], _REACH * member.sigma_rad) > _FLAT
    members = Members(
        direction=member.direction,
        sigma_rad=member.sigma_rad,
        log_strength=member.log_strength(season),
        sets=sets,
        together=together,
        floor=log_single - host.log_rate - np.log(host.stop_s - host.start_s) - _MARGIN,
        steepness=steepness if steep else None,
    )
    nodes = cluster_nodes(tree, members)
    if not nodes.node.size:
        return np.full((at.size, at.size), -np.inf), -np.inf
    sin_dec = nodes.direction[:, 2]
    scale = alpha(season, sin_dec)
    density = interpolate_sin_dec(season, member.rows, None, sin_dec) / scale
    with np.errstate(divide="ignore"):
        log_u = nodes.log_psf + np.log(density) - member.log_background[:, None]
    log_u -= np.log(member.plus_s - member.minus_s)
    log_counts = host.radial.log_counts(nodes, scale, most) + nodes.log_probability
    log_counts -= tree.log_probability[nodes.node] - host.tree.log_probability[nodes.node]
    each = np.arange(at.size)
    shared = np.triu(shared_s(host, member, each[:, None], each), 1)
    with np.errstate(divide="ignore"):
        pairs = host.log_rate + np.log(shared) + _log_pair_integrals(log_u, log_counts[1])
    return pairs, host.log_rate + _log_all(log_u, log_counts, host, member)


def _larger_sets(host: Host, season: SeasonTable, most: int) -> LargerSets:
    """What sets weigh in each node, or in typical patches where they weigh alike in all."""
    found = host.radial.larger_sets(most)
    if found is not None:
        return found
    best, tree = typical_patches(host.tree), host.tree
    counts = host.radial.log_counts(At.of(tree, best), alpha(season, tree.direction[best, 2]), most)
    typical = np.logaddexp.reduce(counts + tree.log_probability[best], axis=1)
    with np.errstate(invalid="ignore"):
        log_more = np.nan_to_num((typical[-1] - typical[1]) / max(most - 2, 1))
    each = np.broadcast_to(log_more, tree.cell.size)
    return LargerSets(float(typical[1]), each, np.zeros_like(each))


def _log_pair_integrals(log_u: Float, log_weight: Float) -> Float:
    """(n, n) ln Σ weight u_i u_j over the nodes."""
    top, height = log_u.max(axis=1), log_weight.max()
    top = np.where(np.isfinite(top), top, 0.0)
    u, weight = np.exp(log_u - top[:, None]), np.exp(log_weight - height)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log((u * weight) @ u.T) + top[:, None] + top[None] + height)


def _log_all(log_u: Float, log_counts: Float, host: Host, member: AgainstBackground) -> float:
    """ln ∫dt_s Σ_nodes Σ_{k≥2} weight_k e_k(u of those whose window holds t_s)."""
    pieces = [piece for piece in segments(host, member) if piece[1].sum() > 1]
    if not pieces:
        return -np.inf
    blocks = (slice(k, k + _BLOCK) for k in range(0, log_u.shape[1], _BLOCK))
    parts = [_log_all_at(log_u[:, block], log_counts[:, block], pieces) for block in blocks]
    return float(np.logaddexp.reduce(parts))


def _log_all_at(log_u: Float, log_counts: Float, pieces: list[tuple[float, NDArray[np.bool_]]]) -> float:
    """The same over some of the nodes."""
    scale = log_u.max(axis=0)
    scale = np.where(np.isfinite(scale), scale, 0.0)
    each = symmetric_polynomials(np.exp(log_u - scale), [heard for _, heard in pieces])
    log_weight = (log_counts + np.arange(1, log_counts.shape[0] + 1)[:, None] * scale)[1:]
    largest = np.flatnonzero(_no_part_of_others(np.array([heard for _, heard in pieces])))
    with np.errstate(divide="ignore"):
        # no term of a set is larger than the same of one in which it lies
        height = max(float((log_weight[: each[i].shape[0] - 2] + np.log(each[i][2:])).max()) for i in largest)
        if not np.isfinite(height):
            return -np.inf
        weight = np.exp(np.minimum(log_weight - height, _LARGEST_LOG))  # more than this stands beside an e_k of zero
        seconds = [
            length * np.einsum("km,km->", e[2:], weight[: e.shape[0] - 2])
            for (length, _), e in zip(pieces, each, strict=True)
        ]
        return float(np.log(sum(seconds)) + height)


def _together(host: Host, neutrinos: AgainstBackground) -> NDArray[np.bool_]:
    """(s, n) who is heard at some source time, without sets that are parts of others."""
    found = [heard for length, heard in segments(host, neutrinos) if length > 0 and heard.sum() > 1]
    different = list({one.tobytes(): one for one in found}.values())
    heard = np.array(different, dtype=np.bool_).reshape(-1, neutrinos.delay_s.size)
    return np.asarray(heard[_no_part_of_others(heard)])


def _no_part_of_others(sets: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(s,) which of the sets (s, n) lie in no larger one of them."""
    inside = np.asarray((sets[:, None] <= sets).all(axis=-1))
    return np.asarray((inside & ~inside.T).sum(axis=1) == 0)


def segments(host: Host, neutrinos: AgainstBackground) -> list[tuple[float, NDArray[np.bool_]]]:
    """Seconds and who is heard, for the pieces of the source times between which no window opens or closes."""
    opens, closes = neutrinos.delay_s - neutrinos.plus_s, neutrinos.delay_s - neutrinos.minus_s
    edges = np.unique(
        np.clip(np.concatenate([[host.start_s, host.stop_s], opens, closes]), host.start_s, host.stop_s)
    )
    middle = (edges[1:] + edges[:-1]) / 2
    heard = (opens[:, None] < middle) & (middle < closes[:, None])
    return [(float(length), heard[:, i]) for i, length in enumerate(np.diff(edges))]
