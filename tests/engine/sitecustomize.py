"""Imported first by the processes that the engine's tests start, whose path is this folder alone."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "guard"))
from loopback import install

install()
