"""Drawing on the sky: projections, multi-order maps evaluated at screen pixels, circles, a colour scale.

Angles are ICRS; right ascension increases to the left. Nothing is rasterised to a HEALPix resolution: each screen
pixel looks up the cell its centre lies in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from llama.science.arrays import Float
from llama.science.sky import SkyMap, lookup

if TYPE_CHECKING:
    from astropy.wcs import WCS
    from matplotlib.colors import LinearSegmentedColormap


_HALF_WIDTH_DEG = 2.0 * math.sqrt(2.0) / math.pi * 180.0  # of the Mollweide ellipse in WCS intermediate degrees
_TANGENT_HORIZON = math.cos(math.radians(80.0))  # beyond, a gnomonic view runs off to infinity
_BAND_ROWS = 64
_D65 = (0.95047, 1.0, 1.08883)


@dataclass(frozen=True, eq=False)
class FieldOfView:
    """A projection and its screen: `wcs` maps ICRS degrees to pixels of a `shape` = (rows, columns) image."""

    wcs: WCS
    shape: tuple[int, int]
    whole_sky: bool

    @property
    def degrees_per_pixel(self) -> float:
        """At the centre."""
        return float(abs(self.wcs.wcs.cdelt[1]))

    def directions(self, first_row: int, last_row: int) -> tuple[Float, Float]:
        """RA and Dec (degrees) of the pixel centres of these rows (last one excluded), in reading order; NaN outside
        the sky."""
        rows, columns = np.mgrid[first_row:last_row, : self.shape[1]]
        ra, dec = self.wcs.wcs_pix2world(columns.ravel(), rows.ravel(), 0)
        outside = ~self.contains(columns.ravel(), rows.ravel())
        ra[outside] = dec[outside] = np.nan
        return ra, dec

    def pixels(self, ra_deg: Any, dec_deg: Any) -> tuple[Float, Float]:
        """Pixel coordinates (x, y) of directions in degrees; NaN where they cannot be seen."""
        ra, dec = np.atleast_1d(np.asarray(ra_deg, float)), np.atleast_1d(np.asarray(dec_deg, float))
        x, y = (np.array(pixel, float) for pixel in self.wcs.wcs_world2pix(ra, dec, 0))
        if not self.whole_sky:
            hidden = self._cos_distance(ra, dec) < _TANGENT_HORIZON
            x[hidden] = y[hidden] = np.nan
        return x, y

    def contains(self, x: Any, y: Any) -> NDArray[np.bool_]:
        """Whether pixel coordinates lie on the screen, for the whole sky inside the ellipse."""
        rows, columns = self.shape
        u, v = (2 * np.asarray(x) + 1) / columns - 1, (2 * np.asarray(y) + 1) / rows - 1
        if self.whole_sky:
            return np.asarray(u * u + v * v <= 1.0, bool)
        return np.asarray((np.abs(u) <= 1.0) & (np.abs(v) <= 1.0), bool)

    def line(self, ra_deg: Float, dec_deg: Float) -> tuple[Float, Float]:
        """A line through directions, with NaN put in where it leaves one edge of the sky and enters at the other."""
        x, y = self.pixels(ra_deg, dec_deg)
        if not self.whole_sky:
            return x, y
        jump = np.flatnonzero(np.abs(np.diff(x)) > 0.25 * self.shape[1]) + 1
        return np.insert(x, jump, np.nan), np.insert(y, jump, np.nan)

    def _cos_distance(self, ra_deg: Float, dec_deg: Float) -> Float:
        ra0, dec0 = np.radians(self.wcs.wcs.crval)
        ra, dec = np.radians(ra_deg), np.radians(dec_deg)
        return np.asarray(np.sin(dec) * np.sin(dec0) + np.cos(dec) * np.cos(dec0) * np.cos(ra - ra0), float)


def mollweide(columns: int) -> FieldOfView:
    """The whole sky in an ellipse, RA 180° in the middle, twice as many columns as rows."""
    scale = 2.0 * _HALF_WIDTH_DEG / columns
    wcs = _wcs("MOL", (180.0, 0.0), (columns / 2 - 0.5, columns / 4 - 0.5), scale)
    return FieldOfView(wcs, (columns // 2, columns), whole_sky=True)


def tangent(ra_deg: float, dec_deg: float, half_width_deg: float, columns: int) -> FieldOfView:
    """A square around a direction, gnomonic, reaching `half_width_deg` (< 60) to each side."""
    scale = 2.0 * math.degrees(math.tan(math.radians(half_width_deg))) / columns
    wcs = _wcs("TAN", (ra_deg, dec_deg), (columns / 2 - 0.5, columns / 2 - 0.5), scale)
    return FieldOfView(wcs, (columns, columns), whole_sky=False)


def _wcs(kind: str, centre_deg: tuple[float, float], pixel: tuple[float, float], scale_deg: float) -> WCS:
    from astropy.wcs import WCS

    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{kind}", f"DEC--{kind}"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = list(centre_deg)
    wcs.wcs.crpix = [pixel[0] + 1.0, pixel[1] + 1.0]  # FITS counts from one
    wcs.wcs.cdelt = [-scale_deg, scale_deg]
    wcs.wcs.radesys = "ICRS"
    wcs.wcs.set()
    return wcs


def evaluate(skymap: SkyMap, values: tuple[tuple[Float, float], ...], view: FieldOfView) -> tuple[Float, ...]:
    """Values of cells at every pixel of the view, NaN outside the sky.

    Each of `values` is ((n,) one value per cell, the value where the map has no cell).
    """
    images = tuple(np.full(view.shape, np.nan) for _ in values)
    for first in range(0, view.shape[0], _BAND_ROWS):  # in bands, because a dozen arrays of a whole view are 100 MB
        band = slice(first, min(first + _BAND_ROWS, view.shape[0]))
        ra, dec = view.directions(band.start, band.stop)
        seen = np.isfinite(ra)
        cell = lookup(skymap, np.radians(ra[seen]), np.radians(dec[seen]))
        for image, (per_cell, elsewhere) in zip(images, values, strict=True):
            image[band].reshape(-1)[seen] = np.where(cell >= 0, per_cell[cell], elsewhere)
    return images


def circle(ra_deg: float, dec_deg: float, radius_deg: float, points: int = 181) -> tuple[Float, Float]:
    """RA and Dec (degrees) along the circle at that angular distance on the sphere, closed."""
    ra, dec, radius = np.radians([ra_deg, dec_deg, radius_deg])
    angle = np.linspace(0.0, 2.0 * np.pi, points)
    sin_dec = np.sin(dec) * np.cos(radius) + np.cos(dec) * np.sin(radius) * np.cos(angle)
    turn = np.arctan2(
        np.sin(angle) * np.sin(radius) * np.cos(dec), np.cos(radius) - np.sin(dec) * np.clip(sin_dec, -1, 1)
    )
    return np.degrees((ra + turn) % (2.0 * np.pi)), np.degrees(np.arcsin(np.clip(sin_dec, -1, 1)))


def square(ra_deg: float, dec_deg: float, half_width_deg: float, points: int = 40) -> tuple[Float, Float]:
    """RA and Dec (degrees) along the edge of what `tangent` shows, closed."""
    view = tangent(ra_deg, dec_deg, half_width_deg, 1000)
    run, low, high = np.linspace(-0.5, 999.5, points), np.full(points, -0.5), np.full(points, 999.5)
    x = np.concatenate([run, high, run[::-1], low])
    y = np.concatenate([low, run, high, run[::-1]])
    ra, dec = view.wcs.wcs_pix2world(x, y, 0)
    return ra, dec


def colour_scale() -> LinearSegmentedColormap:
    """White to dark blue with CIELAB lightness falling evenly, so that equal steps look equal, also in grey."""
    from matplotlib.colors import LinearSegmentedColormap

    step = np.linspace(0.0, 1.0, 64)
    lightness, chroma = 100.0 - 78.0 * step, 55.0 * step
    hue = np.radians(255.0 + 40.0 * step)  # with this hue the whole path lies inside sRGB
    lab = np.stack([lightness, chroma * np.cos(hue), chroma * np.sin(hue)], axis=-1)
    return LinearSegmentedColormap.from_list("llama_density", np.clip(_srgb_from_lab(lab), 0.0, 1.0), N=256)


def _srgb_from_lab(lab: Float) -> Float:
    """CIELAB (D65) to sRGB (IEC 61966-2-1)."""
    fy = (lab[..., 0] + 16.0) / 116.0
    f = np.stack([fy + lab[..., 1] / 500.0, fy, fy - lab[..., 2] / 200.0], axis=-1)
    xyz = np.where(f > 6.0 / 29.0, f**3, 3 * (6.0 / 29.0) ** 2 * (f - 4.0 / 29.0)) * np.array(_D65)
    matrix = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
    linear = np.clip(xyz @ matrix.T, 0.0, None)
    return np.asarray(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), float)
