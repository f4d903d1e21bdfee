"""What a HEALPix pixel does to a function that is averaged over it: heights, first and second moments.

A node of a sky map's tree stands for a piece of sky. A point-spread function averaged over the piece is, to second
order in its size and as an exponent, that at the centre times

    exp(g·d + ½ Σ (g g − κ cos ψ) V),

g its logarithmic slope, d the mean displacement from the centre, V the variances. Left are terms of the fourth order,
which over a smooth region cancel.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from llama.science.arrays import Float, Index


def height(sin_dec: Float) -> Float:
    """The vertical coordinate of the HEALPix projection, −2 to 2 from pole to pole; linear in sin δ below ±2/3.

    Over a pixel of order k it has a triangular density with a half width of 2⁻ᵏ.
    """
    sin_dec = np.asarray(sin_dec, dtype=np.float64)
    cap = 2 - np.sqrt(3 * np.maximum(1 - np.abs(sin_dec), 0.0))
    return np.where(np.abs(sin_dec) > 2 / 3, np.copysign(cap, sin_dec), 1.5 * sin_dec)


def sine_of_height(at: Float) -> Float:
    """sin δ at a height; that of the poles beyond them."""
    ring = np.clip(2 - np.abs(at), 0.0, 1.0)
    return np.where(np.abs(at) > 1, np.copysign(1 - ring * ring / 3, at), at / 1.5)


def height_per_sine(sin_dec: Float) -> Float:
    """The derivative of `height`."""
    ring = np.sqrt(3 * np.maximum(1 - np.abs(sin_dec), 1e-300))
    return np.where(np.abs(sin_dec) > 2 / 3, 1.5 / ring, 1.5)


def north_and_east(direction: Float) -> tuple[Float, Float]:
    """(m, 3) unit vectors along which declination and right ascension grow, at (m, 3) directions off the poles."""
    x, y, z = direction.T
    cosine = np.sqrt(np.maximum(x * x + y * y, 1e-300))
    return np.stack([-z * x / cosine, -z * y / cosine, cosine], axis=1), np.stack([-y, x, 0 * z], axis=1) / cosine[
        :, None
    ]


def pixel_moments(order: int | Index, direction: Float) -> Float:
    """(5, m) how a function of the sky averages over the pixels with these orders and centres, to second order.

    Rows: the mean displacement from the centre to the north and to the east (rad), the variances in both directions
    and their covariance (rad²). Equal-area face coordinates are uniform in a pixel. So its height (`height`) has the
    variance 4^−order/6, as has, independently, the distance from the meridian at the middle of the face, which in the
    polar caps grows towards the poles as an angle.
    """
    x, y, z = direction.T
    side = 0.5**order
    ring = np.minimum(np.sqrt(3 * np.maximum(1 - np.abs(z), 1e-300)), 1.0)
    # pixels lie in a polar cap, or in the belt between them, or with half of them in both
    edge = np.abs(np.abs(z) - 2 / 3) < side / 3
    cap = np.where(edge, 0.5, np.where(ring < 1, 1.0, 0.0))
    aside, polar = np.zeros_like(z), np.flatnonzero(cap)
    aside[polar] = np.mod(np.arctan2(y[polar], x[polar]), np.pi / 2) * (4 / np.pi) - 1
    cosine = np.sqrt(np.maximum(1 - z * z, 1e-300))
    north, east = ring * (2 / 3) / cosine, cosine * (np.pi / 4) / ring
    both = np.copysign(north * east * aside * cap, z * aside)
    v_north, v_east = north * north, east * east * (1 + aside * aside * np.where(edge, 1 / 3, cap))
    up = ((v_north + v_east) * z / 2 - np.copysign(cap / 3, z)) / cosine
    aslant = east * aside / ring * (cap + np.where(edge, 1 / side, 0.0))
    return np.stack([up, aslant - both * z / cosine, v_north, v_east, both]) * (side * side / 6)


class Slopes(NamedTuple):
    """Of ln PSF, rad⁻¹, to the north and to the east; `flat` is κ cos ψ."""

    north: Float
    east: Float
    flat: Float


def slopes(direction: Float, toward: Float, kappa: Float) -> Slopes:
    """Slopes at (m, 3) directions of point spreads around others, (…, 3); the leading shape is that of kappa."""
    (x, y, z), (tx, ty, tz) = direction.T, np.moveaxis(toward, -1, 0)
    along, scale = tx * x + ty * y + tz * z, kappa / np.sqrt(np.maximum(x * x + y * y, 1e-300))
    return Slopes(scale * (tz - z * along), scale * (ty * x - tx * y), kappa * along)


def log_mean_over_centre(of: Slopes, moments: Float) -> Float:
    """ln of a point spread's mean over what a point stands for, over its value at the point."""
    up, aside, v_north, v_east, both = moments
    bend = (of.north**2 - of.flat) * v_north + (of.east**2 - of.flat) * v_east + 2 * of.north * of.east * both
    return np.asarray(of.north * up + of.east * aside + bend / 2)
