"""Sky maps and directions: a multi-order map as arrays (`SkyMap`, the first thing to read), the indices of its
cells (`healpix`), what is asked of it (`skymap`), how one is made (`cells`, `localisation`), the tree that
every walk goes down (`quadtree`), a neutrino's point spread (`psf`) and the distance along one line of sight
(`line_of_sight`)."""

from __future__ import annotations

from llama.science.sky.angles import declination_deg, right_ascension_deg
from llama.science.sky.cells import (
    from_cells,
    from_flat_blocks,
    merge_siblings,
    refuse_too_many,
    split,
    valid_distance,
)
from llama.science.sky.healpix import (
    MAX_ORDER,
    cell_area_sr,
    directions_of,
    from_uniq,
    nested_from_ring,
    order_of_pixel_count,
    pieces,
    positions,
    ring_from_nested,
    uniq_of,
)
from llama.science.sky.line_of_sight import conditional_moments, is_distance
from llama.science.sky.localisation import anywhere, circle, ellipse, sigma_of_radius, thinned
from llama.science.sky.pixels import (
    height,
    height_per_sine,
    log_mean_over_centre,
    north_and_east,
    pixel_moments,
    sine_of_height,
    slopes,
)
from llama.science.sky.product_map import product
from llama.science.sky.psf import declinations, log_density, log_peak, unit_vectors
from llama.science.sky.quadtree import NOTHING, SkyTree, Trend, log_sum_by, max_radius, vectors
from llama.science.sky.skymap import (
    SkyMap,
    centres,
    credible_area_deg2,
    credible_level,
    credible_region,
    density_at,
    directions,
    has_distance,
    likeliest_distance,
    lookup,
    marginal_distance,
    max_order,
    mean_distance,
    probability,
)

__all__ = [
    "MAX_ORDER",
    "NOTHING",
    "SkyMap",
    "SkyTree",
    "Trend",
    "anywhere",
    "cell_area_sr",
    "centres",
    "circle",
    "conditional_moments",
    "credible_area_deg2",
    "credible_level",
    "credible_region",
    "declination_deg",
    "declinations",
    "density_at",
    "directions",
    "directions_of",
    "ellipse",
    "from_cells",
    "from_flat_blocks",
    "from_uniq",
    "has_distance",
    "height",
    "height_per_sine",
    "is_distance",
    "likeliest_distance",
    "log_density",
    "log_mean_over_centre",
    "log_peak",
    "log_sum_by",
    "lookup",
    "marginal_distance",
    "max_order",
    "max_radius",
    "mean_distance",
    "merge_siblings",
    "nested_from_ring",
    "north_and_east",
    "order_of_pixel_count",
    "pieces",
    "pixel_moments",
    "positions",
    "probability",
    "product",
    "refuse_too_many",
    "right_ascension_deg",
    "ring_from_nested",
    "sigma_of_radius",
    "sine_of_height",
    "slopes",
    "split",
    "thinned",
    "uniq_of",
    "unit_vectors",
    "valid_distance",
    "vectors",
]
