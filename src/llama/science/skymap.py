"""Multi-order sky maps: probability densities on HEALPix cells of any mixture of orders."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
MAX_ORDER = 29


@dataclass(frozen=True, eq=False)
class SkyMap:
    """A probability density over the sky (ICRS), piecewise constant on HEALPix NESTED cells.

    Cells are disjoint and ascend along the NESTED curve; together they may leave parts of the sky out,
    where the density is zero. Probabilities sum to one.

    Attributes:
        order: (n,) uint8, HEALPix order of each cell (NSIDE = 2**order).
        ipix: (n,) int64, NESTED index of each cell at its own order.
        density: (n,) probability per steradian.
        distmu, distsigma, distnorm: (n,) parameters of p(r|direction) ∝ r² N(r; mu, sigma), Mpc, Mpc, Mpc⁻²
            (Singer et al. 2016, arXiv:1603.07333, eq. 2); None when the map has no distances. Cells without a
            valid distance have an infinite mu and zero norm.
        distmean_mpc, diststd_mpc: the file's own summary of the distance, None when it gives none.
        origin: where the map came from, for people (creator, object, date of the FITS header).
    """

    order: NDArray[np.uint8]
    ipix: NDArray[np.int64]
    density: Float
    distmu: Float | None = None
    distsigma: Float | None = None
    distnorm: Float | None = None
    distmean_mpc: float | None = None
    diststd_mpc: float | None = None
    origin: dict[str, str] = field(default_factory=dict)
