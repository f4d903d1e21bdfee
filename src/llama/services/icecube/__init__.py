"""IceCube's neutrinos from public files: a release read as a sample (`sample`, the first thing to read), kept parsed
(`cache`), answering as a source (`archive`), in part (`excerpt`), and with neutrinos drawn from it (`simulated`)."""

from __future__ import annotations

from llama.services.icecube.archive import installed_archive, open_archive
from llama.services.icecube.excerpt import read_excerpt
from llama.services.icecube.sample import SIGMA_FLOOR_DEG
from llama.services.icecube.simulated import IceCubeSimulated

__all__ = [
    "SIGMA_FLOOR_DEG",
    "IceCubeSimulated",
    "installed_archive",
    "open_archive",
    "read_excerpt",
]
