"""The `marginal` distance mode where a merger's SNR depends on its direction: ρ = κ0 √E f_A/r.

All distances scale with f_A, and a source f_A times as near looks like one with an α that is f_A⁻² times as large:

    K_gw(f_A) = f_A³ K_gw(1),    K_1(f_A, α) = f_A³ K_1(1, α/f_A²)

with and without a known SNR. So the averages of `radial.Marginal`, functions of α alone, serve every direction, and
what remains is the mean of f_A³ over the sky map.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from llama.science.arrays import Float
from llama.science.detector import AntennaPattern
from llama.science.distance.radial import Likely, Marginal, OfCountAndDistance, Points
from llama.science.search import Search
from llama.science.sky import SkyTree, pieces

_NULL = 1e-3  # nothing is heard below: 1e-9 of the volume
_FINE = 5  # order of the pieces on which f_A counts as constant


@dataclass(frozen=True, eq=False)
class Directional:
    """Wherever a merger of the E_gw prior is heard by this network.

    Attributes:
        best: the averages in the best direction, f_A = 1; its likely cells are pieces of the map's, weighted with
            P_gw f_A³ (where heard mergers are) and with the α/f_A² that serves for them.
        pattern: f_A by direction.
        log_mean_cube: ln of the sky map's mean of f_A³.
    """

    best: Marginal
    pattern: AntennaPattern
    log_mean_cube: float

    @classmethod
    def of(
        cls, search: Search, snr: float | None, tree: SkyTree, likely: Likely, pattern: AntennaPattern
    ) -> Directional:
        """Of a map's tree and its likely cells, in the tree's order.

        Raises ValueError when the network is deaf to every direction of the map.
        """
        leaf = np.flatnonzero(tree.cell >= 0)
        cell, direction, share = pieces(tree.order()[leaf], tree.ipix[leaf], _FINE)
        amplitude = pattern.amplitude(direction)
        heard = amplitude > _NULL
        cell, amplitude = cell[heard], amplitude[heard]
        cube = likely.probability[cell] * share[heard] * amplitude**3
        if not cube.sum() > 0:
            raise ValueError("these instruments are deaf to every direction of the sky map")
        mean = cube.sum() / likely.probability.sum()
        cut = Likely(likely.alpha[cell] / amplitude**2, cube)
        return cls(Marginal(search, snr, cut), pattern, float(np.log(mean)))

    def log_volume(self) -> float:
        """ln of the map's mean of K_gw (or of its integral over SNR), as `Marginal.log_volume`."""
        return self.best.log_volume() + self.log_mean_cube

    def weighted_tree(self, tree: SkyTree, k: int) -> SkyTree:
        return tree

    def larger_sets(self, most: int) -> None:
        return None

    def log_q1(self, points: Points, alpha: Float) -> Float:
        """ln of K_1(f_A, α) over the map's mean of K_gw; −inf where the network is deaf."""
        found = self._scaled(points.direction, alpha, lambda scale: self.best.log_q1(points, scale)[None])
        return np.asarray(found[0])

    def log_counts(self, points: Points, alpha: Float, most: int) -> Float:
        """(most, m) the same for k! Q_k, k = 1 … most."""
        return self._scaled(points.direction, alpha, lambda scale: self.best.log_counts(points, scale, most))

    def log_average(self, log_f: OfCountAndDistance, points: Points, alpha: Float) -> Float:
        """(k, m) ln ⟨f⟩ of any functions: distances are f_A times those of the best direction."""
        amplitude = self.pattern.amplitude(points.direction)
        heard = np.flatnonzero(amplitude > _NULL)
        values = self.best.exact_log_average(log_f, alpha[heard], amplitude[heard])
        result = np.full((values.shape[0], alpha.size), -np.inf)
        result[:, heard] = values + 3 * np.log(amplitude[heard]) - self.log_mean_cube
        return result

    def mean_q_some(self) -> float:
        """⟨Q_{≥1}⟩ over the map, weighted with where mergers are heard."""
        return self.best.mean_q_some()

    def _scaled(self, direction: Float, alpha: Float, log_mean: Callable[[Float], Float]) -> Float:
        """(k, m) f_A³ times each mean at α/f_A², over the mean of f_A³."""
        amplitude = self.pattern.amplitude(direction)
        heard = np.flatnonzero(amplitude > _NULL)
        log_f = np.log(amplitude[heard])
        values = log_mean(alpha[heard] * np.exp(-2 * log_f)) + 3 * log_f - self.log_mean_cube
        result = np.full((values.shape[0], alpha.size), -np.inf)
        result[:, heard] = values
        return result


def heard_anywhere(
    search: Search, snr: float | None, instruments: tuple[str, ...], gps_s: float, tree: SkyTree, likely: Likely
) -> tuple[Marginal | Directional, tuple[str, ...]]:
    """The `marginal` distance mode as the search wants it, and a note when the antenna pattern cannot be had."""
    everywhere = Marginal(search, snr, likely)
    if not search.antenna_pattern:
        return everywhere, ()
    try:
        pattern = AntennaPattern.of(instruments, gps_s)
        return Directional.of(search, snr, tree, likely, pattern), ()
    except ValueError as error:
        return everywhere, (f"antenna pattern left out, f_A = 1: {error}",)
