"""The loops of the overlap integrals as machine code, for which `numba` must be installed (the extra `fast`).

`walk` is that of `overlap.nodes`, `declination` that of `overlap.declination`: the same formulas in the same order,
but one neutrino after another. Nobody imports them but `overlap.signal`, which looks whether it can be done.
"""
