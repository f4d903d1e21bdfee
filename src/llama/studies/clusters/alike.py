"""What all machines of a study must have alike, or their numbers could differ."""

from __future__ import annotations

import functools
import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import llama

_PACKAGES = ("numpy", "scipy", "astropy")


@functools.lru_cache(maxsize=1)
def build() -> str:
    """Versions, and a digest of the code of the whole package; the same text wherever the same numbers come out."""
    package = Path(llama.__file__).parent
    code = sha256()
    for path in sorted(package.rglob("*.py")):
        code.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return f"Python {platform.python_version()}, llama {llama.__version__} ({code.hexdigest()[:12]}), {packages}"
