"""What a test needs and a machine may lack: for people a reason to skip, where all must run a failure."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest


def absent(why: str) -> NoReturn:
    """Skip with this reason; where `CI` is set, fail with it: there nothing may be left out in silence."""
    if os.environ.get("CI"):
        pytest.fail(why, pytrace=False)
    pytest.skip(why)


def program(name: str, package: str) -> Path:
    """The program of this name, which a test of components starts; `package` says what to install to have it."""
    found = shutil.which(name)
    if found is None:
        absent(f"there is no program {name} on this machine; install {package}")
    return Path(found)
